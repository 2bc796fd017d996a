// Trials of operators that end in a RowOutput, with codes for their output.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_QUANT_QUANTIZED_TRIAL_H_
#define TRIPTYCH_KERNELS_QUANT_QUANTIZED_TRIAL_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/guarded_matrix.h"
#include "kernels/quant/quant.h"
#include "kernels/row_trial.h"
#include "kernels/variants.h"

namespace triptych {

// The codes, then the scale, of a row whose elements are known to within
// their bounds. A code is one integer, or either of two where the bounds leave
// open to which side the product with 127 / absmax is rounded.
inline std::vector<Expected> ExpectedCodes(std::span<const Expected> row) {
  double absmax = 0, slack = 0;
  for (const Expected& e : row) {
    absmax = std::max(absmax, std::abs(e.value));
    slack = std::max(slack, e.bound);
  }
  const double least = absmax - slack;  // of what the kernel finds
  std::vector<Expected> expected;
  for (const Expected& e : row) {
    if (least <= 0) {
      expected.push_back({0, slack > 0 ? 127.0 : 0.0});
      continue;
    }
    const double exact = e.value * 127 / absmax;
    // Element and largest are off; a quotient and a product are rounded.
    const double off =
        (127 * e.bound + std::abs(exact) * slack) / least + 127 * 2.1 * kUnit;
    const double low = std::nearbyint(exact - off);
    const double high = std::nearbyint(exact + off);
    expected.push_back({(low + high) / 2, (high - low) / 2});
  }
  expected.push_back({absmax / 127, (slack + absmax * kUnit) / 127});
  return expected;
}

// Base is a RowTrial with Call(const RowOutput&, threads). What its Output
// has after the f32 elements of a row comes after the codes and the scale.
template <class Base>
class QuantizedTrial : public Base {
 public:
  QuantizedTrial(const ProblemShape& shape, uint64_t seed)
      : Base(shape, seed),
        codes_(MatrixOf<int8_t>(shape[0], shape[1])),
        scales_(shape[0]) {}

  void Run(int threads) override {
    this->Call(QuantizedRows{codes_.view(), scales_}, threads);
  }
  std::vector<double> Output(size_t row) const override {
    const auto codes = codes_.view().row_span(row);
    std::vector<double> result(codes.begin(), codes.end());
    result.push_back(scales_[row]);
    const std::vector<double> floats = Base::Output(row);
    result.insert(result.end(), floats.begin() + codes.size(), floats.end());
    return result;
  }
  std::vector<Expected> Reference(size_t row) const override {
    const std::vector<Expected> floats = Base::Reference(row);
    const std::span all(floats);
    const size_t cols = this->cols();
    std::vector<Expected> result = ExpectedCodes(all.first(cols));
    result.insert(result.end(), floats.begin() + cols, floats.end());
    return result;
  }
  bool GuardsIntact() const override {
    return codes_.Intact() && Base::GuardsIntact();
  }
  // The largest element of row 0, which sets the scale, is made from its
  // neighbour.
  bool Sabotage() override {
    const size_t cols = this->cols();
    if (this->rows() == 0 || cols < 2) return false;
    const std::vector<Expected> floats = Base::Reference(0);
    const auto largest =
        std::max_element(floats.begin(), floats.begin() + cols,
                         [](const Expected& a, const Expected& b) {
                           return std::abs(a.value) < std::abs(b.value);
                         });
    const auto c = static_cast<size_t>(largest - floats.begin());
    const MatView<float> x = this->mutable_in(0);
    x(0, c) = x(0, c > 0 ? c - 1 : 1);
    return true;
  }

 private:
  GuardedMatrix<int8_t> codes_;
  std::vector<float> scales_;
};

}  // namespace triptych

#endif  // TRIPTYCH_KERNELS_QUANT_QUANTIZED_TRIAL_H_
