// The table of attention variants. See kernels/variants.h.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_ATTENTION_VARIANTS_H_
#define TRIPTYCH_KERNELS_ATTENTION_VARIANTS_H_

#include <span>

#include "kernels/variants.h"

namespace triptych {

std::span<const Variant> AttentionVariants();

}  // namespace triptych

#endif  // TRIPTYCH_KERNELS_ATTENTION_VARIANTS_H_
