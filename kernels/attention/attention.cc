// SPDX-License-Identifier: Apache-2.0
#include "kernels/attention/attention.h"

#include <algorithm>
#include <limits>
#include <vector>

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
#include "kernels/attention/tile-inl.h"
#include "kernels/simd/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace triptych::attention {
namespace HWY_NAMESPACE {

using triptych::HWY_NAMESPACE::Exp2;

// What is kept for the rows of one KV head of a task.
struct HeadState {
  AlignedVector<float> q;    // [rows, head_dim], scaled
  AlignedVector<float> out;  // [rows, v_stride], not yet divided
  AlignedVector<float> sum;  // [rows, lanes] of the weights
  AlignedVector<float> max;  // [rows] of the scores
};

// One task, in the calling thread's memory.
class TaskRun {
 public:
  explicit TaskRun(const Task& task)
      : task_(task),
        lanes_(hn::Lanes(D())),
        v_stride_(RoundUp(task.shape.v_dim, lanes_)),
        scores_(kTileRows * kKeys),
        heads_(task.kv_heads) {
    const AttentionShape& s = task.shape;
    keys_.resize(s.head_dim * kKeys);
    if (v_stride_ != s.v_dim) values_.resize(kKeys * v_stride_);
    for (size_t h = 0; h < heads_.size(); ++h) {
      heads_[h].q.resize(task.rows * s.head_dim);
      heads_[h].out.resize(task.rows * v_stride_);
      heads_[h].sum.resize(task.rows * lanes_);
      heads_[h].max.assign(task.rows, -std::numeric_limits<float>::infinity());
      ScaleQueries(h);
    }
  }

  void Run() {
    const size_t last = task_.visible(task_.rows - 1);
    for (size_t first = 0; first < last; first += kKeys) {
      const size_t count = std::min(kKeys, last - first);
      if (heads_.size() > 1) Touch(first, count);
      for (size_t h = 0; h < heads_.size(); ++h) AttendTo(h, first, count);
    }
    for (size_t h = 0; h < heads_.size(); ++h) WriteOut(h);
  }

 private:
  // Scores are wanted in units of log2, so that exp is exp2.
  void ScaleQueries(size_t h) {
    const size_t n = task_.shape.head_dim;
    const auto scale =
        static_cast<float>(task_.shape.scale * 1.4426950408889634);  // log2(e)
    for (size_t r = 0; r < task_.rows; ++r) {
      const float* from = task_.q.row(task_.token(r)) + task_.head(h, r) * n;
      float* to = heads_[h].q.data() + r * n;
      for (size_t i = 0; i < n; ++i) to[i] = from[i] * scale;
    }
  }

  // Reads a word of each cache line of a tile, of all heads of the task, in
  // the order in which they lie in memory: hardware prefetch follows that,
  // and not the short runs of a single head. (Prefetch instructions instead:
  // no gain at all where they are dropped for want of a translation.)
  void Touch(size_t first, size_t count) const {
    const AttentionShape& s = task_.shape;
    const auto touch = [](const float* row, size_t n) {
      constexpr size_t kStep = kCacheLine / sizeof(float);
      for (size_t i = 0; i < n; i += kStep) {
        static_cast<void>(*static_cast<const volatile float*>(row + i));
      }
    };
    for (size_t r = first; r < first + count; ++r) {
      touch(task_.kv.k.row(r) + task_.first_kv_head * s.head_dim,
            heads_.size() * s.head_dim);
      touch(task_.kv.v.row(r) + task_.first_kv_head * s.v_dim,
            heads_.size() * s.v_dim);
    }
  }

