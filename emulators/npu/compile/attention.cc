// Attention over cached codes, and appending to the cache.
//
// A core takes a head of keys and values at a time, with the queries that
// share it, a block of them. Whole rows of scores stay in the scratchpad:
//
//   q = codes of Q, a scale a row and head (times the softmax scale)
//   S = f32(q . k) * scale of k * scale of q        a tile of keys at a time
//   S = exp(S - max) / sum, a row at a time, keys that are masked 0
//   p = codes of S * scale of v, a scale a row
//   out = f32(p . v) * scale of p
//
// Keys of a head follow each other, so a block of them is one transfer; two
// buffers hold a block each, of keys first, then of values.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "emulators/kv_cache.h"
#include "emulators/npu/compile/lower.h"
#include "emulators/npu/compile/quantise.h"
#include "emulators/npu/compile/share.h"
#include "models/ops/op.h"

namespace triptych::npu {
namespace {

constexpr float kOne = 1;

struct AttentionSize {
  int64_t batch, queries, keys;
  int64_t heads, kv_heads, dim, v_dim;
  bool causal;
  float scale;
  int bits;
  // Cores that share the keys of one head, and queries of theirs each has.
  int64_t split = 1;
  int64_t shared() const { return heads / kv_heads / split; }
};

// As many cores for a head's keys as its queries can be dealt to evenly, where
// there are fewer heads of keys than cores. Each of them reads all those keys:
// decoding, which does little else, would be the slower for it.
int64_t SplitOf(const AttentionSize& s, int64_t cores) {
  if (s.queries == 1) return 1;
  const int64_t queries = s.heads / s.kv_heads;
  int64_t split = std::clamp<int64_t>(cores / s.kv_heads, 1, queries);
  while (queries % split != 0) --split;
  return split;
}

AttentionSize AttentionSizeOf(const LowerRequest& r) {
  const Attributes& a = r.node.attributes;
  AttentionSize s;
  s.batch = r.binding.batch;
  s.queries =
      r.graph.value(r.node.inputs[0]).shape.rows.Bind(r.binding) / s.batch;
  s.keys = r.graph.value(r.node.inputs[1]).shape.rows.Bind(r.binding) / s.batch;
  s.heads = a.Int("heads");
  s.kv_heads = a.Int("kv_heads");
  s.dim = a.Int("head_dim");
  s.v_dim = a.Int("v_dim", s.dim);
  s.causal = a.Int("causal") != 0;
  s.scale = static_cast<float>(
      a.Get("scale", 1 / std::sqrt(static_cast<double>(s.dim))));
  s.bits = static_cast<int>(r.params.attention_bits);
  return s;
}

struct AttentionPlan {
  int64_t queries = 0;  // of a block; times `shared` rows of scores
  int64_t keys = 0;     // of a block
};

int64_t LocalBytes(const AttentionSize& s, const AttentionPlan& p) {
  const auto buffer = [](int64_t bytes) { return RoundUp(bytes, int64_t{64}); };
  const int64_t rows = p.queries * s.shared();
  return buffer(rows * s.dim * kF32) + buffer(rows * s.dim) +
         2 * buffer(rows * kF32) + 2 * buffer(s.keys * kF32) +
         buffer(rows * s.keys * kF32) + buffer(rows * s.keys) +
         2 * buffer(p.keys * std::max(s.dim, s.v_dim)) +
         buffer(rows * s.v_dim * kF32);
}

// The most queries at a time that fit; false if not even one does.
bool PlanAttention(const AttentionSize& s, const MachineSize& machine,
                   AttentionPlan& p) {
  if (s.keys > kMostCount || s.dim > kMostCount || s.v_dim > kMostCount)
    return false;
  const int64_t v_tiles = CeilDiv(s.v_dim, machine.array_cols);
  const int64_t most_rows =
      std::min(machine.accumulator_rows / 2 / v_tiles, kMostCount) / s.shared();
  // More rows than this fill the array's pipeline no better, but make rows of
  // scores that wait for each other longer.
  const int64_t good_rows = CeilDiv(2 * machine.array_rows, s.shared());
  p.queries = std::min({s.queries, most_rows, good_rows});
  p.keys = std::min<int64_t>(
      s.keys,
      RoundUp(std::max<int64_t>(
                  machine.scratchpad_bytes / 16 / std::max(s.dim, s.v_dim), 1),
              machine.array_rows));
  while (p.queries >= 1 && LocalBytes(s, p) > machine.scratchpad_bytes) {
    if (p.keys > machine.array_rows && p.queries * s.shared() <= 8) {
      p.keys = RoundUp(p.keys / 2, machine.array_rows);
    } else if (p.queries > 1) {
      p.queries = (p.queries + 1) / 2;
    } else {
      return false;
    }
  }
  return p.queries >= 1;
}

class Emitter {
 public:
  Emitter(const LowerRequest& r, const AttentionSize& size,
          const AttentionPlan& plan, const Location& keys,
          const Location& values, Builder& b)
      : at_(r.place), s_(size), p_(plan), k_(keys), v_(values), b_(b) {}

