// Weight-stationary products. Tiles of weights stream through a ring of
// buffers while the array works on the ones before and the vector unit on the
// sums of the ones before those:
//
//   load    A rows ..  | W tile 0 | W tile 1 | W tile 2 | ...
//   vector  quantise A |          |          scale 0    | scale 1 | ...
//   matrix             |          | tile 0   | tile 1   | ...
//   store                                         C tile 0 | ...
//
// A tile is n_tile rows of W. Its sums are taken over groups of k that share
// a scale; they go round a ring of places in the accumulators, so that the
// array need not wait for the vector unit, nor that for the array's pipeline.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/compile/product.h"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "kernels/base/check.h"

namespace triptych::npu {
namespace {

constexpr int64_t kF32 = 4;
constexpr float kOne = 1;
constexpr int64_t kWorthTwo = 8192;  // bytes of a load that two share

uint32_t U32(int64_t n) { return static_cast<uint32_t>(n); }
uint16_t U16(int64_t n) { return static_cast<uint16_t>(n); }
uint8_t If(bool condition, uint8_t event) {
  return condition ? event : uint8_t{0};
}

// Buffers used in turn.
struct Ring {
  std::vector<uint32_t> at;
  std::vector<uint8_t> free, full;
};

class Emitter {
 public:
  Emitter(std::span<const ProductWork> works, const ProductInput& input,
          const MatmulPlan& plan, Builder& b)
      : works_(works),
        in_at_(input),
        p_(plan),
        b_(b),
        s_(works[0].size),
        rows_(plan.blocks.count) {
    Use(works[0]);
  }

  void Run() {
    b_.OnCores(Cores(0, p_.cores()));
    Reserve();
    PlaceRegisters();
    Loop(p_.blocks.parts, [&] { Block(); });
  }

 private:
  void Use(const ProductWork& work) {
    work_ = &work;
    s_ = work.size;
    n_tile_ = std::min(p_.n_tile, s_.n / p_.output_cores);
    layout_ = s_.layout(b_.size());
    parts_ = PartsOf(layout_, p_.k_chunk);
  }

  // ---- What it takes ----

  void Reserve() {
    idle_ = b_.Local(2 * kF32);
    row_scales_ = b_.Local(rows_ * kF32);
    const int64_t stage = p_.prepared ? rows_ : p_.stage_rows * s_.k;
    stage_ = b_.NewDoubleBuffer(stage * kF32);
    if (p_.streamed()) {
      for (uint32_t& a : a_.at) a = b_.Local(rows_ * p_.k_chunk);
    } else {
      codes_ = b_.Local(rows_ * s_.k);
    }
    if (p_.together) {
      for (size_t h = 0; h < 2; ++h) {
        a_.free[h] = b_.NewCredits(1);
        a_.full[h] = b_.NewEvent();
      }
    }
    for (int64_t i = 0; i < p_.buffers; ++i) {
      weights_.at.push_back(b_.Local(p_.n_tile * LocalRow(p_.k_chunk)));
      weights_.free.push_back(b_.NewCredits(1));
      weights_.full.push_back(b_.NewEvent());
    }
    ReserveTiles();
    ready_ = b_.NewEvent();
    if (p_.blocks.parts > 1 && !p_.streamed()) unused_ = b_.NewCredits(1);
    if (p_.looped) MakeZeros();
  }
  void ReserveTiles() {
    const int64_t column = p_.n_tile * kF32;
    scales_ = b_.NewDoubleBuffer(s_.factors * TailColumns() * column);
    for (size_t h = 0; h < 2; ++h) {
      if (p_.looped) part_scales_[h] = b_.Local(PartGroups() * column);
      for (int64_t f = 0; f < s_.factors; ++f) {
        out_[static_cast<size_t>(f)][h] = b_.Local(rows_ * column);
      }
      if (s_.residual) residual_[h] = b_.Local(rows_ * column);
      out_full_[h] = b_.NewEvent();
    }
    sums_free_ = b_.NewCredits(U16(p_.slots));
    sums_full_ = b_.NewEvent();
    drained_ = b_.NewEvent();
  }

