// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/quantiser/input_moments.h"

#include "kernels/base/check.h"

namespace triptych::npu {

void InputMoments::Add(ConstMatView<float> rows) {
  TRIPTYCH_CHECK(rows.cols() == cols_, rows.cols(), cols_);
  const size_t stride = std::min(cols_, kBlock);
  for (size_t r = 0; r < rows.rows(); ++r) {
    const auto x = rows.row_span(r);
    for (size_t i = 0; i < cols_; ++i) {
      const size_t first = i / kBlock * kBlock;
      double* const sums = sums_.data() + i * stride;
      const double xi = x[i];
      for (size_t j = first; j <= i; ++j) sums[j - first] += xi * x[j];
    }
  }
  count_ += rows.rows();
}

}  // namespace triptych::npu
