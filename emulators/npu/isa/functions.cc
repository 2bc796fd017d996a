// The scalar forms.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/isa/functions.h"

#include <algorithm>
#include <cmath>

#include "emulators/npu/isa/function_constants.h"
#include "kernels/base/check.h"

namespace triptych::npu {
namespace {

// x times the gate 1 / (1 + e) where e = exp(-|u|) and u has the sign of x;
// for negative u the gate is e / (1 + e).
float Gate(float x, float e) {
  const float gated = x < 0 ? std::max(x, kGateLowest) * e : x;
  return OneNan(gated / (1 + e));
}

}  // namespace

float Exp(float x) {
  if (x != x) return OneNan(x);
  const auto bits = std::bit_cast<uint32_t>(x);
  const uint32_t magnitude = std::min(bits & 0x7fff'ffff, kExpLargest);
  const uint32_t field = magnitude >> 23;
  // |x| log2(e) in units of 2^-31: the product has 62 - (field - 127) binary
  // places.
  const uint64_t significand = (magnitude & 0x7f'ffff) | 0x80'0000;
  const uint64_t scaled =
      significand * kLog2E >> std::min<uint32_t>(158 - field, 63);
  const uint64_t zero = kExpBias << 31;
  const uint64_t power = (bits >> 31) != 0 ? zero - scaled : zero + scaled;
  // exp(x) = 2^(n - kExpBias) * (1 + what f gives), f in units of 2^-32.
  const uint64_t n = power >> 31, f = (power & 0x7fff'ffff) << 1;
  uint64_t sum = kExp2[6];
  for (int i = 5; i >= 0; --i) {
    sum = kExp2[static_cast<size_t>(i)] + (sum * f >> 32);
  }
  const uint64_t y = (uint64_t{1} << 31) + (sum * f >> 32);
  // Round to 24 bits, half up; below 2^-126, to what a subnormal has.
  constexpr uint64_t kNormal = kExpBias - 126;
  const uint64_t below = n < kNormal ? kNormal - n : 0;
  const uint64_t drop = std::min<uint64_t>(8 + below, 40);
  const uint64_t rounded = (y + (uint64_t{1} << (drop - 1))) >> drop;
  // The leading one of `rounded` adds itself to the exponent.
  const uint64_t result = ((n + below - kNormal) << 23) + rounded;
  return std::bit_cast<float>(
      static_cast<uint32_t>(std::min<uint64_t>(result, 0x7f80'0000)));
}

float Silu(float x) { return Gate(x, Exp(-std::abs(x))); }

float GeluTanh(float x) {
  const float u = x * (kGeluLinear + kGeluCubic * (x * x));
  return Gate(x, Exp(-std::abs(u)));
}

float GeluErf(float x) {
  if (x != x) return OneNan(x);
  const float a = std::min(std::abs(x), 100.f);
  const float t = 1 / (1 + kTailScale * a);
  float sum = kTail[8];
  for (int i = 7; i >= 0; --i) sum = kTail[static_cast<size_t>(i)] + sum * t;
  // a^2 / 2 in two parts: the square of a's upper 12 bits is exact, and what
  // is left is too small to magnify a rounding error.
  const float high =
      std::bit_cast<float>(std::bit_cast<uint32_t>(a) & 0xffff'f000);
  const float low = a - high;
  const float e1 = Exp(-0.5f * (high * high));
  const float e2 = Exp(-0.5f * (low * (a + high)));
  const float tail = e1 * e2 * (sum * t);
  return x < 0 ? std::max(x, kGateLowest) * tail : x * (1 - tail);
}

float Tanh(float x) {
  const float a = std::abs(x);
  if (a < kTanhSmall) {
    const float z = a * a;
    float sum = kTanh[4];
    for (int i = 3; i >= 0; --i) sum = kTanh[static_cast<size_t>(i)] + sum * z;
    return std::copysign(a + a * (z * sum), x);
  }
  const float e = Exp(-2 * a);
  return OneNan(std::copysign((1 - e) / (1 + e), x));
}

float Reciprocal(float x) { return OneNan(1 / x); }
float Rsqrt(float x) { return OneNan(1 / std::sqrt(x)); }

float Function(VectorOp op, float x) {
  switch (op) {
    case VectorOp::kExp:
      return Exp(x);
    case VectorOp::kSilu:
      return Silu(x);
    case VectorOp::kGeluTanh:
      return GeluTanh(x);
    case VectorOp::kGeluErf:
      return GeluErf(x);
    case VectorOp::kTanh:
      return Tanh(x);
    case VectorOp::kReciprocal:
      return Reciprocal(x);
    case VectorOp::kRsqrt:
      return Rsqrt(x);
    default:
      TRIPTYCH_CHECK(false, "no function of one operand", static_cast<int>(op));
  }
}

}  // namespace triptych::npu
