// Normalisation over rows, plainly.
//
// Everything in kernels/ref computes and accumulates in double, whatever T
// is, in the order a reader would write it. T, float or double, is what
// activations are stored as; weights are always f32. These are the twins
// that fast kernels and emulators are held against.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_REF_NORM_H_
#define TRIPTYCH_KERNELS_REF_NORM_H_

#include <span>

#include "kernels/base/mat_view.h"

namespace triptych::ref {

// out[r,c] = x[r,c] / sqrt(mean_c(x[r,c]^2) + eps) * weight[c].
// weight is one row, or empty for ones. out may be x.
template <class T>
void RmsNorm(ConstMatView<T> x, std::span<const float> weight, double eps,
             MatView<T> out);

// out[r,c] = (x[r,c] - mean_r) / sqrt(variance_r + eps) * weight[c] + bias[c],
// the variance that of the population. weight and bias are one row each, or
// empty for ones and zeros. out may be x.
template <class T>
void LayerNorm(ConstMatView<T> x, std::span<const float> weight,
               std::span<const float> bias, double eps, MatView<T> out);

}  // namespace triptych::ref

#endif  // TRIPTYCH_KERNELS_REF_NORM_H_
