// One task of attention in a format of keys and values, once per SIMD target.
// SPDX-License-Identifier: Apache-2.0

#if defined(TRIPTYCH_KERNELS_ATTENTION_RUN_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TRIPTYCH_KERNELS_ATTENTION_RUN_INL_H_
#undef TRIPTYCH_KERNELS_ATTENTION_RUN_INL_H_
#else
#define TRIPTYCH_KERNELS_ATTENTION_RUN_INL_H_
#endif

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <type_traits>

#include "hwy/highway.h"
#include "kernels/attention/format-inl.h"
#include "kernels/attention/task.h"
#include "kernels/attention/tile-inl.h"
#include "kernels/quant/quant.h"
#include "kernels/simd/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace triptych::attention {
namespace HWY_NAMESPACE {

using triptych::HWY_NAMESPACE::Exp2;

// Below every score, and finite: less itself it is 0, where infinity would be
// NaN. The maximum of a row that has seen no key.
inline constexpr float kLowest = std::numeric_limits<float>::lowest();

// A row's weights are relative to its greatest score, or to an earlier one that
// this exceeds by no more than kRise, in units of log2. Weights up to 2^kRise
// are as exact as those up to 1, and no sum of them comes near the end of f32.
// With 0, the first 16 tiles of a range bring every row three or four new
// maxima, which no branch predictor foresees: 5 % of a decode step on Zen 5,
// and of a prefill.
inline constexpr float kRise = 8;

// total[v_cols + max, sum] (TotalStride) with other sums of the same row: each
// side is worth what the greater of the maxima leaves of it.
HWY_INLINE void Merge(float* total, size_t v_cols, const float* out, float max,
                      float sum) {
  const D d;
  float* const tail = total + v_cols;
  const float most = std::max(tail[0], max);
  const V old_share = Exp2(d, hn::Set(d, tail[0] - most));
  const V new_share = Exp2(d, hn::Set(d, max - most));
  for (size_t i = 0; i < v_cols; i += kLanes) {
    const V old = hn::Mul(hn::LoadU(d, total + i), old_share);
    hn::StoreU(hn::MulAdd(hn::LoadU(d, out + i), new_share, old), d, total + i);
  }
  tail[1] = tail[1] * hn::GetLane(old_share) + sum * hn::GetLane(new_share);
  tail[0] = most;
}

// The row of out that a total is.
HWY_INLINE void WriteRow(const float* total, size_t v_cols, size_t n,
                         float* out) {
  const D d;
  const V scale = hn::Set(d, 1.f / total[v_cols + 1]);
  const auto share = [&](V v) HWY_ATTR { return hn::Mul(v, scale); };
  triptych::HWY_NAMESPACE::Map(d, out, n, share, total);
}

// In the calling thread's memory. Arrays over rows go over those of all KV
// heads of the task: [kv_heads, rows].
template <class Format>
class TaskRun {
 public:
  explicit TaskRun(const Task& task)
      : task_(task),
        v_cols_(RoundUp<size_t>(task.shape.v_dim, 16)),
        total_stride_(TotalStride(task.shape.v_dim)),
        q_stride_(RoundUp(task.shape.head_dim, kUnit)) {
    Scratch& scratch = ThreadScratch();
    const size_t rows = task.kv_heads * task.rows;
    q_ = reinterpret_cast<Query*>(
        Room(scratch.q, rows * q_stride_ * sizeof(Query)));
    out_ = Room(scratch.out, rows * v_cols_);
    sum_ = Room(scratch.sum, rows * kLanes);
    max_ = Room(scratch.max, rows);
    total_ = task.totals != nullptr ? task.totals
                                    : Room(scratch.total, rows * total_stride_);
    if constexpr (kIntegers) {
      q_scale_ = Room(scratch.q_scale, rows);
      q_sum_ = Room(scratch.q_sum, rows);
      products_ = Room(scratch.products, kPlanes * kTileRows * v_cols_);
    }
    const size_t features = RoundUp(task.shape.head_dim, kUnit);
    if (task.cache == nullptr) {
      keys_ = Room(scratch.keys, features * kKeys * sizeof(Element));
    }
    values_ = Room(scratch.values, v_cols_ * kKeys * sizeof(Element));
    rows_ = Room(scratch.rows, task.rows);
    for (size_t r = 0; r < task.rows; ++r) rows_[r] = task.row(r);
    PrepareQueries(scratch);
  }

