// SPDX-License-Identifier: Apache-2.0
#include "kernels/ref/norm.h"

#include <cmath>

namespace triptych::ref {

template <class T>
void RmsNorm(ConstMatView<T> x, std::span<const float> weight, double eps,
             MatView<T> out) {
  const size_t n = x.cols();
  for (size_t r = 0; r < x.rows(); ++r) {
    double sum = 0;
    for (size_t c = 0; c < n; ++c) {
      sum += double{x(r, c)} * double{x(r, c)};
    }
    const double scale = 1 / std::sqrt(sum / static_cast<double>(n) + eps);
    for (size_t c = 0; c < n; ++c) {
      const double w = weight.empty() ? 1 : weight[c];
      out(r, c) = static_cast<T>(x(r, c) * scale * w);
    }
  }
}

template <class T>
void LayerNorm(ConstMatView<T> x, std::span<const float> weight,
               std::span<const float> bias, double eps, MatView<T> out) {
  const size_t n = x.cols();
  for (size_t r = 0; r < x.rows(); ++r) {
    double mean = 0, variance = 0;
    for (size_t c = 0; c < n; ++c) mean += x(r, c);
    mean /= static_cast<double>(n);
    for (size_t c = 0; c < n; ++c) {
      variance += (x(r, c) - mean) * (x(r, c) - mean);
    }
    variance /= static_cast<double>(n);
    const double scale = 1 / std::sqrt(variance + eps);
    for (size_t c = 0; c < n; ++c) {
      const double w = weight.empty() ? 1 : weight[c];
      const double b = bias.empty() ? 0 : bias[c];
      out(r, c) = static_cast<T>((x(r, c) - mean) * scale * w + b);
    }
  }
}

#define TRIPTYCH_INSTANTIATE(T)                                             \
  template void RmsNorm<T>(ConstMatView<T>, std::span<const float>, double, \
                           MatView<T>);                                     \
  template void LayerNorm<T>(ConstMatView<T>, std::span<const float>,       \
                             std::span<const float>, double, MatView<T>);
TRIPTYCH_INSTANTIATE(float)
TRIPTYCH_INSTANTIATE(double)
#undef TRIPTYCH_INSTANTIATE

}  // namespace triptych::ref