  void Run() {
    const int64_t cores = std::min<int64_t>(s_.kv_heads * s_.split, b_.cores());
    Reserve();
    PlaceRegisters();
    b_.Repeat(s_.batch, [&] {
      const int64_t heads = s_.kv_heads * s_.split;
      const int64_t rounds = heads / cores, rest = heads % cores;
      b_.OnCores(Cores(0, cores));
      b_.Repeat(rounds, [&] { Round(cores); });
      if (rest != 0) {
        b_.OnCores(Cores(0, rest));
        Round(rest);
        b_.OnCores(Cores(0, cores));
      }
      if (s_.batch > 1) NextSequence();
    });
  }

 private:
  void Reserve() {
    const int64_t rows = p_.queries * s_.shared();
    q_f32_ = b_.Local(rows * s_.dim * kF32);
    q_ = b_.Local(rows * s_.dim);
    q_scales_ = b_.Local(rows * kF32);
    p_scales_ = b_.Local(rows * kF32);
    k_scales_ = b_.Local(s_.keys * kF32);
    v_scales_ = b_.Local(s_.keys * kF32);
    scores_ = b_.Local(rows * s_.keys * kF32);
    weights_ = b_.Local(rows * s_.keys);
    block_ = b_.NewDoubleBuffer(p_.keys * std::max(s_.dim, s_.v_dim));
    out_ = b_.Local(rows * s_.v_dim * kF32);
    for (size_t h = 0; h < 2; ++h) {
      sums_.at[h] =
          U32(static_cast<int64_t>(h) * (b_.size().accumulator_rows / 2));
      sums_.free[h] = b_.NewCredits(1);
      sums_.full[h] = b_.NewEvent();
    }
    q_free_ = b_.NewCredits(1);
    q_full_ = b_.NewEvent();
    q_ready_ = b_.NewEvent();
    p_ready_ = b_.NewEvent();
    k_scales_free_ = b_.NewCredits(1);
    v_scales_free_ = b_.NewCredits(1);
    v_scales_full_ = b_.NewEvent();
    out_free_ = b_.NewCredits(1);
    out_full_ = b_.NewEvent();
  }

  void PlaceRegisters() {
    q_at_ = b_.NewRegister();
    out_at_ = b_.NewRegister();
    k_at_ = b_.NewRegister();
    v_at_ = b_.NewRegister();
    scales_at_ = b_.NewRegister();
    b_.AddCore(q_at_, s_.shared() * s_.dim * kF32);
    b_.AddCore(out_at_, s_.shared() * s_.v_dim * kF32);
    if (s_.split == 1) {
      b_.AddCore(k_at_, k_.capacity * s_.dim);
      b_.AddCore(v_at_, v_.capacity * s_.v_dim);
      b_.AddCore(scales_at_, k_.capacity * kF32);
      return;
    }
    // The first cores share the first head.
    const int64_t cores = s_.kv_heads * s_.split;
    for (int64_t first = s_.split; first < cores; first += s_.split) {
      const CoreMask later = Cores(first, cores - first);
      b_.AddOn(later, k_at_, k_.capacity * s_.dim);
      b_.AddOn(later, v_at_, v_.capacity * s_.v_dim);
      b_.AddOn(later, scales_at_, k_.capacity * kF32);
    }
  }

