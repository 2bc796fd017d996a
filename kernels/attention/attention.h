// softmax(scale * Q K^T) V, head by head, without ever storing the scores:
// tiles of keys pass by while a running maximum, sum and weighted mean are
// kept for each query (Milakov and Gimelshein 2018; Rabe and Staats 2021).
// Here over plain rows of f32; over a cache in f32, f16, bf16 or int8, which
// is faster, in kv_cache.h.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_ATTENTION_ATTENTION_H_
#define TRIPTYCH_KERNELS_ATTENTION_ATTENTION_H_

#include <cstddef>

#include "kernels/base/mat_view.h"

namespace triptych {

struct AttentionShape {
  size_t heads = 1;
  size_t kv_heads = 1;  // divides heads; query head h reads KV head
                        // h / (heads / kv_heads)
  size_t head_dim = 0;  // features of a query and of a key
  size_t v_dim = 0;     // features of a value and of an output; MLA has fewer
  double scale = 1;     // usually 1 / sqrt(head_dim); f64 for the reference
  bool causal = true;
  size_t past = 0;    // causal: query t sees keys 0 .. past + t
  size_t window = 0;  // if not 0, only the last `window` of those; causal only
};

// Keys and values of one sequence, oldest first: k[context, kv_heads *
// head_dim], v[context, kv_heads * v_dim]. Views into a cache: only as many
// rows as are filled.
struct KvView {
  ConstMatView<float> k, v;
};

// out[tokens, heads * v_dim] from q[tokens, heads * head_dim]. Causal needs
// past + tokens <= context; otherwise every query sees the whole context,
// which must not be empty. Prefill is tokens > 1 and past = 0, decode tokens
// = 1, and anything between (a chunk of a long prompt) is the same call.
// out must not overlap q, k or v.
//
// A row of out depends on that query and the keys it sees alone: not on how
// many other queries are in the call and not on the number of threads. Keys
// and values must be finite: those that a query does not see, but a later
// query of the same call does, may still be multiplied by its weight of 0.
void Attention(const AttentionShape& shape, ConstMatView<float> q, KvView kv,
               MatView<float> out, int threads);

}  // namespace triptych

#endif  // TRIPTYCH_KERNELS_ATTENTION_ATTENTION_H_