  // -0, to which groups are added: x + -0 is x, whatever x. From sums, which
  // are no NaNs: times -0 they are zeros, of which -0 is the least.
  void MakeZeros() {
    const auto cols = U16(p_.n_tile), rows = U16(rows_);
    const auto minus_zero = std::bit_cast<uint32_t>(-0.0f);
    zeros_ = b_.Local(rows_ * p_.n_tile * kF32);
    b_.Dequantize({.acc_row = SumsAt(p_.slots),
                   .dst = zeros_,
                   .dst_stride = U32(p_.n_tile * kF32),
                   .scales = kNoOperand,
                   .row_scales = kNoOperand,
                   .rows = rows,
                   .cols = cols},
                  0);
    for (const VectorOp op : {VectorOp::kMul, VectorOp::kMin}) {
      b_.Vector({.src0 = zeros_,
                 .src1 = minus_zero,
                 .dst = zeros_,
                 .rows = rows,
                 .cols = cols,
                 .op = op,
                 .operand = Operand::kImmediate},
                {});
    }
  }

  void PlaceRegisters() {
    in_ = b_.NewRegister();
    if (p_.prepared) in_scales_ = b_.NewRegister();
    c_ = b_.NewRegister();
    w_ = b_.NewRegister();
    column_ = b_.NewRegister();
    if (RowsInPanels() > 0) panel_ = b_.NewRegister();
    if (p_.split_rows) {
      b_.AddCore(in_, p_.rows.step * InRow());
      if (p_.prepared) b_.AddCore(in_scales_, p_.rows.step * kF32);
      b_.AddCore(c_, p_.rows.step * work_->out.stride);
    }
  }
  // Rows of the output that lie in panels.
  int64_t RowsInPanels() const {
    const SplitRows& out = work_->out;
    return out.panel > 0 ? std::max<int64_t>(rows_ - out.near, 0) : 0;
  }
  int64_t InRow() const {
    return p_.prepared ? in_at_.codes.stride : s_.k * kF32;
  }

  // Columns of f32 that come with a tile, of a factor.
  int64_t TailColumns() const {
    return (p_.looped ? 0 : s_.groups()) + (s_.bias ? 1 : 0);
  }
  int64_t PartGroups() const { return CeilDiv(p_.k_chunk, s_.group); }
  // Bytes of `k` codes of a row in the scratchpad.
  int64_t LocalRow(int64_t k) const {
    return s_.packed() ? RoundUp(k, int64_t{2}) : k;
  }
  // Neighbours are in unlike halves: one fills while the other is read.
  uint32_t SumsAt(int64_t slot) const {
    return U32(slot % 2 * (b_.size().accumulator_rows / 2) + slot / 2 * rows_);
  }

  // ---- Loops and places ----

  // A loop begins and ends at the same place of the ring of sums.
  template <class Body>
  void Loop(int64_t count, const Body& body) {
    const int64_t slot = slot_;
    b_.Repeat(count, [&] {
      body();
      if (count > 1 && slot_ != slot) DrainSums();
      if (count > 1) slot_ = slot;
    });
  }
  // Waits in the matrix queue until all sums are free. The vector unit says so
  // again: the credits of an event come from one queue.
  void DrainSums() {
    for (int64_t i = 0; i < p_.slots; ++i) {
      Touch(
          {.wait = {sums_free_}, .signal = {If(i + 1 == p_.slots, drained_)}});
    }
    for (int64_t i = 0; i < p_.slots; ++i) {
      b_.Vector({.src0 = idle_,
                 .src1 = 0,
                 .dst = idle_ + 4,
                 .rows = 1,
                 .cols = 1,
                 .op = VectorOp::kCopy,
                 .operand = Operand::kFull},
                {}, {.wait = {If(i == 0, drained_)}, .signal = {sums_free_}});
    }
  }
  // A command of the matrix queue that does nothing of use: it reads what
  // nobody writes, and the next weights take its place.
  void Touch(const Sync& sync) { b_.LoadWeights(idle_, 1, 1, 1, false, sync); }