  // A head of keys a core, or a part of one: then all are done in one round.
  void Round(int64_t heads) {
    // Blocks that all see every key are one after the other the same.
    const int64_t whole = s_.causal ? 0 : s_.queries / p_.queries;
    const int64_t q_row = s_.heads * s_.dim * kF32;
    const int64_t out_row = s_.heads * s_.v_dim * kF32;
    if (whole > 1) {
      b_.Repeat(whole, [&] {
        Block(0, p_.queries);
        b_.Add(q_at_, p_.queries * q_row);
        b_.Add(out_at_, p_.queries * out_row);
      });
      b_.Add(q_at_, -whole * p_.queries * q_row);
      b_.Add(out_at_, -whole * p_.queries * out_row);
    }
    for (int64_t q = whole > 1 ? whole * p_.queries : 0; q < s_.queries;
         q += p_.queries) {
      Block(q, std::min(p_.queries, s_.queries - q));
    }
    b_.Add(q_at_, heads * s_.shared() * s_.dim * kF32);
    b_.Add(out_at_, heads * s_.shared() * s_.v_dim * kF32);
    const int64_t keys = heads / s_.split;
    b_.Add(k_at_, keys * k_.capacity * s_.dim);
    b_.Add(v_at_, keys * v_.capacity * s_.v_dim);
    b_.Add(scales_at_, keys * k_.capacity * kF32);
  }

  // Keys and values of the next sequence follow those of this one; queries
  // have only been passed by the columns of one row.
  void NextSequence() {
    b_.Add(q_at_, (s_.queries - 1) * s_.heads * s_.dim * kF32);
    b_.Add(out_at_, (s_.queries - 1) * s_.heads * s_.v_dim * kF32);
  }

  void Block(int64_t first, int64_t queries) {
    const int64_t visible =
        s_.causal ? s_.keys - s_.queries + first + queries : s_.keys;
    const int64_t rows = queries * s_.shared();
    LoadQueries(first, queries);
    b_.Load({.remote = k_.scales.With(scales_at_),
             .local = k_scales_,
             .bytes = visible * kF32},
            {.wait = {k_scales_free_}});
    EachBlock(visible, k_, k_at_, s_.dim,
              [&](size_t buffer, int64_t at, int64_t keys) {
                Scores(buffer, at, keys, rows, visible);
              });
    b_.Load({.remote = v_.scales.With(scales_at_),
             .local = v_scales_,
             .bytes = visible * kF32},
            {.wait = {v_scales_free_}, .signal = {v_scales_full_}});
    Weigh(queries, visible);
    EachBlock(visible, v_, v_at_, s_.v_dim,
              [&](size_t buffer, int64_t at, int64_t keys) {
                Sum(buffer, at, keys, rows, visible);
              });
    StoreOutput(first, queries);
  }

  void LoadQueries(int64_t first, int64_t queries) {
    const int64_t rows = queries * s_.shared();
    b_.Load({.remote = (at_.inputs[0].data + first * s_.heads * s_.dim * kF32)
                           .With(q_at_),
             .local = q_f32_,
             .bytes = s_.dim * kF32,
             .rows = queries,
             .blocks = s_.shared(),
             .remote_row = s_.heads * s_.dim * kF32,
             .remote_block = s_.dim * kF32},
            {.wait = {q_free_}, .signal = {q_full_}});
    b_.Quantize({.src = q_f32_,
                 .dst = q_,
                 .scales = q_scales_,
                 .rows = U16(rows),
                 .cols = U16(s_.dim),
                 .multiplier = s_.scale,
                 .dst_stride = 0},
                s_.bits, 0, {.wait = {q_full_}, .signal = {q_free_, q_ready_}});
  }

  // Loads the codes of `visible` keys or values, a block after the other, and
  // calls use(buffer, first key, keys).
  template <class Use>
  void EachBlock(int64_t visible, const Location& from, uint8_t reg,
                 int64_t dim, const Use& use) {
    for (int64_t at = 0; at < visible; at += p_.keys) {
      const int64_t keys = std::min(p_.keys, visible - at);
      const size_t buffer = buffer_;
      buffer_ = 1 - buffer_;
      b_.Load({.remote = (from.data + at * dim).With(reg),
               .local = block_.at[buffer],
               .bytes = keys * dim},
              {.wait = {block_.free[buffer]}, .signal = {block_.full[buffer]}});
      use(buffer, at, keys);
    }
  }