  void Run() {
    const size_t rows = task_.kv_heads * task_.rows;
    for (size_t r = 0; r < rows; ++r) {
      float* const total = total_ + r * total_stride_;
      std::fill_n(total, v_cols_, 0.f);
      total[v_cols_] = kLowest;
      total[v_cols_ + 1] = 0;
    }
    const size_t last = std::min(task_.end_key, rows_[task_.rows - 1].end);
    size_t first = std::max(task_.first_key, rows_[0].first / kKeys * kKeys);
    while (first < last) {
      const size_t end = std::min(last, (first / kRangeKeys + 1) * kRangeKeys);
      std::fill_n(out_, rows * v_cols_, 0.f);
      std::fill_n(sum_, rows * kLanes, 0.f);
      std::fill_n(max_, rows, kLowest);
      for (; first < end; first += kKeys) {
        const size_t count = std::min(kKeys, last - first);
        if (task_.cache == nullptr && task_.kv_heads > 1) Touch(first, count);
        for (size_t h = 0; h < task_.kv_heads; ++h) AttendTo(h, first, count);
      }
      MergeRange(rows);
    }
    if (task_.totals == nullptr) WriteOut();
  }

 private:
  using Query = typename Format::Query;
  using Element = typename Format::Element;
  static constexpr size_t kUnit = Format::kUnit, kPlanes = Format::kPlanes;
  static constexpr bool kIntegers = std::is_same_v<Format, FormatI8>;
  // Keys that are weighed in one step.
  static constexpr size_t kStep = 2 * kLanes;
  static constexpr size_t kWeightBytes =
      kKeys * PackedWeights::kUnitBytes / kUnit;

  // The operands of one tile. Scales are of int8 only.
  struct Operands {
    const std::byte* k;
    const std::byte* v;
    size_t v_stride;  // bytes
    const float* k_scale;
    const float* v_scale;
  };

  // Consecutive rows on keys first .. first + visible, of which each may see
  // fewer.
  struct RowTile {
    size_t at;         // the first of them, in the arrays over rows
    size_t row, rows;  // of their KV head
    size_t first, visible;
  };

  // The query head of row r of the task's KV head h.
  size_t Head(size_t h, size_t r) const {
    return rows_[r].head + h * task_.group();
  }

  // Scores are wanted in units of log2, so that exp is exp2.
  void PrepareQueries(Scratch& scratch) {
    const size_t n = task_.shape.head_dim, rows = task_.rows;
    const V scale = hn::Set(
        D(),
        static_cast<float>(task_.shape.scale * 1.4426950408889634));  // log2(e)
    const auto times = [&](V v) HWY_ATTR { return hn::Mul(v, scale); };
    float* const scaled = std::is_same_v<Query, float>
                              ? reinterpret_cast<float*>(q_)
                              : Room(scratch.scaled, task_.kv_heads * rows * n);
    for (size_t h = 0; h < task_.kv_heads; ++h) {
      for (size_t r = 0; r < rows; ++r) {
        const float* from = task_.q.row(rows_[r].token) + Head(h, r) * n;
        triptych::HWY_NAMESPACE::Map(D(), scaled + (h * rows + r) * n, n, times,
                                     from);
      }
    }
    if constexpr (!std::is_same_v<Query, float>) EncodeQueries(scaled);
  }

  void EncodeQueries(const float* scaled) {
    const size_t n = task_.shape.head_dim, rows = task_.kv_heads * task_.rows;
    const ConstMatView<float> from(scaled, rows, n);
    const MatView<Query> to(q_, rows, n, q_stride_);
    if constexpr (kIntegers) {
      QuantizeRowsI8(from, to, {q_scale_, rows});
    } else {
      RowsToBf16(from, to);
    }
    for (size_t r = 0; r < rows; ++r) {
      std::fill_n(to.row(r) + n, q_stride_ - n, Query{0});
      if constexpr (kIntegers) {
        q_sum_[r] = std::accumulate(to.row(r), to.row(r) + n, 0);
      }
    }
  }

