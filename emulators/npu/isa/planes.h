// The array's weights in the fast machine: two planes, and products with the
// one in force.
//
// Products of few rows read the weights where they lie, in the scratchpad;
// those of many rows, in the order of kernels/matmul, into which a plane is
// packed once, at the first such product. Neither copies anything at the time
// weights are loaded; so whoever is about to write to the scratchpad says it,
// and what a plane still needs of the place is saved first.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_ISA_PLANES_H_
#define TRIPTYCH_EMULATORS_NPU_ISA_PLANES_H_

#include <cstddef>
#include <cstdint>

#include "emulators/npu/isa/fast_ops.h"
#include "kernels/base/aligned.h"

namespace triptych::npu {

// Rows of W[n,k], or of W[k,n] if transposed. Not thread-safe.
class Plane {
 public:
  // Weights that lie at `w`, `stride` bytes from row to row.
  void Set(const int8_t* w, size_t stride, size_t k, size_t n, bool transposed);
  // No weights.
  void Clear() { w_ = nullptr; }
  // [low, high) is about to be written.
  void BeforeWrite(const std::byte* low, const std::byte* high);

  // c[r][j] (+)= sum over i of a[r * a_stride + i] * W[j,i]; r < rows, c rows
  // c_stride words apart, a in local memory. Modulo 2^32.
  void Multiply(const FastOps& ops, const int8_t* a, size_t a_stride,
                size_t rows, int32_t* c, size_t c_stride, bool accumulate);

 private:
  void Pack(const FastOps& ops);
  void MultiplyRow(const FastOps& ops, const int8_t* a, int32_t* c,
                   bool accumulate);

  const int8_t* w_ = nullptr;
  size_t stride_ = 0, k_ = 0, n_ = 0;
  bool transposed_ = false, packed_ = false;
  AlignedVector<int8_t> saved_;
  AlignedVector<std::byte> panels_;
  AlignedVector<int32_t> correction_;  // -128 * the sum of each output's row
  AlignedVector<uint8_t> rows_;        // scratch
};

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_ISA_PLANES_H_