  // All rows of a head, on the tile of `count` keys from `first`.
  void AttendTo(size_t h, size_t first, size_t count) {
    const AttentionShape& s = task_.shape;
    const size_t kv_head = task_.first_kv_head + h;
    const auto k = task_.kv.k.Rows(first, count);
    Transpose(k.Cols(kv_head * s.head_dim, s.head_dim), keys_.data(), kKeys);
    const auto v = WholeVectors(
        task_.kv.v.Rows(first, count).Cols(kv_head * s.v_dim, s.v_dim));
    size_t row = 0;
    while (row < task_.rows && task_.visible(row) <= first) ++row;
    // Rows are dealt out evenly: 8 are 4 + 4.
    const size_t rows = task_.rows - row, tiles = CeilDiv(rows, kTileRows);
    for (size_t t = 0; t < tiles; ++t) {
      const size_t begin = row + t * rows / tiles;
      const size_t end = row + (t + 1) * rows / tiles;
      const size_t visible = std::min(count, task_.visible(end - 1) - first);
      RowTile(h, begin, end - begin, first, visible, v);
    }
  }

  // v itself, or a copy of it whose columns are whole vectors.
  ConstMatView<float> WholeVectors(ConstMatView<float> v) {
    if (values_.empty()) return v;
    for (size_t r = 0; r < v.rows(); ++r) {
      std::copy_n(v.row(r), v.cols(), values_.data() + r * v_stride_);
    }
    return {values_.data(), v.rows(), v_stride_};
  }

  // `rows` rows of head h from `row` on keys first .. first + visible, of
  // which the earlier rows may see fewer.
  void RowTile(size_t h, size_t row, size_t rows, size_t first, size_t visible,
               ConstMatView<float> v) {
    static constexpr float kZeros[kKeys] = {};
    static constexpr float kOnes[kTileRows] = {1, 1, 1, 1, 1, 1};
    const size_t n = task_.shape.head_dim;
    HeadState& head = heads_[h];
    Multiply({.a = head.q.data() + row * n,
              .a_stride = n,
              .b = keys_.data(),
              .b_stride = kKeys,
              .start = kZeros,
              .start_stride = 0,
              .factor = kOnes,
              .c = scores_.data(),
              .c_stride = kKeys,
              .rows = rows,
              .cols = RoundUp(visible, lanes_),
              .depth = n});
    float factor[kTileRows];
    for (size_t r = 0; r < rows; ++r) {
      const size_t seen = std::min(task_.visible(row + r) - first, visible);
      factor[r] =
          Weigh(head, row + r, scores_.data() + r * kKeys, seen, visible);
    }
    float* out = head.out.data() + row * v_stride_;
    Multiply({.a = scores_.data(),
              .a_stride = kKeys,
              .b = v.data(),
              .b_stride = v.stride(),
              .start = out,
              .start_stride = v_stride_,
              .factor = factor,
              .c = out,
              .c_stride = v_stride_,
              .rows = rows,
              .cols = v_stride_,
              .depth = visible});
  }

  // Turns a row's scores into weights relative to its new maximum; scores
  // from `seen` on become 0. Returns what the row's old sums are worth now.
  // (Unrolled for whole tiles, scores in registers: no faster.)
  HWY_INLINE float Weigh(HeadState& head, size_t row, float* score, size_t seen,
                         size_t visible) {
    const D d;
    const V least = hn::Set(d, -std::numeric_limits<float>::infinity());
    V highest = least;
    for (size_t i = 0; i < visible; i += lanes_) {
      V s = hn::LoadU(d, score + i);
      if (i + lanes_ > seen) {
        const size_t left = seen > i ? seen - i : 0;
        s = hn::IfThenElse(hn::FirstN(d, left), s, least);
        hn::StoreU(s, d, score + i);
      }
      highest = hn::Max(highest, s);
    }
    const float max = std::max(head.max[row], hn::ReduceMax(d, highest));
    const V shift = hn::Set(d, max);
    V sum = hn::Zero(d);
    for (size_t i = 0; i < visible; i += lanes_) {
      const V p = Exp2(d, hn::Sub(hn::LoadU(d, score + i), shift));
      hn::StoreU(p, d, score + i);
      sum = hn::Add(sum, p);
    }
    const V factor = Exp2(d, hn::Sub(hn::Set(d, head.max[row]), shift));
    float* sums = head.sum.data() + row * lanes_;
    hn::StoreU(hn::MulAdd(hn::LoadU(d, sums), factor, sum), d, sums);
    head.max[row] = max;
    return hn::GetLane(factor);
  }

