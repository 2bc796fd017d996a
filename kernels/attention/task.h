// What the loops over threads (attention.cc) and the per-target code agree
// on: how the work is cut, and the arguments of one piece.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_ATTENTION_TASK_H_
#define TRIPTYCH_KERNELS_ATTENTION_TASK_H_

#include <algorithm>
#include <cstddef>

#include "kernels/attention/attention.h"
#include "kernels/base/units.h"

namespace triptych::attention {

// Keys in a tile. Tiles start at multiples of it, whatever the queries are,
// which is why a query's result does not depend on its company. A transposed
// tile of keys and one of values, 64 features wide, are 32 KiB: they just fit
// L1, and half as many keys would leave the register tile half as wide.
inline constexpr size_t kKeys = 64;

// Query rows of one task. A tile of keys is transposed once a task, at the
// cost of about 10 rows' worth of products.
inline constexpr size_t kRows = 192;

// Rows first_row .. first_row + rows of each of `kv_heads` KV heads. Row i of
// a KV head is its query head i % group of token i / group.
//
// A decode step has few rows, so its tasks are of many heads, tile by tile.
// Head by head instead, each one goes through the whole cache again for a few
// cache lines of every row, and a step of 32 query heads on 8 / 32 KV heads of
// 64 and 4096 tokens takes 2.3 / 14 ms where this takes 1.3 / 6 (on a machine
// whose other work left it 50 GB/s from L3 and 18 from DRAM).
struct Task {
  const AttentionShape& shape;
  ConstMatView<float> q;
  KvView kv;
  MatView<float> out;
  size_t first_kv_head, kv_heads;
  size_t first_row, rows;

  size_t group() const { return shape.heads / shape.kv_heads; }
  size_t token(size_t row) const { return (first_row + row) / group(); }
  // The query head of row `row` of the task's KV head h.
  size_t head(size_t h, size_t row) const {
    return (first_kv_head + h) * group() + (first_row + row) % group();
  }
  // Keys that a row sees; no fewer than the rows before it.
  size_t visible(size_t row) const {
    return shape.causal ? shape.past + token(row) + 1 : kv.k.rows();
  }
};

// KV heads of one task when each has `rows` rows: as many as kRows allows, but
// a share for every thread.
inline size_t HeadsOfTask(const AttentionShape& shape, size_t rows,
                          int threads) {
  const auto shares = static_cast<size_t>(std::max(threads, 1));
  return std::clamp<size_t>(kRows / rows, 1, CeilDiv(shape.kv_heads, shares));
}

}  // namespace triptych::attention

#endif  // TRIPTYCH_KERNELS_ATTENTION_TASK_H_