  void Scores(size_t buffer, int64_t first, int64_t keys, int64_t rows,
              int64_t visible) {
    const int64_t cols = b_.size().array_cols, depth = b_.size().array_rows;
    for (int64_t t = 0; t < keys; t += cols) {
      const int64_t n = std::min(cols, keys - t);
      const size_t half = half_;
      half_ = 1 - half_;
      for (int64_t d = 0; d < s_.dim; d += depth) {
        const int64_t k = std::min(depth, s_.dim - d);
        const bool starts = d == 0, ends = d + k == s_.dim;
        const bool begins = starts && t == 0, last = ends && t + n == keys;
        b_.LoadWeights(block_.at[buffer] + U32(t * s_.dim + d), s_.dim, k, n,
                       false,
                       {.wait = {begins ? block_.full[buffer] : uint8_t{0}},
                        .signal = {last ? block_.free[buffer] : uint8_t{0}}});
        const bool opens = begins && first == 0;
        b_.Matmul(q_ + U32(d), s_.dim, sums_.at[half], rows, !starts,
                  {.wait = {starts ? sums_.free[half] : uint8_t{0},
                            opens ? q_ready_ : uint8_t{0}},
                   .signal = {ends ? sums_.full[half] : uint8_t{0}}});
      }
      const bool closes = first + t + n == visible;
      b_.Dequantize(
          {.acc_row = sums_.at[half],
           .dst = scores_ + U32((first + t) * kF32),
           .dst_stride = U32(visible * kF32),
           .scales = k_scales_ + U32((first + t) * kF32),
           .row_scales = q_scales_,
           .rows = U16(rows),
           .cols = U16(n)},
          kRowScale,
          {.wait = {sums_.full[half]},
           .signal = {sums_.free[half], closes ? k_scales_free_ : uint8_t{0}}});
    }
  }

  // Scores to the codes of weights.
  void Weigh(int64_t queries, int64_t visible) {
    const int64_t rows = queries * s_.shared();
    // A head's queries are rows in order: each sees a key more.
    const int64_t parts = s_.causal && queries > 1 ? s_.shared() : 1;
    const int64_t part = rows / parts;
    for (int64_t g = 0; g < parts; ++g) {
      const uint32_t at = scores_ + U32(g * part * visible * kF32);
      b_.Softmax({.src = at,
                  .dst = at,
                  .sums = kNoOperand,
                  .visible = U32(s_.causal ? visible - queries + 1 : visible),
                  .step = U16(s_.causal && queries > 1 ? 1 : 0),
                  .rows = U16(part),
                  .cols = U16(visible),
                  .zero = 0},
                 true, {});
    }
    b_.Vector({.src0 = scores_,
               .src1 = v_scales_,
               .dst = scores_,
               .rows = U16(rows),
               .cols = U16(visible),
               .op = VectorOp::kMul,
               .operand = Operand::kPerColumn},
              {}, {.wait = {v_scales_full_}, .signal = {v_scales_free_}});
    b_.Quantize({.src = scores_,
                 .dst = weights_,
                 .scales = p_scales_,
                 .rows = U16(rows),
                 .cols = U16(visible),
                 .multiplier = kOne,
                 .dst_stride = 0},
                s_.bits, 0, {.signal = {p_ready_}});
  }

  // All columns of the values have accumulators of their own, so that a block
  // is loaded once.
  void Sum(size_t buffer, int64_t first, int64_t keys, int64_t rows,
           int64_t visible) {
    const int64_t depth = b_.size().array_rows, cols = b_.size().array_cols;
    for (int64_t t = 0; t < keys; t += depth) {
      const int64_t k = std::min(depth, keys - t);
      const bool opens = first + t == 0, closes = first + t + k == visible;
      for (int64_t v = 0; v < s_.v_dim; v += cols) {
        const int64_t n = std::min(cols, s_.v_dim - v);
        const bool left = v == 0, right = v + n == s_.v_dim;
        const bool begins = left && t == 0, last = right && t + k == keys;
        b_.LoadWeights(block_.at[buffer] + U32(t * s_.v_dim + v), s_.v_dim, k,
                       n, true,
                       {.wait = {begins ? block_.full[buffer] : uint8_t{0}},
                        .signal = {last ? block_.free[buffer] : uint8_t{0}}});
        b_.Matmul(
            weights_ + U32(first + t), visible,
            sums_.at[half_] + v / cols * rows, rows, !opens,
            {.wait = {opens && left ? sums_.free[half_] : uint8_t{0},
                      opens && left ? p_ready_ : uint8_t{0}},
             .signal = {closes && right ? sums_.full[half_] : uint8_t{0}}});
      }
    }
  }