  // Where a tile is: columns of C (and scales), and rows of codes; of all
  // cores, and more for each core before this one.
  struct At {
    int64_t column = 0, column_core = 0, row = 0, row_core = 0;
  };
  void GoTo(const At& to) {
    Advance({to.column - at_tile_.column, to.column_core - at_tile_.column_core,
             to.row - at_tile_.row, to.row_core - at_tile_.row_core});
  }
  void Advance(const At& by) {
    if (by.column != 0) {
      b_.Add(c_, by.column * kF32);
      b_.Add(column_, by.column * kF32);
      if (panel_ != 0) b_.Add(panel_, by.column * kF32 * RowsInPanels());
    }
    if (by.row != 0) b_.Add(w_, by.row * layout_.row_bytes());
    if (by.column_core != 0) {
      b_.AddCore(c_, by.column_core * kF32);
      b_.AddCore(column_, by.column_core * kF32);
      if (panel_ != 0) {
        b_.AddCore(panel_, by.column_core * kF32 * RowsInPanels());
      }
    }
    if (by.row_core != 0) b_.AddCore(w_, by.row_core * layout_.row_bytes());
    Moved(by);
  }
  // What loops add up to.
  void Moved(const At& by, int64_t times = 1) {
    at_tile_.column += times * by.column;
    at_tile_.column_core += times * by.column_core;
    at_tile_.row += times * by.row;
    at_tile_.row_core += times * by.row_core;
  }

  // `count` whole tiles, each `by` after the one before.
  void Tiles(int64_t count, const At& by) {
    const int64_t bodies = p_.bodies;
    const auto tile = [&](int64_t i) {
      Tile(static_cast<size_t>(i), n_tile_);
      Advance(by);
    };
    Loop(count / bodies, [&] {
      for (int64_t i = 0; i < bodies; ++i) tile(i);
    });
    if (count >= bodies) Moved(by, (count / bodies - 1) * bodies);
    if (count % bodies != 0) tile(0);
  }

  void Block() {
    if (p_.prepared) {
      LoadCodes();
    } else {
      QuantiseRows();
    }
    for (const ProductWork& work : works_) {
      Use(work);
      if (p_.together) {
        Together();
      } else {
        AllTiles();
      }
      GoTo({});
    }
    NextBlock();
  }

  // Whole tiles, a core's each in turn; then what is left, an equal part for
  // each core; then what is left of that, a column for some.
  void AllTiles() {
    const int64_t share = p_.split_rows ? 1 : p_.cores();
    const int64_t step = share * n_tile_;
    const int64_t tiles = s_.n / step, left = s_.n % step;
    row_step_ = layout_.order.ways;
    if (layout_.order.mixed == 0) {
      GoTo({0, share > 1 ? n_tile_ : 0, 0, share > 1 ? n_tile_ : 0});
      Tiles(tiles, {step, 0, step, 0});
    } else if (!p_.split_rows) {
      GoTo({0, n_tile_, 0, 1});
      Tiles(tiles, {step, 0, step, 0});
    } else {
      SharedTiles();
    }
    // In their order again.
    row_step_ = 1;
    const int64_t done = tiles * step;
    if (p_.split_rows) {
      return Rest(layout_.order.mixed == 0 ? done : layout_.order.mixed);
    }
    const int64_t part = left / share, over = left % share;
    if (part != 0) {
      GoTo({done, part, done, part});
      Tile(0, part);
    }
    if (over != 0) {
      const int64_t from = done + share * part;
      GoTo({from, 1, from, 1});
      // Cores that have no column stay where they are in the ring of sums: the
      // others go back there.
      const int64_t slot = slot_;
      b_.OnCores(Cores(0, over));
      Tile(1, 1);
      const bool last = p_.blocks.parts == 1 && work_ == &works_.back();
      if (!last && slot_ != slot) DrainSums();
      slot_ = slot;
      b_.OnCores(Cores(0, p_.cores()));
    }
  }

  // All cores take all tiles, whose rows alternate.
  void SharedTiles() {
    const int64_t group = layout_.order.ways * n_tile_;
    const int64_t groups = layout_.order.mixed / group;
    GoTo({});
    const At before = at_tile_;
    Loop(groups, [&] {
      Tiles(layout_.order.ways, {n_tile_, 0, 1, 0});
      Advance({0, 0, group - layout_.order.ways, 0});
    });
    at_tile_ = before;
    Moved({group, 0, group, 0}, groups);
  }

  // All cores take the columns from `from` on.
  void Rest(int64_t from) {
    for (int64_t i = 0; from < s_.n; ++i) {
      const int64_t n = std::min(n_tile_, s_.n - from);
      GoTo({from, 0, from, 0});
      Tile(static_cast<size_t>(i % 2), n);
      from += n;
    }
  }

