// Softmax over rows.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_SOFTMAX_SOFTMAX_H_
#define TRIPTYCH_KERNELS_SOFTMAX_SOFTMAX_H_

#include "kernels/base/mat_view.h"

namespace triptych {

// out[r,c] = exp(x[r,c]) / sum_c exp(x[r,c]). out may be x. Entries of
// -infinity (a mask) become 0; a row of nothing else becomes NaN, as does one
// with a NaN. A row's bits depend on that row alone.
void Softmax(ConstMatView<float> x, MatView<float> out, int threads = 1);

inline void Softmax(MatView<float> x) { Softmax(x, x); }

}  // namespace triptych

#endif  // TRIPTYCH_KERNELS_SOFTMAX_SOFTMAX_H_
