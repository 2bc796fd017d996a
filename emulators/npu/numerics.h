// Products of which a side is f32: they have no commands, as the array takes
// integers. Same bits on every host, for any thread count.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_NUMERICS_H_
#define TRIPTYCH_EMULATORS_NPU_NUMERICS_H_

#include <cstdint>
#include <span>

#include "emulators/npu/quantiser/quantiser.h"
#include "kernels/base/mat_view.h"
#include "models/weight_rows.h"

namespace triptych::npu {

// How a matrix product is quantised; see Params.
struct Quantization {
  int weight_bits = 8, activation_bits = 8;  // 2..8; 0: f32
  int64_t weight_group = 0;                  // 0: one scale a row

  // Columns that share a scale in a row of k weights.
  int64_t GroupOf(int64_t k) const {
    return weight_group > 0 && k % weight_group == 0 ? weight_group : k;
  }
};

// W[n, k] rounded to weight_bits under a scale each group of a row, or as it
// is.
class RoundedWeights {
 public:
  RoundedWeights() = default;
  // `w` is read at every product: it must outlive this.
  // `moments` of the weight's inputs, or null: read here.
  RoundedWeights(const WeightRows& w, const Quantization& q,
                 const QuantiserParams& params, const InputMoments* moments);

  // C[m,n] = A[m,k] * W[n,k]^T + bias, rows of A rounded to activation_bits
  // under a scale each, summed in f64 in the order of k. C does not overlap A.
  void Multiply(ConstMatView<float> a, std::span<const float> bias,
                MatView<float> c, int threads) const;

 private:
  Quantization q_;
  WeightRows rows_;
};

// Row r of x, rounded to `bits` (0: as it is) with one scale for the row.
void RoundRow(std::span<const float> x, int bits, std::span<float> out);

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_NUMERICS_H_