  void NextBlock() {
    if (p_.blocks.parts == 1) return;
    // The array is done with this block's codes when it gets here.
    if (unused_ != 0) Touch({.signal = {unused_}});
    b_.Add(in_, p_.blocks.step * InRow());
    if (p_.prepared) b_.Add(in_scales_, p_.blocks.step * kF32);
    b_.Add(c_, p_.blocks.step * work_->out.stride);
  }

  // ---- Activations ----

  // `bytes` of every row of A from column `first` on.
  void LoadRows(int64_t first, int64_t bytes, uint32_t local,
                const Sync& sync) {
    const SplitRows& from = in_at_.codes;
    const int64_t near = std::min(from.near, rows_);
    const auto load = [&](const Remote& at, int64_t skip, int64_t rows,
                          int64_t stride, const Sync& s) {
      b_.Load({.remote = (at + first).With(in_),
               .local = local + U32(skip * bytes),
               .bytes = bytes,
               .rows = rows,
               .remote_row = stride,
               .multicast = Shared()},
              s);
    };
    const bool both = near > 0 && near < rows_;
    if (near > 0) {
      load(from.at, 0, near, from.stride,
           both ? Sync{.wait = sync.wait, .signal = {}} : sync);
    }
    if (near < rows_) {
      load(from.rest, near, rows_ - near, from.RestStride(),
           both ? Sync{.wait = {}, .signal = sync.signal} : sync);
    }
  }
  // Whether all cores receive the same of A.
  bool Shared() const { return !p_.split_rows && std::popcount(b_.mask()) > 1; }

  // Codes of all cores' rows, and their scales: those go where they are
  // needed once the vector unit is done with the last block's.
  void LoadCodes() {
    b_.Load({.remote = in_at_.scales.With(in_scales_),
             .local = stage_.at[0],
             .bytes = rows_ * kF32,
             .multicast = Shared()},
            {.wait = {stage_.free[0], unused_},
             .signal = {If(p_.streamed(), stage_.full[0])}});
    if (!p_.streamed()) {
      LoadRows(0, s_.k, codes_, {.signal = {stage_.full[0]}});
    }
    b_.Vector({.src0 = stage_.at[0],
               .src1 = 0,
               .dst = row_scales_,
               .rows = 1,
               .cols = U16(rows_),
               .op = VectorOp::kCopy,
               .operand = Operand::kFull},
              {},
              {.wait = {stage_.full[0]},
               .signal = {stage_.free[0], If(!p_.streamed(), ready_)}});
    if (!p_.streamed()) Touch({.wait = {ready_}});
  }

  void QuantiseRows() {
    for (int64_t row = 0, i = 0; row < rows_; row += p_.stage_rows, ++i) {
      const size_t h = static_cast<size_t>(i % 2);
      const int64_t rows = std::min(p_.stage_rows, rows_ - row);
      const bool last = row + rows == rows_;
      b_.Load({.remote = (in_at_.floats + row * s_.k * kF32).With(in_),
               .local = stage_.at[h],
               .bytes = rows * s_.k * kF32,
               .multicast = Shared()},
              {.wait = {stage_.free[h]}, .signal = {stage_.full[h]}});
      b_.Quantize({.src = stage_.at[h],
                   .dst = codes_ + U32(row * s_.k),
                   .scales = row_scales_ + U32(row * kF32),
                   .rows = U16(rows),
                   .cols = U16(s_.k),
                   .multiplier = kOne,
                   .dst_stride = U32(s_.k)},
                  s_.activation_bits, 0,
                  {.wait = {stage_.full[h], If(row == 0, unused_)},
                   .signal = {stage_.free[h], If(last, ready_)}});
    }
    Touch({.wait = {ready_}});
  }

  // ---- Tiles ----

  // C[rows, n] of the next n columns; buffers `h` of two.
  void Tile(size_t h, int64_t n) {
    if (p_.looped) return LoopedTile(h, n);
    const int64_t loads = s_.factors * Count(parts_);
    // What is loaded ahead stands before what it is to overlap with: the front
    // end stops at a full queue.
    const int64_t ahead = std::min(loads, p_.buffers);
    const auto buffer = [&](int64_t i) {
      return static_cast<size_t>((static_cast<int64_t>(h) * loads + i) %
                                 p_.buffers);
    };
    for (int64_t i = 0; i < ahead; ++i) LoadPart(buffer(i), i, n);
    LoadTail(h, n);
    for (int64_t i = 0; i < loads; ++i) {
      Multiply(h, buffer(i), i, n);
      if (i + ahead < loads) LoadPart(buffer(i + ahead), i + ahead, n);
    }
    Finish(h, n);
  }
  static int64_t Count(const std::vector<KPart>& parts) {
    return static_cast<int64_t>(parts.size());
  }
  // Load i of a tile: its factor, and the part of k.
  const Factor& FactorOf(int64_t load) const {
    return work_->factors[static_cast<size_t>(load / Count(parts_))];
  }
  const KPart& PartOf(int64_t load) const {
    return parts_[static_cast<size_t>(load % Count(parts_))];
  }

