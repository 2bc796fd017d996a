// A matrix product as a program of npu_array, and what it takes in closed
// form.
//
// C[m,n] = requantise(A[m,k] * W[k,n]). Columns of C go in tiles of the
// array's columns, k in tiles of its rows, rows of C in blocks of half the
// accumulators: while one half drains, the other is filled. What is missing
// to whole tiles of k and n is filled up with zeros; rows are not.
//   for each tile of n, for each block of m:
//     for each tile of k: LOAD, MATMUL (the first overwrites)
//     DRAIN
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_RTL_NPU_ARRAY_NPU_ARRAY_GEMM_H_
#define TRIPTYCH_RTL_NPU_ARRAY_NPU_ARRAY_GEMM_H_

#include <cstdint>
#include <span>
#include <vector>

#include "rtl/npu_array/npu_array_model.h"

namespace triptych::rtl {

struct NpuGemm {
  int64_t m = 0, n = 0, k = 0;  // positive
};

// `a` is A[m,k], `w` W[k,n], row-major without gaps; `params` one a column of
// C. All parameters are written before the first command, so
// n <= shape.cols * shape.sets.
NpuProgram NpuGemmProgram(const NpuArrayShape& shape, const NpuGemm& gemm,
                          std::span<const int8_t> a, std::span<const int8_t> w,
                          std::span<const NpuRequant> params);

// C[m,n] of the codes in the order in which that program drains them.
std::vector<int8_t> NpuGemmResult(const NpuArrayShape& shape,
                                  const NpuGemm& gemm,
                                  std::span<const int8_t> codes);

// Cycles from the first command's acceptance to the last row of codes taken,
// when commands and data are there and the output is taken at once: busy
// cycles of the program above.
//   fill    R + 1: the command, and the R rows of the first weights, which
//           nothing hides
//   stream  max(rows, R) a tile, for a tile's next weights take R cycles; the
//           last one its rows alone
//   drain   R + C + 5: the last sum down R rows, C columns of skew, and the
//           requantiser's 5 registers
// Any shape whose queues keep up: three commands a tile, so R >= 3.
struct NpuGemmCycles {
  int64_t fill = 0, stream = 0, drain = 0;
  int64_t total() const { return fill + stream + drain; }
};
NpuGemmCycles NpuGemmTime(const NpuArrayShape& shape, const NpuGemm& gemm);

}  // namespace triptych::rtl

#endif  // TRIPTYCH_RTL_NPU_ARRAY_NPU_ARRAY_GEMM_H_