  // Reads a word of each cache line of a tile, of all heads of the task, in
  // the order in which they lie in memory: hardware prefetch follows that,
  // and not the short runs of a single head. (Prefetch instructions instead:
  // no gain at all where they are dropped for want of a translation.)
  void Touch(size_t first, size_t count) const {
    const AttentionShape& s = task_.shape;
    const auto touch = [](const float* row, size_t n) {
      constexpr size_t kFloats = kCacheLine / sizeof(float);
      for (size_t i = 0; i < n; i += kFloats) {
        static_cast<void>(*static_cast<const volatile float*>(row + i));
      }
    };
    for (size_t r = first; r < first + count; ++r) {
      touch(task_.kv->k.row(r) + task_.first_kv_head * s.head_dim,
            task_.kv_heads * s.head_dim);
      touch(task_.kv->v.row(r) + task_.first_kv_head * s.v_dim,
            task_.kv_heads * s.v_dim);
    }
  }

  Operands OperandsOf(size_t h, size_t first, size_t count) {
    const size_t kv_head = task_.first_kv_head + h;
    if constexpr (std::is_same_v<Format, FormatF32>) {
      if (task_.cache == nullptr) return PlainRows(kv_head, first, count);
    }
    // The next tile is fetched bit by bit (kAhead): all at once, here, made
    // decode steps 1.2x longer.
    const KvCache& cache = *task_.cache;
    const std::byte* const tile = cache.tile(kv_head, first / kKeys);
    const auto* const scales =
        reinterpret_cast<const float*>(tile + cache.scales_offset());
    Operands x = {tile, tile + cache.v_offset(),
                  v_cols_ * kUnit * sizeof(Element), scales, scales + kKeys};
    if (cache.values() == Values::kInKeys) {
      ValuesFromKeys<Format>(tile, cache.v_dim(), v_cols_, values_);
      x.v = values_;
    }
    return x;
  }

  // Keys transposed; values where they are, or a copy whose columns are whole
  // vectors.
  Operands PlainRows(size_t kv_head, size_t first, size_t count) {
    const AttentionShape& s = task_.shape;
    auto* const keys = reinterpret_cast<float*>(keys_);
    Transpose(
        task_.kv->k.Rows(first, count).Cols(kv_head * s.head_dim, s.head_dim),
        keys, kKeys);
    const auto v =
        task_.kv->v.Rows(first, count).Cols(kv_head * s.v_dim, s.v_dim);
    Operands x = {keys_, reinterpret_cast<const std::byte*>(v.data()),
                  v.stride() * sizeof(float), nullptr, nullptr};
    if (s.v_dim != v_cols_) {
      auto* const values = reinterpret_cast<float*>(values_);
      for (size_t r = 0; r < count; ++r) {
        std::copy_n(v.row(r), s.v_dim, values + r * v_cols_);
      }
      x.v = values_;
      x.v_stride = v_cols_ * sizeof(float);
    }
    return x;
  }

  // All rows of a head that see one of the `count` keys from `first`.
  void AttendTo(size_t h, size_t first, size_t count) {
    size_t row = 0, end = task_.rows;
    while (row < end && rows_[row].end <= first) ++row;
    while (row < end && rows_[end - 1].first >= first + count) --end;
    if (row == end) return;
    const Operands x = OperandsOf(h, first, count);
    tile_steps_ = false;
    // Rows are dealt out evenly: 8 are 4 + 4.
    const size_t rows = end - row, tiles = CeilDiv(rows, kTileRows);
    for (size_t t = 0; t < tiles; ++t) {
      const size_t begin = row + t * rows / tiles;
      const size_t stop = row + (t + 1) * rows / tiles;
      const size_t visible = std::min(count, rows_[stop - 1].end - first);
      Attend({.at = h * task_.rows + begin,
              .row = begin,
              .rows = stop - begin,
              .first = first,
              .visible = visible},
             x);
    }
  }

