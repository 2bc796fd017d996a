// The table of softmax variants. See kernels/variants.h.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_SOFTMAX_VARIANTS_H_
#define TRIPTYCH_KERNELS_SOFTMAX_VARIANTS_H_

#include <span>

#include "kernels/variants.h"

namespace triptych {

std::span<const Variant> SoftmaxVariants();

}  // namespace triptych

#endif  // TRIPTYCH_KERNELS_SOFTMAX_VARIANTS_H_
