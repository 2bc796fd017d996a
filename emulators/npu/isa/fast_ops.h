// What the fast machine does to rows, once per SIMD target. Every function
// gives the bits of the scalar machine (oracle.cc); sums have isa.h's order.
//
// Rows of f32 are aligned to 4; codes to nothing. n is at least 1.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_ISA_FAST_OPS_H_
#define TRIPTYCH_EMULATORS_NPU_ISA_FAST_OPS_H_

#include <cstddef>
#include <cstdint>

#include "emulators/npu/isa/isa.h"

namespace triptych::npu {

// c[j] (+)= sum over i < k of a[i] * w[j * w_stride + i], j < n; modulo 2^32.
struct DotRow {
  const int8_t* a;  // readable to the next multiple of 64, zeros beyond k
  const int8_t* w;
  size_t w_stride, k, n;
  int32_t* c;
  bool accumulate;
};

struct DequantizeRow {
  const int32_t* acc;
  const float* scales;     // [n] or null: 1
  const float* row_scale;  // one, or null: 1
  float* dst;
  size_t n;
  bool accumulate;
};

struct RequantizeRow {
  const int32_t* acc;
  const int32_t* table;  // n pairs of multiplier and shift
  int8_t* dst;
  size_t n;
  int32_t zero_point, low, high;
  bool twice;
};

struct NormRow {
  const float* src;
  const float *weight, *bias;  // or null
  float* dst;
  size_t n;
  float eps;
  bool layer;
};

struct SoftmaxRow {
  const float* src;
  float* dst;
  size_t n, visible;
  bool normalize;
};

struct RopeHead {
  float* x;
  const float* table;  // pairs of cosine and sine
  size_t pairs;
  bool half;
};

struct FastOps {
  // 2 n codes from n bytes, the low nibble first.
  void (*unpack4)(const uint8_t* in, int8_t* out, size_t n);
  void (*dot)(const DotRow& row);
  // out[i] = x[i] + 128.
  void (*bias)(const int8_t* x, uint8_t* out, size_t n);
  // lines[64 l + 4 o + i] = w[o * stride + 4 l + i], i < 4, l < 4, o < 16.
  void (*units)(const int8_t* w, size_t stride, std::byte* lines);
  // line[4 o + i] = w[i * stride + o], i < 4, o < 16.
  void (*interleave4)(const int8_t* w, size_t stride, std::byte* line);
  // sums[o] = -128 * the sum of the four bytes of unit o of every line; 16
  // units a line.
  void (*unit_sums)(const std::byte* lines, size_t count, int32_t* sums);
  void (*add)(const int32_t* x, int32_t* out, size_t n);  // out += x
  void (*dequantize)(const DequantizeRow& row);
  void (*requantize)(const RequantizeRow& row);
  float (*quantize)(const float* x, int bits, int8_t* codes, size_t n);
  // kAdd .. kMin with b[i], or with b[0] throughout.
  void (*binary)(VectorOp op, const float* a, const float* b, bool one_b,
                 float* out, size_t n);
  void (*function)(VectorOp op, const float* in, float* out, size_t n);
  float (*reduce)(ReduceOp op, const float* x, size_t n);
  void (*norm)(const NormRow& row);
  float (*softmax)(const SoftmaxRow& row);  // returns the sum
  void (*rope)(const RopeHead& head);
};

// The functions of the best SIMD target this machine has.
const FastOps& BestOps();

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_ISA_FAST_OPS_H_
