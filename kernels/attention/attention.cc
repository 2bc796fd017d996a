// The plan: tasks over threads; and what runs them on f32.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/attention/attention.h"

#include <algorithm>

#include "kernels/attention/kv_cache.h"
#include "kernels/attention/task.h"
#include "kernels/base/aligned.h"
#include "kernels/base/check.h"
#include "kernels/base/parallel.h"
#include "kernels/base/units.h"
#include "kernels/matmul/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/attention/attention.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "kernels/attention/run-inl.h"

HWY_BEFORE_NAMESPACE();
namespace triptych::attention {
namespace HWY_NAMESPACE {

void RunTaskF32(const Task& task) { TaskRun<FormatF32>(task).Run(); }

// Ends what tasks of `ranges` ranges began: the totals of range i follow those
// of range i - 1. The task is of all KV heads and rows.
void MergeTotals(const Task& task, size_t ranges) {
  const size_t n = task.shape.v_dim, v_cols = RoundUp<size_t>(n, 16);
  const size_t stride = TotalStride(n);
  const size_t rows = task.kv_heads * task.rows;
  for (size_t r = 0; r < rows; ++r) {
    float* const total = task.totals + r * stride;
    for (size_t i = 1; i < ranges; ++i) {
      const float* const other = total + i * rows * stride;
      Merge(total, v_cols, other, other[v_cols], other[v_cols + 1]);
    }
    const QueryRow row = task.row(r % task.rows);
    const size_t head = row.head + r / task.rows * task.group();
    WriteRow(total, v_cols, n, task.out.row(row.token) + head * n);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace triptych::attention
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace triptych {
namespace attention {

HWY_EXPORT(RunTaskF32);
HWY_EXPORT(MergeTotals);
TaskFunction RunF32() { return HWY_DYNAMIC_POINTER(RunTaskF32); }
static auto BestMergeTotals() { return HWY_DYNAMIC_POINTER(MergeTotals); }

Scratch& ThreadScratch() {
  thread_local Scratch scratch;
  return scratch;
}

namespace {

void CheckShapes(const AttentionShape& s, ConstMatView<float> q,
                 ConstMatView<float> out, size_t context) {
  TRIPTYCH_CHECK(s.kv_heads > 0 && s.heads % s.kv_heads == 0, s.heads,
                 s.kv_heads);
  TRIPTYCH_CHECK(q.cols() == s.heads * s.head_dim, q.cols(), s.heads,
                 s.head_dim);
  TRIPTYCH_CHECK(out.rows() == q.rows() && out.cols() == s.heads * s.v_dim,
                 out.rows(), out.cols(), s.heads, s.v_dim);
  TRIPTYCH_CHECK(context > 0, "no keys");
  TRIPTYCH_CHECK(!s.causal || s.past + q.rows() <= context, "past", s.past,
                 "tokens", q.rows(), "context", context);
  TRIPTYCH_CHECK(s.causal || s.window == 0, "a window needs causal", s.window);
}

// Tasks of all keys while there are enough of them for the threads; where
// there are not, because there are few rows, tasks of a range of keys. `whole`
// is the task of everything, of which each task is a part; `heads` KV heads
// each.
void RunTasks(TaskFunction run, const Task& whole, size_t heads, int threads) {
  const size_t head_blocks = CeilDiv(whole.kv_heads, heads);
  const size_t row_blocks = CeilDiv(whole.rows, kRows);
  const size_t tasks = head_blocks * row_blocks;
  const size_t ranges = CeilDiv(whole.end_key, kRangeKeys);
  const auto part = [&](size_t head_block, size_t row_block) {
    Task task = whole;
    task.first_kv_head = head_block * heads;
    task.kv_heads = std::min(heads, whole.kv_heads - task.first_kv_head);
    task.first_row = row_block * kRows;
    task.rows = std::min(kRows, whole.rows - task.first_row);
    return task;
  };
  const auto share = static_cast<size_t>(std::max(threads, 1));
  if (row_blocks == 1 && ranges > 1 && tasks < 4 * share &&
      tasks % share != 0) {
    const size_t stride = whole.rows * TotalStride(whole.shape.v_dim);
    AlignedVector<float> totals(ranges * whole.kv_heads * stride);
    ParallelFor(tasks * ranges, threads, [&](size_t i) {
      const size_t range = i % ranges;
      Task task = part(i / ranges, 0);
      task.first_key = range * kRangeKeys;
      task.end_key = std::min(whole.end_key, task.first_key + kRangeKeys);
      task.totals = totals.data() +
                    (range * whole.kv_heads + task.first_kv_head) * stride;
      run(task);
    });
    Task all = whole;
    all.totals = totals.data();
    return BestMergeTotals()(all, ranges);
  }
  ParallelFor(tasks, threads, [&](size_t i) {
    // The last rows see the most keys: long tasks first.
    run(part(i % head_blocks, row_blocks - 1 - i / head_blocks));
  });
}

Task WholeTask(const AttentionShape& shape, ConstMatView<float> q,
               MatView<float> out, size_t context) {
  return {.shape = shape,
          .q = q,
          .out = out,
          .kv = nullptr,
          .cache = nullptr,
          .first_kv_head = 0,
          .kv_heads = shape.kv_heads,
          .first_row = 0,
          .rows = q.rows() * (shape.heads / shape.kv_heads),
          .first_key = 0,
          .end_key = context,
          .totals = nullptr};
}

TaskFunction FunctionOf(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return RunF32();
    case DType::kF16:
      return RunF16();
    case DType::kBf16:
      return RunBf16();
    default:  // a KvCache is of no other
      return RunI8();
  }
}

}  // namespace
}  // namespace attention

void Attention(const AttentionShape& shape, ConstMatView<float> q, KvView kv,
               MatView<float> out, int threads) {
  if (q.rows() == 0 || shape.heads == 0) return;
  const size_t context = kv.k.rows();
  attention::CheckShapes(shape, q, out, context);
  TRIPTYCH_CHECK(kv.k.cols() == shape.kv_heads * shape.head_dim, kv.k.cols(),
                 shape.kv_heads, shape.head_dim);
  TRIPTYCH_CHECK(
      kv.v.rows() == context && kv.v.cols() == shape.kv_heads * shape.v_dim,
      kv.v.rows(), kv.v.cols(), shape.kv_heads, shape.v_dim);
  attention::Task task = attention::WholeTask(shape, q, out, context);
  task.kv = &kv;
  attention::RunTasks(attention::RunF32(), task,
                      attention::HeadsOfTask(shape, task.rows, threads),
                      threads);
}

void Attention(const AttentionShape& shape, ConstMatView<float> q,
               const KvCache& cache, MatView<float> out, int threads) {
  if (q.rows() == 0 || shape.heads == 0) return;
  attention::CheckShapes(shape, q, out, cache.length());
  TRIPTYCH_CHECK(shape.kv_heads == cache.kv_heads() &&
                     shape.head_dim == cache.head_dim() &&
                     shape.v_dim == cache.v_dim(),
                 shape.kv_heads, cache.kv_heads(), shape.head_dim,
                 cache.head_dim(), shape.v_dim, cache.v_dim());
  attention::Task task = attention::WholeTask(shape, q, out, cache.length());
  task.cache = &cache;
  // Head by head: each has its own stream of tiles.
  attention::RunTasks(attention::FunctionOf(cache.dtype()), task, 1, threads);
}

}  // namespace triptych
#endif
