// The elementary functions of the vector unit on f32: the same bits on every
// host. Each is defined by integer arithmetic on the bits or by IEEE f32
// additions, products, quotients and square roots in a fixed order, every one
// rounded to nearest even; README.md has the algorithms. A NaN gives the quiet
// NaN 0x7fc00000. Subnormals are kept: flush-to-zero must be off.
//
// Largest errors over all f32 inputs, in units of the last place of the exact
// result, are measured by tests/emulators/npu/isa/functions_test.cc.
// Thread-safe.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_ISA_FUNCTIONS_H_
#define TRIPTYCH_EMULATORS_NPU_ISA_FUNCTIONS_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "emulators/npu/isa/isa.h"

namespace triptych::npu {

inline constexpr uint32_t kQuietNan = 0x7fc00000;

// x, or the one NaN there is.
inline float OneNan(float x) {
  return x == x ? x : std::bit_cast<float>(kQuietNan);
}

// Bits of |x| <= what; order of all numbers with -0 below 0, as the maximum
// and minimum of the vector unit take them.
inline int32_t OrderOf(float x) {
  const auto bits = std::bit_cast<int32_t>(x);
  return bits ^ ((bits >> 31) & 0x7fffffff);
}

float Exp(float x);  // non-decreasing
float Silu(float x);
float GeluTanh(float x);
float GeluErf(float x);
float Tanh(float x);
float Reciprocal(float x);  // the f32 nearest 1 / x
float Rsqrt(float x);       // nearest 1 / (nearest sqrt x); NaN below 0

// out[i] = op(in[i]), kExp .. kRsqrt, by the best SIMD target of this machine;
// the same bits as the scalar forms. in may be out.
void MapFunction(VectorOp op, const float* in, float* out, size_t n);

// One of the scalar forms, kExp .. kRsqrt (a check).
float Function(VectorOp op, float x);

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_ISA_FUNCTIONS_H_