  void WriteOut(size_t h) {
    const D d;
    const HeadState& head = heads_[h];
    const size_t n = task_.shape.v_dim;
    for (size_t r = 0; r < task_.rows; ++r) {
      const float sum =
          hn::ReduceSum(d, hn::LoadU(d, head.sum.data() + r * lanes_));
      const V scale = hn::Set(d, 1.f / sum);
      float* to = task_.out.row(task_.token(r)) + task_.head(h, r) * n;
      const auto share = [&](V v) HWY_ATTR { return hn::Mul(v, scale); };
      triptych::HWY_NAMESPACE::Map(d, to, n, share,
                                   head.out.data() + r * v_stride_);
    }
  }

  const Task& task_;
  size_t lanes_, v_stride_;
  AlignedVector<float> keys_;    // [head_dim, kKeys]
  AlignedVector<float> values_;  // [kKeys, v_stride_], where v is not whole
  AlignedVector<float> scores_;  // [kTileRows, kKeys]
  std::vector<HeadState> heads_;
};

void RunTask(const Task& task) { TaskRun(task).Run(); }

}  // namespace HWY_NAMESPACE
}  // namespace triptych::attention
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace triptych {
namespace attention {

HWY_EXPORT(RunTask);
static auto BestRunTask() { return HWY_DYNAMIC_POINTER(RunTask); }

}  // namespace attention

namespace {

void CheckShapes(const AttentionShape& s, ConstMatView<float> q,
                 const KvView& kv, ConstMatView<float> out) {
  const size_t context = kv.k.rows();
  TRIPTYCH_CHECK(s.kv_heads > 0 && s.heads % s.kv_heads == 0, s.heads,
                 s.kv_heads);
  TRIPTYCH_CHECK(q.cols() == s.heads * s.head_dim, q.cols(), s.heads,
                 s.head_dim);
  TRIPTYCH_CHECK(out.rows() == q.rows() && out.cols() == s.heads * s.v_dim,
                 out.rows(), out.cols(), s.heads, s.v_dim);
  TRIPTYCH_CHECK(kv.k.cols() == s.kv_heads * s.head_dim, kv.k.cols(),
                 s.kv_heads, s.head_dim);
  TRIPTYCH_CHECK(kv.v.rows() == context && kv.v.cols() == s.kv_heads * s.v_dim,
                 kv.v.rows(), kv.v.cols(), s.kv_heads, s.v_dim);
  TRIPTYCH_CHECK(context > 0, "no keys");
  TRIPTYCH_CHECK(!s.causal || s.past + q.rows() <= context, "past", s.past,
                 "tokens", q.rows(), "context", context);
}

}  // namespace

void Attention(const AttentionShape& shape, ConstMatView<float> q, KvView kv,
               MatView<float> out, int threads) {
  if (q.rows() == 0 || shape.heads == 0) return;
  CheckShapes(shape, q, kv, out);
  const auto run = attention::BestRunTask();
  const size_t rows = q.rows() * (shape.heads / shape.kv_heads);
  const size_t heads = attention::HeadsOfTask(shape, rows, threads);
  const size_t head_blocks = CeilDiv(shape.kv_heads, heads);
  const size_t row_blocks = CeilDiv(rows, attention::kRows);
  ParallelFor(head_blocks * row_blocks, threads, [&](size_t i) {
    const size_t head = i % head_blocks * heads;
    // The last rows see the most keys: long tasks first.
    const size_t row = (row_blocks - 1 - i / head_blocks) * attention::kRows;
    run({.shape = shape,
         .q = q,
         .kv = kv,
         .out = out,
         .first_kv_head = head,
         .kv_heads = std::min(heads, shape.kv_heads - head),
         .first_row = row,
         .rows = std::min(attention::kRows, rows - row)});
  });
}

}  // namespace triptych
#endif