  // What else a tile needs: scales, bias, what is added at the end. Its buffers
  // are free when what was made with them is stored.
  void LoadTail(size_t h, int64_t n) {
    struct Item {
      Remote at;
      int64_t rows, row;
      uint32_t local;
    };
    std::vector<Item> items;
    uint32_t local = scales_.at[h];
    for (const Factor& f : work_->factors) {
      if (!p_.looped) {
        items.push_back(
            {f.weight.scales.With(column_), s_.groups(), s_.n * kF32, local});
      }
      local += U32((p_.looped ? 0 : s_.groups()) * n * kF32);
      if (!s_.bias) continue;
      items.push_back({f.bias.With(column_), 1, 0, local});
      local += U32(n * kF32);
    }
    const bool many = p_.split_rows && p_.cores() > 1;
    for (size_t i = 0; i < items.size(); ++i) {
      const Item& item = items[i];
      const bool last = i + 1 == items.size() && !s_.residual;
      b_.Load({.remote = item.at,
               .local = item.local,
               .bytes = n * kF32,
               .rows = item.rows,
               .remote_row = item.row,
               .multicast = many},
              {.wait = {If(i == 0, scales_.free[h])},
               .signal = {If(last, scales_.full[h])}});
    }
    if (!s_.residual) return;
    b_.Load({.remote = work_->residual.With(c_),
             .local = residual_[h],
             .bytes = n * kF32,
             .rows = rows_,
             .remote_row = s_.n * kF32},
            {.wait = {If(items.empty(), scales_.free[h])},
             .signal = {scales_.full[h]}});
  }
  bool HasTail() const { return TailColumns() > 0 || s_.residual; }
  uint32_t Scales(size_t h, size_t f, int64_t n) const {
    return scales_.at[h] +
           U32(static_cast<int64_t>(f) * TailColumns() * n * kF32);
  }
  uint32_t Bias(size_t h, size_t f, int64_t n) const {
    return Scales(h, f, n) + U32((TailColumns() - 1) * n * kF32);
  }

  void LoadPart(size_t buffer, int64_t load, int64_t n, int64_t row = 0) {
    const KPart& part = PartOf(load);
    const int64_t chunk = part.first / layout_.chunk;
    const int64_t in = part.first % layout_.chunk;
    const int64_t skip = (chunk * layout_.n + row) * layout_.row_bytes() +
                         (s_.packed() ? in / 2 : in);
    LoadWeights(buffer, FactorOf(load).weight.data + skip, part.k, n,
                weights_.free[buffer]);
  }

  // In two transfers, of every other row each: a core has several under way
  // at once, which then stay side by side.
  void LoadWeights(size_t buffer, const Remote& from, int64_t k, int64_t n,
                   uint8_t wait) {
    const int64_t parts = n * k >= kWorthTwo && n > 1 ? 2 : 1;
    const int64_t remote_row = row_step_ * layout_.row_bytes();
    for (int64_t i = 0; i < parts; ++i) {
      b_.Load({.remote = (from + i * remote_row).With(w_),
               .local = weights_.at[buffer] + U32(i * LocalRow(k)),
               .bytes = s_.packed() ? (k + 1) / 2 : k,
               .rows = (n + parts - 1 - i) / parts,
               .remote_row = parts * remote_row,
               .local_row = parts * LocalRow(k),
               .unpack4 = s_.packed(),
               .multicast = p_.split_rows && p_.cores() > 1},
              {.wait = {If(i == 0, wait)},
               .signal = {If(i + 1 == parts, weights_.full[buffer])}});
    }
  }

  int64_t PieceOf() const { return std::min(s_.group, b_.size().array_rows); }