  void StoreOutput(int64_t first, int64_t queries) {
    const int64_t rows = queries * s_.shared();
    const int64_t cols = b_.size().array_cols;
    for (int64_t v = 0; v < s_.v_dim; v += cols) {
      const int64_t n = std::min(cols, s_.v_dim - v);
      Sync sync;
      if (v == 0) sync.wait = {sums_.full[half_], out_free_};
      if (v + n == s_.v_dim) sync.signal = {sums_.free[half_], out_full_};
      b_.Dequantize({.acc_row = sums_.at[half_] + U32(v / cols * rows),
                     .dst = out_ + U32(v * kF32),
                     .dst_stride = U32(s_.v_dim * kF32),
                     .scales = kNoOperand,
                     .row_scales = p_scales_,
                     .rows = U16(rows),
                     .cols = U16(n)},
                    kRowScale, sync);
    }
    half_ = 1 - half_;
    b_.Store({.remote = (at_.output.data + first * s_.heads * s_.v_dim * kF32)
                            .With(out_at_),
              .local = out_,
              .bytes = s_.v_dim * kF32,
              .rows = queries,
              .blocks = s_.shared(),
              .remote_row = s_.heads * s_.v_dim * kF32,
              .remote_block = s_.v_dim * kF32},
             {.wait = {out_full_}, .signal = {out_free_}});
  }

  const Placement& at_;
  const AttentionSize& s_;
  const AttentionPlan& p_;
  const Location &k_, &v_;
  Builder& b_;
  uint32_t q_f32_ = 0, q_ = 0, q_scales_ = 0, p_scales_ = 0;
  uint32_t k_scales_ = 0, v_scales_ = 0, scores_ = 0, weights_ = 0, out_ = 0;
  DoubleBuffer block_, sums_;
  size_t buffer_ = 0, half_ = 0;
  uint8_t q_free_ = 0, q_full_ = 0, q_ready_ = 0, p_ready_ = 0;
  uint8_t k_scales_free_ = 0, v_scales_free_ = 0, v_scales_full_ = 0;
  uint8_t out_free_ = 0, out_full_ = 0;
  uint8_t q_at_ = 0, out_at_ = 0, k_at_ = 0, v_at_ = 0, scales_at_ = 0;
};

}  // namespace

Status LowerKvAppend(const LowerRequest& r, Builder& b) {
  const Shape& cache = r.graph.value(r.node.output).shape;
  const int64_t dim = CacheHeadDim(r.graph, r.node.output);
  const int64_t rows =
      r.graph.value(r.node.inputs[0]).shape.rows.Bind(r.binding);
  return EmitQuantise(r,
                      {.batch = r.binding.batch,
                       .rows = rows / r.binding.batch,
                       .heads = cache.cols / dim,
                       .dim = dim,
                       .first = cache.rows.total ? r.binding.context : 0,
                       .bits = static_cast<int>(r.params.attention_bits)},
                      r.place.inputs[0].data, r.place.output, b);
}

Status LowerAttention(const LowerRequest& r, Builder& b) {
  AttentionSize s = AttentionSizeOf(r);
  s.split = SplitOf(s, b.cores());
  AttentionPlan plan;
  if (!PlanAttention(s, b.size(), plan)) {
    return MakeError(
        ErrorCode::kUnsupported,
        fmt::format("{}: rows of {} scores for {} queries do not fit the "
                    "scratchpad ({} bytes)",
                    r.node.name, s.keys, s.shared(),
                    b.size().scratchpad_bytes));
  }
  Location keys = r.place.inputs[1], values = r.place.inputs[2];
  if (r.graph.value(r.node.inputs[1]).kind != ValueKind::kCache) {
    keys = r.place.scratch[0];
    values = r.place.scratch[1];
    TRIPTYCH_TRY(EmitQuantise(r,
                              {s.batch, s.keys, s.kv_heads, s.dim, 0, s.bits},
                              r.place.inputs[1].data, keys, b));
    b.Barrier();
    TRIPTYCH_TRY(EmitQuantise(r,
                              {s.batch, s.keys, s.kv_heads, s.v_dim, 0, s.bits},
                              r.place.inputs[2].data, values, b));
    b.Barrier();
  }
  Emitter(r, s, plan, keys, values, b).Run();
  return {};
}

}  // namespace triptych::npu
