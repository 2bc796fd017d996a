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

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_ARRAY_H_