  // The pieces of k in a part, and the scales of groups that end there.
  void Multiply(size_t h, size_t buffer, int64_t load, int64_t n) {
    const auto [first, k] = PartOf(load);
    const auto f = static_cast<size_t>(load / Count(parts_));
    for (int64_t at = first; at < first + k;) {
      const int64_t group = at / s_.group;
      const int64_t group_end = (group + 1) * s_.group;
      const int64_t end = std::min({at + PieceOf(), group_end, first + k});
      const bool starts = at == group * s_.group, ends = end == group_end;
      b_.LoadWeights(weights_.at[buffer] + U32(at - first), LocalRow(k),
                     end - at, n, false,
                     {.wait = {If(at == first, weights_.full[buffer])},
                      .signal = {If(end == first + k, weights_.free[buffer])}});
      b_.Matmul(
          codes_ + U32(at), s_.k, SumsAt(slot_), rows_, !starts,
          {.wait = {If(starts, sums_free_)}, .signal = {If(ends, sums_full_)}});
      if (ends) Scale(h, f, group, n);
      at = end;
    }
  }
  void NextSlot() { slot_ = (slot_ + 1) % p_.slots; }

  // The sums of `group` of factor f.
  void Scale(size_t h, size_t f, int64_t group, int64_t n) {
    const bool first = group == 0, last = group + 1 == s_.groups();
    const bool done = last && f + 1 == work_->factors.size() && Steps() == 0;
    b_.Dequantize({.acc_row = SumsAt(slot_),
                   .dst = out_[f][h],
                   .dst_stride = U32(n * kF32),
                   .scales = Scales(h, f, n) + U32(group * n * kF32),
                   .row_scales = last ? row_scales_ : kNoOperand,
                   .rows = U16(rows_),
                   .cols = U16(n)},
                  static_cast<uint8_t>((first ? 0 : kAccumulate) |
                                       (last ? kRowScale : 0)),
                  {.wait = {sums_full_, If(first && f == 0, scales_.full[h])},
                   .signal = {sums_free_, If(done, out_full_[h])}});
    NextSlot();
  }

  // Commands on a tile that follow its sums.
  int64_t Steps() const {
    return (s_.bias ? s_.factors : 0) + (work_->act ? 1 : 0) +
           (s_.factors == 2 ? 1 : 0) + (s_.residual ? 1 : 0);
  }
  void Finish(size_t h, int64_t n) {
    int64_t left = Steps();
    const auto step = [&](VectorOp op, uint32_t src0, uint32_t src1,
                          Operand operand) {
      --left;
      b_.Vector({.src0 = src0,
                 .src1 = src1,
                 .dst = src0,
                 .rows = U16(rows_),
                 .cols = U16(n),
                 .op = op,
                 .operand = operand},
                {}, {.signal = {If(left == 0, out_full_[h])}});
    };
    const uint32_t out = out_[0][h];
    for (size_t f = 0; s_.bias && f < work_->factors.size(); ++f) {
      step(VectorOp::kAdd, out_[f][h], Bias(h, f, n), Operand::kPerColumn);
    }
    if (work_->act) step(*work_->act, out, 0, Operand::kFull);
    if (s_.factors == 2) {
      step(VectorOp::kMul, out, out_[1][h], Operand::kFull);
    }
    if (s_.residual) step(VectorOp::kAdd, out, residual_[h], Operand::kFull);
    if (p_.split_rows && !p_.rows.exact()) {
      b_.OnCores(Cores(0, p_.cores() - 1));
      Store(h, n, p_.rows.step);
      b_.OnCores(Cores(p_.cores() - 1, 1));
      Store(h, n, rows_);
      b_.OnCores(Cores(0, p_.cores()));
    } else {
      Store(h, n, rows_);
    }
  }

  void Store(size_t h, int64_t n, int64_t rows) {
    const SplitRows& to = work_->out;
    const int64_t near = std::min(to.near, rows);
    const auto store = [&](const Remote& at, int64_t skip, int64_t count,
                           int64_t stride, const Sync& sync) {
      b_.Store({.remote = at,
                .local = out_[0][h] + U32(skip * n * kF32),
                .bytes = n * kF32,
                .rows = count,
                .remote_row = stride},
               sync);
    };
    const bool both = near > 0 && near < rows;
    if (near > 0) {
      store(to.at.With(c_), 0, near, to.stride,
            {.wait = {out_full_[h]}, .signal = {If(!both, scales_.free[h])}});
    }
    if (near == rows) return;
    const bool panels = panel_ != 0;
    store(to.rest.With(panels ? panel_ : c_), near, rows - near,
          panels ? n * kF32 : to.stride,
          {.wait = {If(!both, out_full_[h])}, .signal = {scales_.free[h]}});
  }

