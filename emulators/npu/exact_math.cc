// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/exact_math.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <numbers>

namespace triptych::npu {
namespace {

// A constant in two doubles: high has trailing zero bits, so that n * high is
// exact for the n that occur.
constexpr double kLn2High = 0x1.62e42fefa0000p-1;
constexpr double kLn2Low = 0x1.cf79abc9e3b3ap-40;
constexpr double kHalfPiHigh = 0x1.921fb54400000p+0;
constexpr double kHalfPiLow = 0x1.0b4611a626331p-34;

double TimesPowerOf2(double x, int64_t n) {
  return x * std::bit_cast<double>(static_cast<uint64_t>(n + 1023) << 52);
}

}  // namespace

double ExactExp(double x) {
  if (x < -708) return 0;
  if (x > 709) x = 709;
  const double n = std::floor(x / std::numbers::ln2 + 0.5);
  const double r = (x - n * kLn2High) - n * kLn2Low;
  // Taylor's series on |r| <= ln(2)/2: the 13th term is below 2^-53.
  double sum = 1;
  for (int i = 13; i >= 1; --i) sum = 1 + sum * r / i;
  return TimesPowerOf2(sum, static_cast<int64_t>(n));
}

std::pair<double, double> ExactSinCos(double x) {
  const double n = std::floor(x * (2 / std::numbers::pi) + 0.5);
  const double r = (x - n * kHalfPiHigh) - n * kHalfPiLow;
  double sine = 0, cosine = 0;
  for (int i = 17; i >= 1; i -= 2)
    sine = 1 - r * r / ((i + 1) * (i + 2)) * sine;
  for (int i = 16; i >= 0; i -= 2) {
    cosine = 1 - r * r / ((i + 1) * (i + 2)) * cosine;
  }
  sine *= r;
  switch (static_cast<int64_t>(n) & 3) {
    case 0:
      return {sine, cosine};
    case 1:
      return {cosine, -sine};
    case 2:
      return {-sine, -cosine};
  }
  return {-cosine, sine};
}

double ExactTanh(double x) {
  const double e = ExactExp(-2 * std::abs(x));
  const double t = (1 - e) / (1 + e);
  return x < 0 ? -t : t;
}

double ExactErf(double x) {
  const double a = std::abs(x);
  if (a > 6) return x < 0 ? -1 : 1;
  // erf a = 2/sqrt(pi) exp(-a^2) sum over i of 2^i a^(2i+1) / (2i+1)!!
  // (Abramowitz and Stegun 7.1.6): all terms positive, no cancellation.
  double term = a, sum = a;
  for (int i = 1; i < 200 && term > 1e-18 * sum; ++i) {
    term *= 2 * a * a / (2 * i + 1);
    sum += term;
  }
  const double erf = 2 * std::numbers::inv_sqrtpi * ExactExp(-a * a) * sum;
  return x < 0 ? -erf : erf;
}

}  // namespace triptych::npu
