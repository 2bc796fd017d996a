// The plain matrix product every faster one is held to.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_REF_MATMUL_H_
#define TRIPTYCH_KERNELS_REF_MATMUL_H_

#include <cstdint>
#include <span>

#include "kernels/base/mat_view.h"

namespace triptych::ref {

// C[m,n] = A[m,k] * W[n,k]^T (+ bias[n]), summed in double in the order of k.
// T is float or double. C must not overlap anything.
template <class T>
void Matmul(ConstMatView<T> a, ConstMatView<float> w, MatView<T> c,
            std::span<const float> bias = {});

// The same in integers: exact sums, then modulo 2^32. T is int8_t or uint8_t.
template <class T>
void MatmulI8(ConstMatView<T> a, ConstMatView<int8_t> w, MatView<int32_t> c);

}  // namespace triptych::ref

#endif  // TRIPTYCH_KERNELS_REF_MATMUL_H_
