// Weights to codes and scales, when a model is compiled.
//
// A weight w under scale s becomes a code c and stands for c * s. Two choices:
//   scale     "absmax": |w| / qmax, codes -qmax..qmax, ties to even: what the
//             machine does to activations. "search": the s, of either sign,
//             that makes the sum of importance * (w - c s)^2 over the group
//             small, codes -qmax - 1..qmax. Importance is the mean square of
//             the input that a weight meets, or 1.
//   rounding  "nearest", or "compensated": compensation.h.
// Integer codes come from IEEE f32 and f64 in a fixed order: they are the same
// on every host and for any number of threads.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_QUANTISER_QUANTISER_H_
#define TRIPTYCH_EMULATORS_NPU_QUANTISER_QUANTISER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "emulators/npu/params.h"
#include "emulators/npu/quantiser/compensation.h"
#include "emulators/npu/quantiser/input_moments.h"

namespace triptych::npu {

// The scale of a group by search: |scale| in a range of absmax / (qmax + 1),
// then the best for the codes found. `importance` is none or as long as `w`,
// not negative. 0 for zeros, NaN for what is not finite.
float SearchScale(std::span<const float> w, std::span<const float> importance,
                  int bits);

// Of the rows of one weight. Thread-safe.
class Quantiser {
 public:
  // `bits` of 2 to 8, a scale each `group` columns. `moments` of the inputs,
  // or null; read here, not kept.
  Quantiser(const QuantiserParams& params, int bits, size_t group,
            const InputMoments* moments = nullptr);

  // codes: as long as `row`; scales: one a group. `row` is whole groups.
  void Quantise(std::span<const float> row, std::span<int8_t> codes,
                std::span<float> scales) const;

 private:
  float ScaleOf(std::span<const float> group, size_t first) const;
  int8_t CodeOf(float w, float scale) const;
  void Compensated(std::span<const float> row, std::span<int8_t> codes,
                   std::span<float> scales) const;

  bool search_;
  int bits_;
  size_t group_;
  std::vector<float> importance_;  // of each column; empty: all the same
  std::optional<Compensation> compensation_;
};

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_QUANTISER_QUANTISER_H_
