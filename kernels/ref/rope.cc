// SPDX-License-Identifier: Apache-2.0
#include "kernels/ref/rope.h"

#include <cmath>

namespace triptych::ref {

template <class T>
void Rope(MatView<T> x, size_t heads, size_t head_dim,
          std::span<const float> inv_freq, std::span<const int32_t> positions,
          RopeStyle style) {
  const size_t pairs = inv_freq.size();
  for (size_t t = 0; t < x.rows(); ++t) {
    for (size_t i = 0; i < pairs; ++i) {
      const double angle = double(positions[t]) * double{inv_freq[i]};
      const double cosine = std::cos(angle), sine = std::sin(angle);
      const bool half = style == RopeStyle::kHalf;
      const size_t first = half ? i : 2 * i;
      const size_t second = half ? i + pairs : 2 * i + 1;
      for (size_t h = 0; h < heads; ++h) {
        T& a = x(t, h * head_dim + first);
        T& b = x(t, h * head_dim + second);
        const double a_turned = a * cosine - b * sine;
        b = static_cast<T>(a * sine + b * cosine);
        a = static_cast<T>(a_turned);
      }
    }
  }
}

template void Rope<float>(MatView<float>, size_t, size_t,
                          std::span<const float>, std::span<const int32_t>,
                          RopeStyle);
template void Rope<double>(MatView<double>, size_t, size_t,
                           std::span<const float>, std::span<const int32_t>,
                           RopeStyle);

}  // namespace triptych::ref
