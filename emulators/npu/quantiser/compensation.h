// What the weights of a row should still change by, once one of them had to
// be rounded.
//
// Let M be the moments of a block's inputs (input_moments.h). If weight i is
// off by e, the squared error of the products is least when each weight j > i
// goes down by e * F(i, j), where F is the inverse of U in M = U D U',
// U unit upper triangular: rounding a weight after the other, each with what
// those before it left, is GPTQ (Frantar et al., 2022) without its inverse of
// M.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_QUANTISER_COMPENSATION_H_
#define TRIPTYCH_EMULATORS_NPU_QUANTISER_COMPENSATION_H_

#include <cstddef>
#include <span>
#include <vector>

#include "emulators/npu/quantiser/input_moments.h"

namespace triptych::npu {

class Compensation {
 public:
  // Part of the mean moment that is added to every MeanSquare: what a short
  // text says of pairs of inputs is partly chance. 0.01 to 0.3 were tried on
  // stories260K: below 0.1 a text of 256 tokens makes things worse than
  // rounding to nearest.
  static constexpr double kDamping = 0.1;

  explicit Compensation(const InputMoments& moments);

  // Of the columns after `col` in its block, the next one first.
  std::span<const float> Factors(size_t col) const;

 private:
  void Factor(const InputMoments& moments, size_t block);

  size_t cols_;
  std::vector<float> factors_;  // [cols][kBlock]
};

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_QUANTISER_COMPENSATION_H_
