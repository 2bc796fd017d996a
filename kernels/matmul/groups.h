// What the loops of quantised products (quantized.cc) and the per-target code
// (groups.cc) agree on.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_MATMUL_GROUPS_H_
#define TRIPTYCH_KERNELS_MATMUL_GROUPS_H_

#include <cstddef>
#include <cstdint>

namespace triptych::matmul {

// sums[rows, cols] (+)= the groups of one step.
struct GroupBlock {
  const int8_t* a;  // row 0 at this step
  size_t a_stride;
  const int32_t* starts;  // row 0 at this step
  size_t starts_stride;
  const std::byte* w;  // first panel at this step
  size_t w_stride;     // bytes from panel to panel
  size_t groups;
  size_t octets;   // eights of k in a group
  bool from_zero;  // else from what sums holds
  float* sums;
  size_t sums_stride;  // elements
  size_t rows, cols;   // rows <= kMc, cols <= kNc
};

// One panel of a step, all of its groups, as panels of bf16 weights
// (PackedWeights): code * group scale, to nearest.
struct DecodeBlock {
  const std::byte* w;
  size_t groups, octets;  // as in GroupBlock
  size_t outputs;         // that are wanted; those of whole panels are written
  std::byte* to;
  size_t to_stride;  // bytes from panel to panel
};

// c = sums * a_scale * w_scale (+ bias) (+ residual), for a finished block.
struct FinishBlock {
  const float* sums;
  size_t sums_stride;
  const float* a_scale;   // [rows], or null: 1
  const float* w_scale;   // [cols]
  const float* bias;      // [cols] or null
  const float* residual;  // or null; may be c
  size_t residual_stride;
  float* c;
  size_t c_stride;
  size_t rows, cols;
};

// starts[g] = -zero * the sum of codes[g * group .. ) for g < groups; group is
// a multiple of 8.
using StartsFunction = void (*)(const int8_t* codes, size_t group,
                                size_t groups, int32_t zero, int32_t* starts);

// The functions of the best SIMD target this machine has.
struct GroupFunctions {
  void (*block)(const GroupBlock&);
  void (*decode)(const DecodeBlock&);
  void (*finish)(const FinishBlock&);
  StartsFunction starts;
};
GroupFunctions GroupFunctionsOf(int bits);

}  // namespace triptych::matmul

#endif  // TRIPTYCH_KERNELS_MATMUL_GROUPS_H_
