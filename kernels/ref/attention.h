// Attention, plainly: all scores of a query, their softmax, the weighted sum
// of the values (see kernels/ref/norm.h).
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_REF_ATTENTION_H_
#define TRIPTYCH_KERNELS_REF_ATTENTION_H_

#include "kernels/attention/attention.h"
#include "kernels/base/mat_view.h"

namespace triptych::ref {

// As triptych::Attention, with k[context, kv_heads * head_dim] and
// v[context, kv_heads * v_dim] side by side.
template <class T>
void Attention(const AttentionShape& shape, ConstMatView<T> q,
               ConstMatView<T> k, ConstMatView<T> v, MatView<T> out);

}  // namespace triptych::ref

#endif  // TRIPTYCH_KERNELS_REF_ATTENTION_H_
