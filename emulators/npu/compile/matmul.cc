// Weight-stationary products. Tiles of weights stream through two buffers
// while the array works on the one before and the vector unit on the sums of
// the one before that:
//
//   load    A rows ..  | W tile 0 | W tile 1 | W tile 2 | ...
//   vector  quantise A |          |          scale 0    | scale 1 | ...
//   matrix             |          | tile 0   | tile 1   | ...
//   store                                         C tile 0 | ...
//
// A tile is n_tile rows of W. Its sums are taken over groups of k that share
// a scale: the sums of a group stay in half of the accumulators while the next
// group fills the other half.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/compile/matmul.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <tuple>

#include "emulators/npu/compile/image.h"
#include "emulators/npu/compile/layout.h"
#include "emulators/npu/compile/quantise.h"
#include "emulators/npu/cost.h"
#include "models/ops/op.h"

namespace triptych::npu {
namespace {

constexpr int64_t kF32 = 4;
constexpr float kOne = 1;
constexpr int64_t kMostBuffers = 4;  // of weights
constexpr double kBarrierCycles = 500;
constexpr int64_t kWorthTwo = 8192;  // bytes of a load that two share

// Inputs that one kMatmul sums: an array's rows, within a group.
int64_t PieceOf(const MatmulSize& s, const MachineSize& machine) {
  return std::min(s.group, machine.array_rows);
}
// Inputs whose weights are loaded together, none across a chunk of the layout.
struct Part {
  int64_t first = 0, k = 0;
};
std::vector<Part> PartsOf(const WeightLayout& layout, int64_t k_chunk) {
  std::vector<Part> parts;
  for (int64_t chunk = 0; chunk < layout.k; chunk += layout.chunk) {
    const int64_t end = std::min(layout.k, chunk + layout.chunk);
    for (int64_t first = chunk; first < end; first += k_chunk) {
      parts.push_back({first, std::min(k_chunk, end - first)});
    }
  }
  return parts;
}
// Bytes of `k` codes of a row in the scratchpad.
int64_t LocalRow(const MatmulSize& s, int64_t k) {
  return s.packed() ? RoundUp(k, int64_t{2}) : k;
}

// What f32 activations, or quantised ones' scales, come through.
int64_t StageBytes(const MatmulSize& s, const MatmulPlan& p) {
  return p.prepared ? p.blocks.count * kF32 : p.stage_rows * s.k * kF32;
}

// Scratchpad bytes, each buffer aligned as Builder::Local aligns it.
int64_t LocalBytes(const MatmulSize& s, const MatmulPlan& p) {
  const auto buffer = [](int64_t bytes) { return RoundUp(bytes, int64_t{64}); };
  const int64_t rows = p.blocks.count;
  return buffer(rows * s.k) + buffer(rows * kF32) +
         2 * buffer(StageBytes(s, p)) +
         p.buffers * buffer(p.n_tile * LocalRow(s, p.k_chunk)) +
         2 * buffer((s.groups() + (s.bias ? 1 : 0)) * p.n_tile * kF32) +
         2 * buffer(rows * p.n_tile * kF32);
}

// An estimate in cycles. A pass over the weights begins when its rows of A are
// quantised; then the busiest of DRAM, a core's load channels, its array and
// its vector unit sets the pace.
double Cycles(const MatmulSize& s, const MatmulPlan& p, const Params& params,
              const MachineSize& machine) {
  const auto real = [](int64_t n) { return static_cast<double>(n); };
  const double dram =
      DramBytesPerSecond(params.dram) / params.clock.value;  // bytes a cycle
  const auto beat = real(params.dma.beat_bytes);
  const auto channels = real(params.dma.load_channels);
  // A channel has only so many bursts on the way.
  const double latency = (params.dram.latency_ns + params.dram.activate_ns +
                          params.dram.read_latency_ns) *
                         1e-9 * params.clock.value;
  const double far = std::min(
      beat, real(params.dma.outstanding * params.dram.burst_bytes) / latency);
  const double lanes = real(params.vector_lanes);
  const int64_t piece = PieceOf(s, machine);
  const int64_t columns = CeilDiv(s.n, p.output_cores);
  const int64_t tiles = CeilDiv(columns, p.n_tile);
  const int64_t rows = p.blocks.count;
  const double bytes = real(s.layout(machine).bytes());
  const int64_t pieces = CeilDiv(s.group, piece) * s.groups();

  // Of A: all cores need all of it, or each has its rows.
  double quantise = real(2 * rows * s.k) / lanes;
  double load = real(rows * s.k * kF32) / (channels * beat);
  if (p.prepared) {
    quantise /= real(machine.cores);
    load = load / real(machine.cores) + load / kF32 + kBarrierCycles;
  }
  // DRAM's outputs too, where they do not stay on the chip.
  const bool spills = s.m * s.n * kF32 > OnChipLimit(machine);
  const double memory =
      (bytes + (spills ? real(rows * s.n * kF32) : 0.0)) / dram;
  const double weights = bytes / real(p.output_cores) / (channels * far);
  const double array =
      real(tiles * pieces * std::max(machine.array_rows, rows));
  const double scale = real(rows * s.groups() * columns) / lanes;
  return real(p.blocks.parts) *
         (std::max(quantise, load) + std::max({memory, weights, array, scale}));
}

// The largest plan with this split, these blocks and this tile; false if it
// does not fit.
bool Complete(const MatmulSize& s, const MachineSize& machine, MatmulPlan& p) {
  if (p.blocks.count > machine.accumulator_rows / 2) return false;
  const WeightLayout layout = s.layout(machine);
  // What a part must be whole multiples of.
  const int64_t unit = s.groups() > 1 ? s.group : 2 * PieceOf(s, machine);
  p.k_chunk = layout.chunk;
  const int64_t row = s.k * kF32;
  p.stage_rows = std::clamp(machine.scratchpad_bytes / 16 / row, int64_t{1},
                            std::min<int64_t>(p.blocks.count, 1 << 14));
  p.buffers = std::clamp<int64_t>(layout.chunks(), 2, kMostBuffers);
  while (LocalBytes(s, p) > machine.scratchpad_bytes) {
    if (p.stage_rows > 1) {
      p.stage_rows /= 2;
    } else if (p.buffers > 2) {
      p.buffers = 2;
    } else if (p.k_chunk > unit) {
      p.k_chunk = RoundUp(p.k_chunk / 2, unit);
    } else {
      return false;
    }
  }
  // Where the buffers take turns inside a tile, one tile is the body of the
  // loop: half the commands.
  const auto parts = static_cast<int64_t>(PartsOf(layout, p.k_chunk).size());
  p.bodies = parts % p.buffers == 0 ? 1 : 2;
  return true;
}

// Buffers used in turn.
struct Ring {
  std::vector<uint32_t> at;
  std::vector<uint8_t> free, full;
};

class Emitter {
 public:
  Emitter(const MatmulSize& size, const MatmulPlan& plan, const Placement& at,
          Builder& b)
      : s_(size),
        p_(plan),
        at_(at),
        b_(b),
        rows_(plan.blocks.count),
        layout_(size.layout(b.size())),
        parts_(PartsOf(layout_, plan.k_chunk)) {}

