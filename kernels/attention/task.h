// What the loops over threads (attention.cc) and the per-target code agree
// on: how the work is cut, and the arguments of one piece.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_ATTENTION_TASK_H_
#define TRIPTYCH_KERNELS_ATTENTION_TASK_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kernels/attention/attention.h"
#include "kernels/attention/kv_cache.h"
#include "kernels/base/aligned.h"
#include "kernels/base/units.h"

namespace triptych::attention {

// Keys in a tile. Tiles start at multiples of it, whatever the queries are,
// which is why a query's result does not depend on its company. A tile of
// keys and one of values, 64 features wide, are 32 KiB in f32: they just fit
// L1, and half as many keys would leave the register tile half as wide.
inline constexpr size_t kKeys = KvCache::kTile;

// Keys that are summed up by themselves; the sums are then merged in order.
// So a decode step of few heads can share them out to threads.
inline constexpr size_t kRangeKeys = 16 * kKeys;

// Query rows of one task. A tile of f32 keys is transposed once a task, at
// the cost of about 10 rows' worth of products.
inline constexpr size_t kRows = 192;

// What a row of a task is: of which token and query head, and which keys it
// sees, first .. end. Neither end is less than that of the rows before.
struct QueryRow {
  size_t token, head;
  size_t first, end;
};

// Rows first_row .. first_row + rows of each of `kv_heads` KV heads, on keys
// from first_key (a multiple of kRangeKeys) to end_key. Row i of a KV head is
// its query head i % group of token i / group.
//
// Of plain rows of f32, tasks of a decode step are of many heads, tile by
// tile. Head by head instead, each one goes through the whole cache again for
// a few cache lines of every row, and a step of 32 query heads on 8 / 32 KV
// heads of 64 and 4096 tokens takes 2.3 / 14 ms where this takes 1.3 / 6 (on a
// machine whose other work left it 50 GB/s from L3 and 18 from DRAM).
struct Task {
  const AttentionShape& shape;
  ConstMatView<float> q;
  MatView<float> out;
  const KvView* kv;      // plain rows, or
  const KvCache* cache;  // null
  size_t first_kv_head, kv_heads;
  size_t first_row, rows;
  size_t first_key, end_key;
  // Null when the keys are all there are. Else where the sums of the range go
  // instead of out: [kv_heads, rows, TotalStride(v_dim)].
  float* totals;

  size_t group() const { return shape.heads / shape.kv_heads; }
  // Row `row` of the task's first KV head.
  QueryRow row(size_t row) const {
    const size_t token = (first_row + row) / group();
    const size_t end = shape.causal ? shape.past + token + 1 : end_key;
    return {.token = token,
            .head = first_kv_head * group() + (first_row + row) % group(),
            .first = shape.window == 0 || end < shape.window
                         ? 0
                         : end - shape.window,
            .end = end};
  }
};

// The sums of a row: v_dim values in whole 16s, then their greatest score and
// the sum of their weights.
inline size_t TotalStride(size_t v_dim) {
  return RoundUp<size_t>(v_dim, 16) + 16;
}

// Scratch of the calling thread: grows and is kept, because mapping fresh
// pages costs as much as a decode step of a short context.
struct Scratch {
  AlignedVector<QueryRow> rows;
  AlignedVector<float> scaled, out, sum, max, total;
  AlignedVector<std::byte> q, keys, values;
  AlignedVector<float> q_scale;
  AlignedVector<int32_t> q_sum, products;
};
Scratch& ThreadScratch();

// KV heads of one task when each has `rows` rows: as many as kRows allows, but
// a share for every thread.
inline size_t HeadsOfTask(const AttentionShape& shape, size_t rows,
                          int threads) {
  const auto shares = static_cast<size_t>(std::max(threads, 1));
  return std::clamp<size_t>(kRows / rows, 1, CeilDiv(shape.kv_heads, shares));
}

// What runs a task, by the format of the keys and values, for the best SIMD
// target this machine has.
using TaskFunction = void (*)(const Task&);
TaskFunction RunF32();
TaskFunction RunF16();
TaskFunction RunBf16();
TaskFunction RunI8();

}  // namespace triptych::attention

#endif  // TRIPTYCH_KERNELS_ATTENTION_TASK_H_
