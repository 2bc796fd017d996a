// Sums and products, element by element.
//
// Spans of one size; out may be an input, but not overlap one otherwise.
// Every result is the correctly rounded one: the same bits everywhere.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_ELEMENTWISE_ELEMENTWISE_H_
#define TRIPTYCH_KERNELS_ELEMENTWISE_ELEMENTWISE_H_

#include <span>

namespace triptych {

// out[i] = a[i] + b[i]: residuals.
void Add(std::span<const float> a, std::span<const float> b,
         std::span<float> out, int threads = 1);

// out[i] = a[i] * b[i].
void Mul(std::span<const float> a, std::span<const float> b,
         std::span<float> out, int threads = 1);

// out[i] = x[i] * factor.
void Scale(std::span<const float> x, float factor, std::span<float> out,
           int threads = 1);

}  // namespace triptych

#endif  // TRIPTYCH_KERNELS_ELEMENTWISE_ELEMENTWISE_H_