  void Run() {
    b_.OnCores(Cores(0, p_.cores()));
    Reserve();
    PlaceRegisters();
    b_.Repeat(p_.blocks.parts, [&] { Block(); });
  }

 private:
  void Reserve() {
    codes_ = b_.Local(rows_ * s_.k);
    row_scales_ = b_.Local(rows_ * kF32);
    stage_ = b_.NewDoubleBuffer(StageBytes(s_, p_));
    for (int64_t i = 0; i < p_.buffers; ++i) {
      weights_.at.push_back(b_.Local(p_.n_tile * LocalRow(s_, p_.k_chunk)));
      weights_.free.push_back(b_.NewCredits(1));
      weights_.full.push_back(b_.NewEvent());
    }
    const int64_t columns = s_.groups() + (s_.bias ? 1 : 0);
    scales_ = b_.NewDoubleBuffer(columns * p_.n_tile * kF32);
    for (size_t h = 0; h < 2; ++h) {
      out_[h] = b_.Local(rows_ * p_.n_tile * kF32);
      out_full_[h] = b_.NewEvent();
      sums_.free[h] = b_.NewCredits(1);
      sums_.full[h] = b_.NewEvent();
      sums_.at[h] = static_cast<uint32_t>(h) *
                    static_cast<uint32_t>(b_.size().accumulator_rows / 2);
    }
    ready_ = b_.NewEvent();
    if (p_.blocks.parts > 1) unused_ = b_.NewCredits(1);
  }

