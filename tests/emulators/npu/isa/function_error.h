// How far the vector unit's functions are from exact ones.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TESTS_EMULATORS_NPU_ISA_FUNCTION_ERROR_H_
#define TRIPTYCH_TESTS_EMULATORS_NPU_ISA_FUNCTION_ERROR_H_

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <string_view>

#include "emulators/npu/isa/isa.h"

namespace triptych::npu {

// Exact enough: x87's 64 bits, or what long double is elsewhere.
inline long double Exact(VectorOp op, long double x) {
  using std::numbers::inv_sqrtpi_v;
  switch (op) {
    case VectorOp::kExp:
      return std::exp(x);
    case VectorOp::kSilu:
      return x / (1 + std::exp(-x));
    case VectorOp::kGeluTanh: {
      const long double slope =
          2 * std::numbers::sqrt2_v<long double> * inv_sqrtpi_v<long double>;
      return x / (1 + std::exp(-slope * (x + 0.044715L * x * x * x)));
    }
    case VectorOp::kGeluErf:
      return x * std::erfc(-x / std::numbers::sqrt2_v<long double>) / 2;
    case VectorOp::kTanh:
      return std::tanh(x);
    case VectorOp::kReciprocal:
      return 1 / x;
    default:
      return 1 / std::sqrt(x);
  }
}

// |got - exact| in units of the last place that an f32 next to `exact` has.
inline double UlpError(float got, long double exact) {
  const auto nearest = static_cast<float>(exact);
  if (!std::isfinite(nearest)) return got == nearest ? 0 : INFINITY;
  const int exponent = std::max(std::ilogb(exact), -126);
  return static_cast<double>(std::abs(static_cast<long double>(got) - exact) /
                             std::ldexp(1.0L, exponent - 23));
}

// The functions, and the most they may be off: anywhere, and where the result
// is at least 2^-24 in magnitude. Below, gates multiply the error of their
// exponent, or of a subnormal gate, by the size of x: on values that nothing
// of order 1 notices.
struct FunctionRow {
  VectorOp op;
  std::string_view name;
  double most_ulp, most_ulp_of_normal;
};
inline constexpr FunctionRow kFunctionRows[] = {
    {VectorOp::kExp, "exp", 0.52, 0.52},
    {VectorOp::kSilu, "silu", 60, 3},
    {VectorOp::kGeluTanh, "gelu_tanh", 250, 35},
    {VectorOp::kGeluErf, "gelu_erf", 10, 8},
    {VectorOp::kTanh, "tanh", 1.6, 1.6},
    {VectorOp::kReciprocal, "reciprocal", 0.5, 0.5},
    {VectorOp::kRsqrt, "rsqrt", 1.5, 1.5},
};

// The largest errors so far.
struct FunctionErrors {
  double ulp = 0, ulp_of_normal = 0;
  float at = 0, at_normal = 0;

  void Add(VectorOp op, float x, float got) {
    const long double exact = Exact(op, x);
    if (std::isnan(exact) || std::isnan(x)) return;
    const double error = UlpError(got, exact);
    if (error > ulp) ulp = error, at = x;
    if (std::abs(exact) >= 0x1p-24L && error > ulp_of_normal) {
      ulp_of_normal = error, at_normal = x;
    }
  }
};

}  // namespace triptych::npu

#endif  // TRIPTYCH_TESTS_EMULATORS_NPU_ISA_FUNCTION_ERROR_H_
