// Softmax over rows, plainly (see kernels/ref/norm.h for what that means).
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_REF_SOFTMAX_H_
#define TRIPTYCH_KERNELS_REF_SOFTMAX_H_

#include "kernels/base/mat_view.h"

namespace triptych::ref {

// x[r,c] = exp(x[r,c]) / sum_c exp(x[r,c]), in place. Entries of -infinity
// become 0; a row of nothing else becomes NaN.
template <class T>
void Softmax(MatView<T> x);

}  // namespace triptych::ref

#endif  // TRIPTYCH_KERNELS_REF_SOFTMAX_H_
