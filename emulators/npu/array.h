// How long a systolic array takes, in closed form.
//
// A product C[m,n] = A[m,k] * B[k,n] is cut into folds that fill the R x C
// array. In a fold one operand (the outputs, the weights, or the inputs)
// stays in place while the others stream through, skewed by one cycle a row
// and a column:
//   os: ceil(m/R) ceil(n/C) folds; k steps, R - 1 + C - 1 of skew
//   ws: ceil(k/R) ceil(n/C) folds; R to load, m steps, R - 1 + C - 1 of skew
//   is: ceil(k/R) ceil(m/C) folds; R to load, n steps, R - 1 + C - 1 of skew
// (A. Samajdar et al., SCALE-Sim, ISPASS 2020, section III, for square
// arrays.) With overlap the loading and draining of one fold hide behind the
// streaming of its neighbours, and the skew is paid once.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_ARRAY_H_
#define TRIPTYCH_EMULATORS_NPU_ARRAY_H_

#include <cstdint>
#include <string_view>

namespace triptych::npu {

enum class Dataflow : uint8_t { kOutput, kWeight, kInput };

struct ArraySize {
  int64_t rows = 0, cols = 0;
  bool overlap = false;
};
struct GemmSize {
  int64_t m = 0, n = 0, k = 0;
};

// All sizes positive; 64-bit arithmetic does not overflow below 2^62 MACs.
int64_t Folds(Dataflow dataflow, const GemmSize& gemm, const ArraySize& array);
int64_t ArrayCycles(Dataflow dataflow, const GemmSize& gemm,
                    const ArraySize& array);

// Multiply-adds the array could have done on the rows and columns it filled
// up, less those of the product: what padding to whole folds wastes.
int64_t PaddingMacs(Dataflow dataflow, const GemmSize& gemm,
                    const ArraySize& array);

// The one with the fewest cycles; weight-stationary on a tie.
Dataflow FastestDataflow(const GemmSize& gemm, const ArraySize& array);

// One product on an array tile as it is built: rtl/npu_array, with R rows, C
// columns and `acc_rows` rows of accumulators (at least 2), of which one half
// fills while the other drains through the requantiser. Blocks of at most
// acc_rows / 2 rows of m take
//   fill    R + 1: the first weights, R rows one a cycle, and the command;
//           nothing hides them
//   stream  max(rows, R) for each block and fold, for the next weights shift
//           in meanwhile and take R; the very last one its rows alone
//   drain   R + C + 5: the last sum down the rows, the skew of the columns, 5
//           registers of the requantiser. Every other drain hides.
// from the first command to the last row of codes, commands, data and a taker
// of codes being there. Blocks of a fold do not share its weights: each loads
// them anew, hidden. With all of m in one block this is ArrayCycles' overlap
// plus 8 cycles of registers, less R - m where m < R: there the last fold
// waits for no more weights.
//
// Tests hold it to the Verilated block, cycle by cycle, at 8 x 8, 16 x 16 and
// 4 x 12; and to what that obeys, rtl/npu_array/npu_array_timing.h, for R from
// 3 on and any C (tests/rtl/npu_array_test.cc, tests/emulators/npu).
struct WsCycles {
  int64_t fill = 0, stream = 0, drain = 0;
  int64_t total() const { return fill + stream + drain; }
};
WsCycles WsTileCycles(const GemmSize& gemm, const ArraySize& array,
                      int64_t acc_rows);

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_ARRAY_H_