  // (The next tile's scores before this one's weights, so that the one does not
  // wait for the other: no gain, and 4 to 12 % lost where the cache is in L3 or
  // memory, as keys and values then come in turns from two places.)
  void Attend(const RowTile& t, const Operands& x) {
    ScoreRows(t, x);
    const bool whole = t.visible == kKeys &&
                       rows_[t.row].end >= t.first + kKeys &&
                       rows_[t.row + t.rows - 1].first <= t.first;
    if constexpr (kIntegers) {
      if (whole) {
        if (!tile_steps_) PrepareSteps(t, 0, kKeys, x.v_scale);
        WeighIntegers<true>(t, x);
      } else {
        WeighIntegers<false>(t, x);
      }
      tile_steps_ = whole;
    } else if (whole) {
      Weigh<true>(t, x);
    } else {
      Weigh<false>(t, x);
    }
    AddMeans(t, x);
  }

  void ScoreRows(const RowTile& t, const Operands& x) {
    typename Format::Scores::T* scores;
    if constexpr (kIntegers) {
      scores = integers_;
    } else {
      scores = scores_;
    }
    Multiply<typename Format::Scores, Start::kZero>(
        {.a = reinterpret_cast<const std::byte*>(q_ + t.at * q_stride_),
         .a_stride = q_stride_ * sizeof(Query),
         .b = x.k,
         .b_stride = kKeys * kUnit * sizeof(Element),
         .c = scores,
         .c_stride = kKeys,
         .rows = t.rows,
         .cols = RoundUp(t.visible, kStep),
         .depth = q_stride_ / kUnit});
  }

  // Scores of keys i .. i + kLanes for row r of the tile.
  HWY_INLINE V Score(const RowTile& t, const Operands& x, size_t r, size_t i) {
    const D d;
    if constexpr (kIntegers) {
      const hn::RebindToSigned<D> di;
      const auto offset = hn::Set(di, -128 * q_sum_[t.at + r]);
      const auto sum =
          hn::Add(hn::LoadU(di, integers_ + r * kKeys + i), offset);
      const V scale =
          hn::Mul(hn::Set(d, q_scale_[t.at + r]), hn::LoadU(d, x.k_scale + i));
      return hn::Mul(hn::ConvertTo(d, sum), scale);
    } else {
      return hn::LoadU(d, scores_ + r * kKeys + i);
    }
  }

  // Without the keys that the row does not see.
  HWY_INLINE V Masked(const RowTile& t, size_t r, size_t i, V score) {
    const D d;
    const size_t key = t.first + i;
    const size_t begin = rows_[t.row + r].first, end = rows_[t.row + r].end;
    const V least = hn::Set(d, -std::numeric_limits<float>::infinity());
    if (end < key + kLanes) {
      const auto seen = hn::FirstN(d, end > key ? end - key : 0);
      score = hn::IfThenElse(seen, score, least);
    }
    if (begin > key) {
      const auto past = hn::FirstN(d, std::min(begin - key, kLanes));
      score = hn::IfThenElse(past, least, score);
    }
    return score;
  }

  // Turns scores into weights relative to the rows' reference scores, max_;
  // what is not seen weighs 0. Leaves in factor_ what the rows' old sums are
  // worth now. A row whose reference stays costs no horizontal maximum and no
  // exp2 of it: a decode step's weights took 1.4x as long with both for each
  // row.
  template <bool kWhole>
  HWY_INLINE void Weigh(const RowTile& t, const Operands& x) {
    const D d;
    const size_t keys = kWhole ? kKeys : RoundUp(t.visible, kStep);
    for (size_t r = 0; r < t.rows; ++r) {
      V max = hn::Set(d, max_[t.at + r]);
      V factor = hn::Set(d, 1.f);
      const V highest = Highest<kWhole>(t, x, r, keys);
      if (!hn::AllTrue(d, hn::Le(highest, hn::Add(max, hn::Set(d, kRise))))) {
        const V old = max;
        max = hn::Max(old, hn::MaxOfLanes(d, highest));
        factor = Exp2(d, hn::Sub(old, max));
        max_[t.at + r] = hn::GetLane(max);
      }
      factor_[r] = hn::GetLane(factor);
      const V sum = WeighRow(r, keys, max);
      float* const sums = sum_ + (t.at + r) * kLanes;
      hn::StoreU(hn::MulAdd(hn::LoadU(d, sums), factor, sum), d, sums);
    }
  }

