// The table of elementwise operators. See kernels/variants.h.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_ELEMENTWISE_VARIANTS_H_
#define TRIPTYCH_KERNELS_ELEMENTWISE_VARIANTS_H_

#include <span>

#include "kernels/variants.h"

namespace triptych {

std::span<const Variant> ElementwiseVariants();

}  // namespace triptych

#endif  // TRIPTYCH_KERNELS_ELEMENTWISE_VARIANTS_H_