  void PlaceRegisters() {
    in_ = b_.NewRegister();
    if (p_.prepared) in_scales_ = b_.NewRegister();
    c_ = b_.NewRegister();
    w_ = b_.NewRegister();
    column_ = b_.NewRegister();
    if (p_.split_rows) {
      b_.AddCore(in_, p_.rows.step * s_.k * kF32);
      b_.AddCore(c_, p_.rows.step * s_.n * kF32);
    }
  }

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
    }
    if (by.row != 0) b_.Add(w_, by.row * layout_.row_bytes());
    if (by.column_core != 0) {
      b_.AddCore(c_, by.column_core * kF32);
      b_.AddCore(column_, by.column_core * kF32);
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
      Tile(static_cast<size_t>(i), p_.n_tile);
      Advance(by);
    };
    b_.Repeat(count / bodies, [&] {
      for (int64_t i = 0; i < bodies; ++i) tile(i);
    });
    if (count >= bodies) Moved(by, (count / bodies - 1) * bodies);
    if (count % bodies != 0) tile(0);
  }

  // Whole tiles, a core's each in turn; then what is left, an equal part for
  // each core; then what is left of that, a column for some.
  void Block() {
    QuantiseRows();
    const int64_t share = p_.split_rows ? 1 : p_.cores();
    const int64_t step = share * p_.n_tile;
    const int64_t tiles = s_.n / step, left = s_.n % step;
    row_step_ = layout_.order.ways;
    if (layout_.order.mixed == 0) {
      GoTo({0, share > 1 ? p_.n_tile : 0, 0, share > 1 ? p_.n_tile : 0});
      Tiles(tiles, {step, 0, step, 0});
    } else if (!p_.split_rows) {
      GoTo({0, p_.n_tile, 0, 1});
      Tiles(tiles, {step, 0, step, 0});
    } else {
      SharedTiles();
    }
    // In their order again.
    row_step_ = 1;
    const int64_t done = tiles * step;
    if (p_.split_rows) {
      Rest(layout_.order.mixed == 0 ? done : layout_.order.mixed);
      return NextBlock();
    }
    const int64_t part = left / share, over = left % share;
    if (part != 0) {
      GoTo({done, part, done, part});
      Tile(0, part);
    }
    if (over != 0) {
      const int64_t from = done + share * part;
      GoTo({from, 1, from, 1});
      b_.OnCores(Cores(0, over));
      Tile(1, 1);
      b_.OnCores(Cores(0, p_.cores()));
    }
    NextBlock();
  }

  // All cores take all tiles, whose rows alternate.
  void SharedTiles() {
    const int64_t group = layout_.order.ways * p_.n_tile;
    const int64_t groups = layout_.order.mixed / group;
    GoTo({});
    const At before = at_tile_;
    b_.Repeat(groups, [&] {
      Tiles(layout_.order.ways, {p_.n_tile, 0, 1, 0});
      Advance({0, 0, group - layout_.order.ways, 0});
    });
    at_tile_ = before;
    Moved({group, 0, group, 0}, groups);
  }

  // All cores take the columns from `from` on.
  void Rest(int64_t from) {
    for (int64_t i = 0; from < s_.n; ++i) {
      const int64_t n = std::min(p_.n_tile, s_.n - from);
      GoTo({from, 0, from, 0});
      Tile(static_cast<size_t>(i % 2), n);
      from += n;
    }
  }

  void NextBlock() {
    if (p_.blocks.parts == 1) return;
    // The array is done with this block's codes when it gets here.
    Touch({.signal = {unused_}});
    b_.Add(in_, p_.blocks.step * s_.k * (p_.prepared ? 1 : kF32));
    if (p_.prepared) b_.Add(in_scales_, p_.blocks.step * kF32);
    b_.Add(c_, p_.blocks.step * s_.n * kF32);
    GoTo({});
  }

  // A command of the matrix queue that does nothing of use: the next weights
  // take its place.
  void Touch(const Sync& sync) {
    b_.LoadWeights(codes_, s_.k, 1, 1, false, sync);
  }