  // The highest scores of row r, one a lane; leaves in scores_ what WeighRow
  // takes.
  template <bool kWhole>
  HWY_INLINE V Highest(const RowTile& t, const Operands& x, size_t r,
                       size_t keys) {
    const D d;
    V highest = hn::Set(d, kLowest);
    for (size_t i = 0; i < keys; i += kLanes) {
      V score = Score(t, x, r, i);
      if constexpr (!kWhole) score = Masked(t, r, i, score);
      if constexpr (!kWhole || kIntegers) {
        hn::StoreU(score, d, scores_ + r * kKeys + i);
      }
      highest = hn::Max(highest, score);
    }
    return highest;
  }

  // The weights of row r; returns their sum.
  HWY_INLINE V WeighRow(size_t r, size_t keys, V max) {
    const D d;
    const float* const score = scores_ + r * kKeys;
    std::byte* const to = weights_ + r * kWeightBytes;
    V sum = hn::Zero(d);
    for (size_t i = 0; i < keys; i += kStep) {
      const V w0 = Format::Exp(hn::Sub(hn::LoadU(d, score + i), max));
      const V w1 = Format::Exp(hn::Sub(hn::LoadU(d, score + i + kLanes), max));
      sum = hn::Add(hn::Add(sum, w0), w1);
      Format::Store(w0, w1, i, to);
    }
    return sum;
  }

  // The same as integers. The weights of a tile are relative to the highest
  // score in it and are, with the scales of their values, steps of the product
  // of the greatest of both: so a tile's own weights fill the 16 bits, however
  // little they count in the end, which is in step_.
  template <bool kWhole>
  HWY_INLINE void WeighIntegers(const RowTile& t, const Operands& x) {
    const D d;
    const size_t keys = kWhole ? kKeys : RoundUp(t.visible, kStep);
    for (size_t r = 0; r < t.rows; ++r) {
      if constexpr (!kWhole) PrepareSteps(t, r, keys, x.v_scale);
      const V old = hn::Set(d, max_[t.at + r]);
      const V highest = hn::MaxOfLanes(d, Highest<kWhole>(t, x, r, keys));
      // Of the old sums and this tile's, the one with the higher maximum is
      // worth 1.
      const auto lower = hn::Le(highest, old);
      const V less = Exp2(d, hn::Neg(hn::Abs(hn::Sub(highest, old))));
      const V share = hn::IfThenElse(lower, less, hn::Set(d, 1.f));
      const V factor = hn::IfThenElse(lower, hn::Set(d, 1.f), less);
      const float* const score = scores_ + r * kKeys;
      V sum = hn::Zero(d);
      for (size_t i = 0; i < keys; i += kStep) {
        const V w0 = Format::Exp(hn::Sub(hn::LoadU(d, score + i), highest));
        const V w1 =
            Format::Exp(hn::Sub(hn::LoadU(d, score + i + kLanes), highest));
        sum = hn::Add(hn::Add(sum, w0), w1);
        Format::Store(hn::Mul(w0, hn::LoadU(d, steps_ + i)),
                      hn::Mul(w1, hn::LoadU(d, steps_ + i + kLanes)), i,
                      weights_ + r * kPlanes * kWeightBytes, kWeightBytes);
      }
      float* const sums = sum_ + (t.at + r) * kLanes;
      const V before = hn::Mul(hn::LoadU(d, sums), factor);
      hn::StoreU(hn::MulAdd(sum, share, before), d, sums);
      factor_[r] = hn::GetLane(factor);
      step_[r] = hn::GetLane(share) * step_of_values_;
      max_[t.at + r] = hn::GetLane(hn::Max(old, highest));
    }
  }

  // steps_: how many steps a weight of 1 is of each of `keys` keys, of which
  // row r of the tile sees some; step_of_values_: what a step is worth.
  HWY_INLINE void PrepareSteps(const RowTile& t, size_t r, size_t keys,
                               const float* v_scale) {
    const D d;
    V most = hn::Set(d, kTiny);
    for (size_t i = 0; i < keys; i += kLanes) {
      const V seen = Masked(t, r, i, hn::LoadU(d, v_scale + i));
      most = hn::Max(most, seen);
    }
    const float greatest = hn::ReduceMax(d, most);
    const V inverse = hn::Set(d, Format::kSteps / greatest);
    for (size_t i = 0; i < keys; i += kLanes) {
      hn::StoreU(hn::Mul(hn::LoadU(d, v_scale + i), inverse), d, steps_ + i);
    }
    step_of_values_ = greatest / Format::kSteps;
  }

