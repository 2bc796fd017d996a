// The table of rotary embeddings. See kernels/variants.h.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_ROPE_VARIANTS_H_
#define TRIPTYCH_KERNELS_ROPE_VARIANTS_H_

#include <span>

#include "kernels/variants.h"

namespace triptych {

std::span<const Variant> RopeVariants();

}  // namespace triptych

#endif  // TRIPTYCH_KERNELS_ROPE_VARIANTS_H_
