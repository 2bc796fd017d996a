// What inputs a weight meets: the mean products of pairs of them. The squared
// error of a product whose row of weights is off by d is d' M d, M these
// moments.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_QUANTISER_INPUT_MOMENTS_H_
#define TRIPTYCH_EMULATORS_NPU_QUANTISER_INPUT_MOMENTS_H_

#include <algorithm>
#include <cstddef>
#include <vector>

#include "kernels/base/mat_view.h"
#include "kernels/base/units.h"

namespace triptych::npu {

// Pairs are kept where both columns lie in one block, so that memory grows
// with the columns and not with their square. Sums are f64 in the order of the
// rows: the same on every host.
class InputMoments {
 public:
  // As many columns as correlations reach before they cost more than they are
  // worth: 2 KiB of sums a column.
  static constexpr size_t kBlock = 256;

  explicit InputMoments(size_t cols)
      : cols_(cols), sums_(cols * std::min(cols, kBlock)) {}

  // Adds rows of inputs.
  void Add(ConstMatView<float> rows);

  size_t cols() const { return cols_; }
  size_t count() const { return count_; }  // rows so far
  size_t blocks() const { return CeilDiv(cols_, kBlock); }
  size_t BlockCols(size_t block) const {
    return std::min(kBlock, cols_ - block * kBlock);
  }

  // Of columns i and j of one block, counted in it; 0 without rows.
  double Mean(size_t block, size_t i, size_t j) const {
    const double sum = RowOf(block, std::max(i, j))[std::min(i, j)];
    return count_ == 0 ? 0 : sum / static_cast<double>(count_);
  }
  double MeanSquare(size_t col) const {
    return Mean(col / kBlock, col % kBlock, col % kBlock);
  }

 private:
  const double* RowOf(size_t block, size_t i) const {
    return sums_.data() + (block * kBlock + i) * std::min(cols_, kBlock);
  }

  size_t cols_, count_ = 0;
  std::vector<double> sums_;  // [cols][kBlock], of pairs j <= i
};

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_QUANTISER_INPUT_MOMENTS_H_
