// Normalisation of rows, with what a transformer does to them just before
// (adding the residual) and just after (quantising them for a product).
//
// Each row is normalised by itself: it gives the same bits whatever other
// rows are in the call and however many threads there are, and the same bits
// fused as in separate calls (Add, the norm, QuantizeRowsI8). Squares of
// elements, and their sum over a row, must not overflow f32.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_NORM_NORM_H_
#define TRIPTYCH_KERNELS_NORM_NORM_H_

#include <span>

#include "kernels/base/mat_view.h"
#include "kernels/quant/quant.h"

namespace triptych {

// The rows to normalise: x itself, which converts to this; or x + residual,
// which is also written to `sum`. All of one shape; sum may be x or residual.
struct NormInput {
  NormInput(ConstMatView<float> rows) : x(rows) {}
  NormInput(MatView<float> rows) : x(rows) {}
  NormInput(ConstMatView<float> rows, ConstMatView<float> added,
            MatView<float> kept)
      : x(rows), residual(added), sum(kept), has_residual(true) {}

  // `count` rows from `first`; the same memory.
  NormInput Rows(size_t first, size_t count) const {
    if (!has_residual) return x.Rows(first, count);
    return {x.Rows(first, count), residual.Rows(first, count),
            sum.Rows(first, count)};
  }

  ConstMatView<float> x, residual;
  MatView<float> sum;
  bool has_residual = false;
};

// out[r,c] = x[r,c] / sqrt(mean_c(x[r,c]^2) + eps) * weight[c], x being the
// sum where there is a residual. weight has x.cols() elements, or none for
// ones. Floats of out may be any of the input's.
void RmsNorm(const NormInput& in, std::span<const float> weight, float eps,
             const RowOutput& out, int threads = 1);

// out[r,c] = (x[r,c] - mean_r) / sqrt(variance_r + eps) * weight[c] + bias[c]
// with the population's variance, x and out as above. weight and bias have
// x.cols() elements, or none for ones and zeros.
void LayerNorm(const NormInput& in, std::span<const float> weight,
               std::span<const float> bias, float eps, const RowOutput& out,
               int threads = 1);

}  // namespace triptych

#endif  // TRIPTYCH_KERNELS_NORM_NORM_H_
