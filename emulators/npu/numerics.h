// The NPU's arithmetic: integer products with exact sums, and f32 scales
// applied in a fixed order. Same bits on every host, for any thread count.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_NUMERICS_H_
#define TRIPTYCH_EMULATORS_NPU_NUMERICS_H_

#include <cstdint>
#include <vector>

#include "kernels/base/aligned.h"
#include "kernels/base/mat_view.h"
#include "kernels/matmul/matmul.h"
#include "models/weight_rows.h"

namespace triptych::npu {

// How a matrix product is quantised; see Params.
struct Quantization {
  int weight_bits = 8, activation_bits = 8;  // 2..8; 0: f32
  int64_t weight_group = 0;                  // 0: one scale a row

  bool integer() const { return weight_bits > 0 && activation_bits > 0; }
  // Columns that share a scale in a row of k weights.
  int64_t GroupOf(int64_t k) const {
    return weight_group > 0 && k % weight_group == 0 ? weight_group : k;
  }
};

// W[n, k], quantised once. Codes are round(w / scale) in -qmax..qmax with
// scale = absmax / qmax of each group of a row; ties to even.
class QuantizedWeights {
 public:
  QuantizedWeights() = default;
  // Without integers `w` is read at every product: it must outlive this.
  QuantizedWeights(const WeightRows& w, const Quantization& q, int threads);

  // C[m,n] = A[m,k] * W[n,k]^T + bias. Integer mode: rows of A are quantised
  // with a scale each; group sums are exact in int32 (k <= 131072); then
  //   c = ((f32(acc_0) * s_0 + f32(acc_1) * s_1) + ...) * scale_of_row + bias
  // in f32, in the order of the groups, without fused multiply-adds. Else
  // both sides are rounded to what they are quantised to and summed in f64
  // in the order of k. C does not overlap A.
  void Multiply(ConstMatView<float> a, std::span<const float> bias,
                MatView<float> c, int threads) const;

 private:
  void MultiplyInteger(ConstMatView<float> a, MatView<float> c,
                       int threads) const;
  void MultiplyRounded(ConstMatView<float> a, MatView<float> c,
                       int threads) const;
  Quantization q_;
  int64_t n_ = 0, group_ = 0;
  std::vector<PackedWeights> groups_;  // integer mode, by group
  std::vector<float> scales_;          // [group][n]
  WeightRows rounded_;                 // otherwise
};

// Row r of x, rounded to `bits` (0: as it is) with one scale for the row.
void RoundRow(std::span<const float> x, int bits, std::span<float> out);

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_NUMERICS_H_