  void AddMeans(const RowTile& t, const Operands& x) {
    float* const out = out_ + t.at * v_cols_;
    const size_t depth = CeilDiv(t.visible, kUnit);
    if constexpr (kIntegers) {
      Multiply<typename Format::Means, Start::kZero>({.a = weights_,
                                                      .a_stride = kWeightBytes,
                                                      .b = x.v,
                                                      .b_stride = x.v_stride,
                                                      .c = products_,
                                                      .c_stride = v_cols_,
                                                      .rows = kPlanes * t.rows,
                                                      .cols = v_cols_,
                                                      .depth = depth});
      for (size_t r = 0; r < t.rows; ++r) AddPlanes(r, out + r * v_cols_);
    } else {
      Multiply<typename Format::Means, Start::kScaled>(
          {.a = weights_,
           .a_stride = kWeightBytes,
           .b = x.v,
           .b_stride = x.v_stride,
           .c = out,
           .c_stride = v_cols_,
           .rows = t.rows,
           .cols = v_cols_,
           .depth = depth,
           .factor = factor_});
    }
  }

  // out = factor * out + step * (256 * high + low).
  HWY_INLINE void AddPlanes(size_t r, float* out) {
    const D d;
    const hn::RebindToSigned<D> di;
    const V factor = hn::Set(d, factor_[r]), step = hn::Set(d, step_[r]);
    const int32_t* const high = products_ + kPlanes * r * v_cols_;
    const int32_t* const low = high + v_cols_;
    for (size_t i = 0; i < v_cols_; i += kLanes) {
      const auto sum = hn::Add(hn::ShiftLeft<8>(hn::LoadU(di, high + i)),
                               hn::LoadU(di, low + i));
      const V old = hn::Mul(hn::LoadU(d, out + i), factor);
      hn::StoreU(hn::MulAdd(hn::ConvertTo(d, sum), step, old), d, out + i);
    }
  }

  void MergeRange(size_t rows) {
    const D d;
    for (size_t r = 0; r < rows; ++r) {
      const float sum = hn::ReduceSum(d, hn::LoadU(d, sum_ + r * kLanes));
      Merge(total_ + r * total_stride_, v_cols_, out_ + r * v_cols_, max_[r],
            sum);
    }
  }

  void WriteOut() {
    const size_t n = task_.shape.v_dim;
    for (size_t h = 0; h < task_.kv_heads; ++h) {
      for (size_t r = 0; r < task_.rows; ++r) {
        WriteRow(total_ + (h * task_.rows + r) * total_stride_, v_cols_, n,
                 task_.out.row(rows_[r].token) + Head(h, r) * n);
      }
    }
  }

  // The greatest scale is never taken for less, so that its inverse times
  // 65535 is finite.
  static constexpr float kTiny = 0x1p-100f;

  const Task& task_;
  QueryRow* rows_;  // [rows]
  size_t v_cols_, total_stride_;
  size_t q_stride_;            // elements: features in whole units
  Query* q_;                   // [., q_stride_], scaled
  float* q_scale_;             // [.] int8: of a step of q
  int32_t* q_sum_;             // [.] int8: sums of q
  float *out_, *sum_, *max_;   // of this range: [., v_cols_] [., kLanes] [.]
  float* total_;               // of those before: [., total_stride_]
  std::byte *keys_, *values_;  // a tile of them, where made here
  int32_t* products_;          // [kPlanes * kTileRows, v_cols_]
  alignas(kCacheLine) float scores_[kTileRows * kKeys];
  alignas(kCacheLine) int32_t integers_[kIntegers ? kTileRows * kKeys : 1];
  alignas(kCacheLine) std::byte weights_[kPlanes * kTileRows * kWeightBytes];
  float factor_[kTileRows];  // what a row's old sums are worth
  // int8: see WeighIntegers and PrepareSteps. tile_steps_: steps_ are those of
  // rows that see all of the tile.
  alignas(kCacheLine) float steps_[kIntegers ? kKeys : 1];
  float step_[kTileRows], step_of_values_ = 0;
  bool tile_steps_ = false;
};

}  // namespace HWY_NAMESPACE
}  // namespace triptych::attention
HWY_AFTER_NAMESPACE();

#endif  // per target