  // Codes of all cores' rows, and their scales: those go where they are
  // needed once the vector unit is done with the last block's.
  void LoadRows() {
    const Location& from = at_.scratch[0];
    const bool many = p_.cores() > 1;
    b_.Load({.remote = from.scales.With(in_scales_),
             .local = stage_.at[0],
             .bytes = rows_ * kF32,
             .multicast = many},
            {.wait = {stage_.free[0], unused_}});
    b_.Load({.remote = from.data.With(in_),
             .local = codes_,
             .bytes = rows_ * s_.k,
             .multicast = many},
            {.signal = {stage_.full[0]}});
    b_.Vector({.src0 = stage_.at[0],
               .src1 = 0,
               .dst = row_scales_,
               .rows = 1,
               .cols = static_cast<uint16_t>(rows_),
               .op = VectorOp::kCopy,
               .operand = Operand::kFull},
              {},
              {.wait = {stage_.full[0]}, .signal = {stage_.free[0], ready_}});
    Touch({.wait = {ready_}});
  }

  void QuantiseRows() {
    if (p_.prepared) return LoadRows();
    for (int64_t row = 0, i = 0; row < rows_; row += p_.stage_rows, ++i) {
      const size_t h = static_cast<size_t>(i % 2);
      const int64_t rows = std::min(p_.stage_rows, rows_ - row);
      const bool last = row + rows == rows_;
      b_.Load({.remote = (at_.inputs[0].data + row * s_.k * kF32).With(in_),
               .local = stage_.at[h],
               .bytes = rows * s_.k * kF32,
               .multicast = !p_.split_rows && p_.cores() > 1},
              {.wait = {stage_.free[h]}, .signal = {stage_.full[h]}});
      const uint8_t before = row == 0 ? unused_ : uint8_t{0};
      const uint8_t after = last ? ready_ : uint8_t{0};
      b_.Quantize({.src = stage_.at[h],
                   .dst = codes_ + static_cast<uint32_t>(row * s_.k),
                   .scales = row_scales_ + static_cast<uint32_t>(row * kF32),
                   .rows = static_cast<uint16_t>(rows),
                   .cols = static_cast<uint16_t>(s_.k),
                   .multiplier = kOne,
                   .dst_stride = static_cast<uint32_t>(s_.k)},
                  s_.activation_bits, 0,
                  {.wait = {stage_.full[h], before},
                   .signal = {stage_.free[h], after}});
    }
    Touch({.wait = {ready_}});
  }

  // C[rows, n] of the next n columns; buffers `h` of two.
  void Tile(size_t h, int64_t n) {
    const auto parts = static_cast<int64_t>(parts_.size());
    // What is loaded ahead stands before what it is to overlap with: the front
    // end stops at a full queue.
    const int64_t ahead = std::min(parts, p_.buffers);
    for (int64_t i = 0; i < ahead; ++i) LoadPart(BufferOf(h, i), i, n);
    LoadScales(h, n);
    for (int64_t i = 0; i < parts; ++i) {
      Multiply(h, BufferOf(h, i), parts_[static_cast<size_t>(i)], n);
      if (i + ahead < parts) LoadPart(BufferOf(h, i + ahead), i + ahead, n);
    }
    Finish(h, n);
  }
  size_t BufferOf(size_t h, int64_t part) const {
    return (h * parts_.size() + static_cast<size_t>(part)) %
           static_cast<size_t>(p_.buffers);
  }

  void LoadScales(size_t h, int64_t n) {
    b_.Load({.remote = at_.inputs[1].scales.With(column_),
             .local = scales_.at[h],
             .bytes = n * kF32,
             .rows = s_.groups(),
             .remote_row = s_.n * kF32,
             .multicast = p_.split_rows && p_.cores() > 1},
            {.wait = {scales_.free[h]},
             .signal = {s_.bias ? uint8_t{0} : scales_.full[h]}});
    if (!s_.bias) return;
    b_.Load({.remote = at_.inputs[2].data.With(column_),
             .local = Bias(h, n),
             .bytes = n * kF32,
             .multicast = p_.split_rows && p_.cores() > 1},
            {.signal = {scales_.full[h]}});
  }
  uint32_t Bias(size_t h, int64_t n) const {
    return scales_.at[h] + static_cast<uint32_t>(s_.groups() * n * kF32);
  }

