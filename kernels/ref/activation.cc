// SPDX-License-Identifier: Apache-2.0
#include "kernels/ref/activation.h"

#include <cmath>
#include <cstddef>
#include <numbers>

namespace triptych::ref {
namespace {

double SiluOf(double x) { return x / (1 + std::exp(-x)); }

double GeluTanhOf(double x) {
  constexpr double kRootTwoByPi =
      std::numbers::sqrt2 * std::numbers::inv_sqrtpi;
  // (1 + tanh(t)) / 2 written as 1 / (1 + exp(-2t)): nothing cancels at
  // large negative x.
  const double t = kRootTwoByPi * (x + 0.044715 * x * x * x);
  return x / (1 + std::exp(-2 * t));
}

double GeluErfOf(double x) {
  return x * 0.5 * std::erfc(-x / std::numbers::sqrt2);  // likewise
}

template <class T>
void Map(double (*f)(double), std::span<const T> x, std::span<T> out) {
  for (size_t i = 0; i < x.size(); ++i) out[i] = static_cast<T>(f(x[i]));
}

}  // namespace

template <class T>
void Silu(std::span<const T> x, std::span<T> out) {
  Map(SiluOf, x, out);
}
template <class T>
void GeluTanh(std::span<const T> x, std::span<T> out) {
  Map(GeluTanhOf, x, out);
}
template <class T>
void GeluErf(std::span<const T> x, std::span<T> out) {
  Map(GeluErfOf, x, out);
}
template <class T>
void SiluMul(std::span<const T> gate, std::span<const T> up, std::span<T> out) {
  for (size_t i = 0; i < gate.size(); ++i) {
    out[i] = static_cast<T>(SiluOf(gate[i]) * up[i]);
  }
}

#define TRIPTYCH_INSTANTIATE(T)                                    \
  template void Silu<T>(std::span<const T>, std::span<T>);         \
  template void GeluTanh<T>(std::span<const T>, std::span<T>);     \
  template void GeluErf<T>(std::span<const T>, std::span<T>);      \
  template void SiluMul<T>(std::span<const T>, std::span<const T>, \
                           std::span<T>);
TRIPTYCH_INSTANTIATE(float)
TRIPTYCH_INSTANTIATE(double)
#undef TRIPTYCH_INSTANTIATE

}  // namespace triptych::ref