  // ---- Parts of k as a loop ----

  // Two parts a round. What a part needs comes with it; the last scale frees
  // the buffers.
  void LoopedTile(size_t h, int64_t n) {
    if (HasTail()) LoadTail(h, n);
    for (size_t f = 0; f < work_->factors.size(); ++f) {
      const uint8_t tail = HasTail() ? scales_.full[h] : scales_.free[h];
      b_.Vector({.src0 = zeros_,
                 .src1 = 0,
                 .dst = out_[f][h],
                 .rows = 1,
                 .cols = U16(rows_ * n),
                 .op = VectorOp::kCopy,
                 .operand = Operand::kFull},
                {}, {.wait = {If(f == 0, tail)}});
      const int64_t count = Count(parts_);
      Loop(count / 2, [&] {
        LoopedPart(0, h, f, n);
        LoopedPart(1, h, f, n);
      });
      MoveParts(-count);
      const bool done = f + 1 == work_->factors.size() && Steps() == 0;
      b_.Vector({.src0 = out_[f][h],
                 .src1 = row_scales_,
                 .dst = out_[f][h],
                 .rows = U16(rows_),
                 .cols = U16(n),
                 .op = VectorOp::kMul,
                 .operand = Operand::kPerRow},
                {}, {.signal = {If(done, out_full_[h])}});
    }
    Finish(h, n);
  }
  void MoveParts(int64_t parts) {
    b_.Add(in_, parts * p_.k_chunk);
    b_.Add(w_, parts * layout_.n * layout_.row_bytes());
    b_.Add(column_, parts * PartGroups() * s_.n * kF32);
  }
  void LoopedPart(size_t j, size_t h, size_t f, int64_t n) {
    const Factor& factor = work_->factors[f];
    LoadRows(0, p_.k_chunk, a_.at[j], {.wait = {weights_.free[j]}});
    b_.Load({.remote = factor.weight.scales.With(column_),
             .local = part_scales_[j],
             .bytes = n * kF32,
             .rows = PartGroups(),
             .remote_row = s_.n * kF32,
             .multicast = p_.split_rows && p_.cores() > 1});
    LoadWeights(j, factor.weight.data, p_.k_chunk, n, 0);
    for (int64_t at = 0; at < p_.k_chunk;) {
      const int64_t group = at / s_.group;
      const int64_t end = std::min(at + PieceOf(), (group + 1) * s_.group);
      const bool starts = at % s_.group == 0, ends = end % s_.group == 0;
      b_.LoadWeights(weights_.at[j] + U32(at), LocalRow(p_.k_chunk), end - at,
                     n, false, {.wait = {If(at == 0, weights_.full[j])}});
      b_.Matmul(
          a_.at[j] + U32(at), p_.k_chunk, SumsAt(slot_), rows_, !starts,
          {.wait = {If(starts, sums_free_)}, .signal = {If(ends, sums_full_)}});
      if (ends) {
        b_.Dequantize(
            {.acc_row = SumsAt(slot_),
             .dst = out_[f][h],
             .dst_stride = U32(n * kF32),
             .scales = part_scales_[j] + U32(group * n * kF32),
             .row_scales = kNoOperand,
             .rows = U16(rows_),
             .cols = U16(n)},
            kAccumulate,
            {.wait = {sums_full_},
             .signal = {sums_free_, If(end == p_.k_chunk, weights_.free[j])}});
        NextSlot();
      }
      at = end;
    }
    MoveParts(1);
  }

  // ---- All of a core's tiles side by side ----

