// What the loops over threads (attention.cc) and the per-target code agree
// on: how the work is cut, and the arguments of one piece.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_ATTENTION_TASK_H_
#define TRIPTYCH_KERNELS_ATTENTION_TASK_H_

#include <cstddef>

#include "kernels/attention/attention.h"

namespace triptych::attention {

// Keys in a tile. Tiles start at multiples of it, whatever the queries are,
// which is why a query's result does not depend on its company. A transposed
// tile of keys and one of values, 64 features wide, are 32 KiB: they just fit
// L1, and half as many keys would leave the register tile half as wide.
inline constexpr size_t kKeys = 64;

// Query rows of one task, that is of one KV head: row i is query head
// i % group of token i / group. A tile of keys is transposed once a task, at
// the cost of about 10 rows' worth of products.
inline constexpr size_t kRows = 192;

struct Task {
  const AttentionShape& shape;
  ConstMatView<float> q;
  KvView kv;
  MatView<float> out;
  size_t kv_head;
  size_t first_row, rows;  // rows <= kRows

  size_t group() const { return shape.heads / shape.kv_heads; }
  size_t token(size_t row) const { return (first_row + row) / group(); }
  size_t head(size_t row) const {
    return kv_head * group() + (first_row + row) % group();
  }
  // Keys that a row sees; no fewer than the rows before it.
  size_t visible(size_t row) const {
    return shape.causal ? shape.past + token(row) + 1 : kv.k.rows();
  }
};

}  // namespace triptych::attention

#endif  // TRIPTYCH_KERNELS_ATTENTION_TASK_H_
