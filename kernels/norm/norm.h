// Normalisation of rows.
//
// Each row is normalised by itself: it gives the same bits whatever other
// rows are in the call and however many threads there are. Squares of
// elements, and their sum over a row, must not overflow f32.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_NORM_NORM_H_
#define TRIPTYCH_KERNELS_NORM_NORM_H_

#include <span>

#include "kernels/base/mat_view.h"

namespace triptych {

// out[r,c] = x[r,c] / sqrt(mean_c(x[r,c]^2) + eps) * weight[c].
// weight has x.cols() elements, or none for ones. out may be x.
void RmsNorm(ConstMatView<float> x, std::span<const float> weight, float eps,
             MatView<float> out, int threads = 1);

// out[r,c] = (x[r,c] - mean_r) / sqrt(variance_r + eps) * weight[c] + bias[c]
// with the population's variance. weight and bias have x.cols() elements, or
// none for ones and zeros. out may be x.
void LayerNorm(ConstMatView<float> x, std::span<const float> weight,
               std::span<const float> bias, float eps, MatView<float> out,
               int threads = 1);

}  // namespace triptych

#endif  // TRIPTYCH_KERNELS_NORM_NORM_H_