  // In two transfers, of every other row each: a core has several under way
  // at once, which then stay side by side.
  void LoadPart(size_t buffer, int64_t part, int64_t n) {
    const auto [first, k] = parts_[static_cast<size_t>(part)];
    const int64_t chunk = first / layout_.chunk, in = first % layout_.chunk;
    const int64_t skip =
        chunk * layout_.n * layout_.row_bytes() + (s_.packed() ? in / 2 : in);
    const int64_t parts = n * k >= kWorthTwo && n > 1 ? 2 : 1;
    const int64_t remote_row = row_step_ * layout_.row_bytes();
    for (int64_t i = 0; i < parts; ++i) {
      b_.Load(
          {.remote = (at_.inputs[1].data + (skip + i * remote_row)).With(w_),
           .local =
               weights_.at[buffer] + static_cast<uint32_t>(i * LocalRow(s_, k)),
           .bytes = s_.packed() ? (k + 1) / 2 : k,
           .rows = (n + parts - 1 - i) / parts,
           .remote_row = parts * remote_row,
           .local_row = parts * LocalRow(s_, k),
           .unpack4 = s_.packed(),
           .multicast = p_.split_rows && p_.cores() > 1},
          {.wait = {i == 0 ? weights_.free[buffer] : uint8_t{0}},
           .signal = {i + 1 == parts ? weights_.full[buffer] : uint8_t{0}}});
    }
  }

  // The pieces of k in a chunk, and the scales of groups that end there.
  void Multiply(size_t h, size_t buffer, const Part& part, int64_t n) {
    const auto [first, k] = part;
    const int64_t piece = PieceOf(s_, b_.size());
    for (int64_t at = first; at < first + k;) {
      const int64_t group = at / s_.group;
      const int64_t group_end = (group + 1) * s_.group;
      const int64_t end = std::min({at + piece, group_end, first + k});
      const bool starts = at == group * s_.group, ends = end == group_end;
      const size_t half =
          (h * static_cast<size_t>(s_.groups()) + static_cast<size_t>(group)) %
          2;
      b_.LoadWeights(
          weights_.at[buffer] + static_cast<uint32_t>(at - first),
          LocalRow(s_, k), end - at, n, false,
          {.wait = {at == first ? weights_.full[buffer] : uint8_t{0}},
           .signal = {end == first + k ? weights_.free[buffer] : uint8_t{0}}});
      b_.Matmul(codes_ + static_cast<uint32_t>(at), s_.k, sums_.at[half], rows_,
                !starts,
                {.wait = {starts ? sums_.free[half] : uint8_t{0}},
                 .signal = {ends ? sums_.full[half] : uint8_t{0}}});
      if (ends) Scale(h, half, group, n);
      at = end;
    }
  }

  void Scale(size_t h, size_t half, int64_t group, int64_t n) {
    const bool first = group == 0, last = group + 1 == s_.groups();
    const bool done = last && !s_.bias;
    b_.Dequantize(
        {.acc_row = sums_.at[half],
         .dst = out_[h],
         .dst_stride = static_cast<uint32_t>(n * kF32),
         .scales = scales_.at[h] + static_cast<uint32_t>(group * n * kF32),
         .row_scales = last ? row_scales_ : kNoOperand,
         .rows = static_cast<uint16_t>(rows_),
         .cols = static_cast<uint16_t>(n)},
        static_cast<uint8_t>((first ? 0 : kAccumulate) |
                             (last ? kRowScale : 0)),
        {.wait = {sums_.full[half], first ? scales_.full[h] : uint8_t{0}},
         .signal = {sums_.free[half], done ? out_full_[h] : uint8_t{0}}});
  }

  void Finish(size_t h, int64_t n) {
    if (s_.bias) {
      b_.Vector({.src0 = out_[h],
                 .src1 = Bias(h, n),
                 .dst = out_[h],
                 .rows = static_cast<uint16_t>(rows_),
                 .cols = static_cast<uint16_t>(n),
                 .op = VectorOp::kAdd,
                 .operand = Operand::kPerColumn},
                {}, {.signal = {out_full_[h]}});
    }
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
    b_.Store({.remote = at_.output.data.With(c_),
              .local = out_[h],
              .bytes = n * kF32,
              .rows = rows,
              .remote_row = s_.n * kF32},
             {.wait = {out_full_[h]}, .signal = {scales_.free[h]}});
  }

  const MatmulSize& s_;
  const MatmulPlan& p_;
  const Placement& at_;
  Builder& b_;
  int64_t rows_;
  uint32_t codes_ = 0, row_scales_ = 0;
  // `scales_` is free when what was made with them is stored: so is `out_`.
  DoubleBuffer stage_, scales_, sums_;
  std::array<uint32_t, 2> out_{};
  std::array<uint8_t, 2> out_full_{};
  Ring weights_;
  uint8_t ready_ = 0, unused_ = 0;
  uint8_t in_ = 0, in_scales_ = 0, c_ = 0, w_ = 0, column_ = 0;
  At at_tile_;
  WeightLayout layout_;
  std::vector<Part> parts_;  // of k
  int64_t row_step_ = 1;     // from a row of codes to the tile's next
};

}  // namespace

