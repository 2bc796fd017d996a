// Rotary position embedding, plainly (see kernels/ref/norm.h).
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_REF_ROPE_H_
#define TRIPTYCH_KERNELS_REF_ROPE_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/base/mat_view.h"
#include "kernels/rope/rope.h"

namespace triptych::ref {

// As triptych::Rope.
template <class T>
void Rope(MatView<T> x, size_t heads, size_t head_dim,
          std::span<const float> inv_freq, std::span<const int32_t> positions,
          RopeStyle style);

}  // namespace triptych::ref

#endif  // TRIPTYCH_KERNELS_REF_ROPE_H_