  void Together() {
    const int64_t step = p_.cores() * n_tile_;
    const int64_t tiles = s_.n / step, count = Count(parts_) * tiles;
    const bool mixed = layout_.order.mixed != 0;
    const int64_t core_step = p_.cores() > 1 ? n_tile_ : 0;
    row_step_ = mixed ? layout_.order.ways : 1;
    const At first{0, core_step, 0, mixed ? 1 : core_step};
    GoTo(first);
    const auto load = [&](int64_t i) {
      const int64_t part = i / tiles;
      if (i % tiles == 0) {
        const auto j = static_cast<size_t>(part % 2);
        const KPart& p = parts_[static_cast<size_t>(part)];
        LoadRows(p.first, p.k, a_.at[j],
                 {.wait = {a_.free[j]}, .signal = {a_.full[j]}});
      }
      LoadPart(static_cast<size_t>(i % p_.buffers), part, n_tile_,
               i % tiles * step);
    };
    // A part of A is loaded when the one before the last has been used.
    const int64_t ahead = std::min({count, p_.buffers, tiles + 1});
    for (int64_t i = 0; i < ahead; ++i) load(i);
    for (int64_t i = 0; i < count; ++i) {
      MultiplyPart(i, tiles);
      if (i + ahead < count) load(i + ahead);
    }
    for (int64_t t = 0; t < tiles; ++t) {
      const auto h = static_cast<size_t>(t % 2);
      GoTo({t * step, core_step, 0, first.row_core});
      LoadTail(h, n_tile_);
      slot_ = t;
      Scale(h, 0, 0, n_tile_);
      Finish(h, n_tile_);
    }
    slot_ = 0;
    row_step_ = 1;
  }

  void MultiplyPart(int64_t i, int64_t tiles) {
    const int64_t part = i / tiles, tile = i % tiles;
    const auto buffer = static_cast<size_t>(i % p_.buffers);
    const auto j = static_cast<size_t>(part % 2);
    const KPart& p = parts_[static_cast<size_t>(part)];
    const bool opens = part == 0, closes = part + 1 == Count(parts_);
    for (int64_t at = 0; at < p.k; at += PieceOf()) {
      const int64_t k = std::min(PieceOf(), p.k - at);
      const bool starts = at == 0, ends = at + k == p.k;
      b_.LoadWeights(weights_.at[buffer] + U32(at), LocalRow(p.k), k, n_tile_,
                     false,
                     {.wait = {If(starts, weights_.full[buffer])},
                      .signal = {If(ends, weights_.free[buffer])}});
      b_.Matmul(a_.at[j] + U32(at), p.k, SumsAt(tile), rows_,
                !(opens && starts),
                {.wait = {If(opens && starts, sums_free_),
                          If(starts && tile == 0, a_.full[j])},
                 .signal = {If(closes && ends, sums_full_),
                            If(ends && tile + 1 == tiles, a_.free[j])}});
    }
  }

  std::span<const ProductWork> works_;
  const ProductInput& in_at_;
  const MatmulPlan& p_;
  Builder& b_;
  const ProductWork* work_ = nullptr;
  MatmulSize s_;
  int64_t rows_;
  int64_t n_tile_ = 0;
  WeightLayout layout_;
  std::vector<KPart> parts_;  // of k

  uint32_t codes_ = 0, row_scales_ = 0, zeros_ = 0, idle_ = 0;
  // `scales_` is free when what was made with them is stored: so are `out_`
  // and `residual_`.
  DoubleBuffer stage_, scales_, a_;
  std::array<std::array<uint32_t, 2>, 2> out_{};  // by factor
  std::array<uint32_t, 2> residual_{}, part_scales_{};
  std::array<uint8_t, 2> out_full_{};
  Ring weights_;
  uint8_t sums_free_ = 0, sums_full_ = 0, drained_ = 0;
  uint8_t ready_ = 0, unused_ = 0;
  uint8_t in_ = 0, in_scales_ = 0, c_ = 0, w_ = 0, column_ = 0, panel_ = 0;
  int64_t slot_ = 0;  // of the ring of sums
  At at_tile_;
  int64_t row_step_ = 1;  // from a row of codes to the tile's next
};

}  // namespace

void EmitProducts(std::span<const ProductWork> works, const ProductInput& input,
                  const MatmulPlan& plan, Builder& builder) {
  // Rows of a block or a core are as far apart as the output is wide.
  const bool apart = plan.blocks.parts > 1 || plan.split_rows;
  if (!apart || works.size() == 1) {
    Emitter(works, input, plan, builder).Run();
    return;
  }
  for (size_t i = 0; i < works.size(); ++i) {
    if (i > 0) builder.Barrier();
    Emitter(works.subspan(i, 1), input, plan, builder).Run();
  }
}

}  // namespace triptych::npu