MatmulSize MatmulSizeOf(const Params& params, const Graph& graph,
                        const Node& node, const Binding& binding) {
  const Shape& w = graph.value(node.inputs[1]).shape;
  MatmulSize s;
  s.m = graph.value(node.inputs[0]).shape.rows.Bind(binding);
  s.n = w.rows.coefficient;
  s.k = w.cols;
  const bool grouped =
      params.weight_group > 0 && s.k % params.weight_group == 0;
  s.group = grouped ? params.weight_group : s.k;
  s.weight_bits = static_cast<int>(params.weight_bits);
  s.activation_bits = static_cast<int>(params.activation_bits);
  s.bias = node.inputs.size() == 3;
  return s;
}

std::vector<MatmulPlan> MatmulPlans(const MatmulSize& s, const Params& params,
                                    const MachineSize& machine) {
  std::vector<MatmulPlan> plans;
  // A nibble has no address of its own: groups of an odd number start inside
  // a byte.
  if (s.packed() && s.groups() > 1 && s.group % 2 != 0) return plans;
  if (s.k > std::numeric_limits<uint16_t>::max()) return plans;
  struct Way {
    bool split_rows, prepared;
  };
  for (const auto [split_rows, prepared] :
       {Way{false, false}, Way{false, true}, Way{true, false}}) {
    // One row is quantised sooner than shared out.
    if (prepared &&
        (s.m == 1 || machine.cores == 1 ||
         QuantiseRowsThatFit({.dim = s.k}, machine.scratchpad_bytes) == 0)) {
      continue;
    }
    MatmulPlan plan;
    plan.split_rows = split_rows;
    plan.prepared = prepared;
    if (split_rows) {
      plan.rows = ShareOf(s.m, machine.cores);
    } else {
      plan.output_cores = std::min<int64_t>(s.n, machine.cores);
    }
    plan.n_tile = std::min(machine.array_cols, s.n / plan.output_cores);
    const int64_t rows = split_rows ? plan.rows.count : s.m;
    // The fewest passes over the weights that fit.
    for (int64_t passes = 1; passes <= rows;
         passes = std::max(passes + 1, passes * 9 / 8)) {
      plan.blocks = ShareOf(rows, passes);
      // Rows that only one core may store would be in the last block alone.
      if (split_rows && passes > 1 && !plan.rows.exact()) break;
      if (!Complete(s, machine, plan)) continue;
      plan.cycles = Cycles(s, plan, params, machine);
      plans.push_back(plan);
      break;
    }
  }
  std::ranges::sort(plans, {}, [](const MatmulPlan& p) {
    return std::tuple(p.cycles, p.split_rows, p.prepared);
  });
  return plans;
}

Status EmitMatmul(const LowerRequest& request, const MatmulSize& size,
                  const MatmulPlan& plan, Builder& builder) {
  if (plan.prepared) {
    TRIPTYCH_TRY(EmitQuantise(request,
                              {.batch = 1,
                               .rows = size.m,
                               .heads = 1,
                               .dim = size.k,
                               .first = 0,
                               .bits = size.activation_bits},
                              request.place.inputs[0].data,
                              request.place.scratch[0], builder));
    builder.Barrier();
  }
  Emitter(size, plan, request.place, builder).Run();
  return {};
}

Status LowerMatmul(const LowerRequest& request, Builder& builder) {
  const MatmulSize size = MatmulSizeOf(request.params, request.graph,
                                       request.node, request.binding);
  const auto plans = MatmulPlans(size, request.params, builder.size());
  if (plans.empty()) {
    return MakeError(
        ErrorCode::kUnsupported,
        fmt::format("{}: a product of {} x {} x {} does not fit the scratchpad "
                    "({} bytes) and the accumulators ({} rows)",
                    request.node.name, size.m, size.n, size.k,
                    builder.size().scratchpad_bytes,
                    builder.size().accumulator_rows));
  }
  return EmitMatmul(request, size, plans.front(), builder);
}

}  // namespace triptych::npu
