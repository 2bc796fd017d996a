// Norms, rotations and elementwise operators: rows through the vector unit.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <iterator>

#include "emulators/npu/compile/lower.h"
#include "emulators/npu/compile/rows.h"
#include "models/ops/op.h"
#include "models/ops/ops.h"

namespace triptych::npu {
namespace {

constexpr int64_t kF32 = 4;
constexpr int64_t kMost = 65535;  // rows or columns of a command

struct Matrix {
  int64_t rows, cols;
};
Matrix SizeOf(const LowerRequest& r, ValueId value) {
  const Shape& shape = r.graph.value(value).shape;
  return {shape.rows.Bind(r.binding), shape.cols};
}
Matrix InputSize(const LowerRequest& r, size_t input) {
  return SizeOf(r, r.node.inputs[input]);
}

RowStream Dense(const Remote& at, int64_t cols) {
  return {at, cols * kF32, cols * kF32};
}

Status TooWide(const LowerRequest& r, int64_t cols) {
  return MakeError(ErrorCode::kUnsupported,
                   fmt::format("{}: rows of {} elements; allowed up to {}",
                               r.node.name, cols, kMost));
}

uint16_t Short(int64_t n) { return static_cast<uint16_t>(n); }

// One vector command on dense rows.
struct Vector VectorOn(VectorOp op, uint32_t src0, uint32_t src1, uint32_t dst,
                       int64_t rows, int64_t cols, Operand operand) {
  return {.src0 = src0,
          .src1 = src1,
          .dst = dst,
          .rows = Short(rows),
          .cols = Short(cols),
          .op = op,
          .operand = operand};
}

constexpr float kOne = 1;

// What silu and its like are called where.
struct UnaryOp {
  std::string_view name;
  VectorOp op;
};
constexpr UnaryOp kUnary[] = {
    {"silu", VectorOp::kSilu},
    {"gelu_tanh", VectorOp::kGeluTanh},
    {"gelu_erf", VectorOp::kGeluErf},
    {"tanh", VectorOp::kTanh},
};
constexpr UnaryOp kBinary[] = {
    {"add", VectorOp::kAdd},
    {"mul", VectorOp::kMul},
};

template <size_t N>
VectorOp OpOf(const UnaryOp (&table)[N], std::string_view name) {
  return std::ranges::find(table, name, &UnaryOp::name)->op;
}

}  // namespace

Status LowerUnary(const LowerRequest& r, Builder& b) {
  const Matrix x = InputSize(r, 0);
  const Flat flat = Flatten(x.rows, x.cols, b.cores());
  const VectorOp op = OpOf(kUnary, r.node.op->name);
  if (flat.cols > kMost) return TooWide(r, flat.cols);
  return EmitRows(r,
                  {.rows = flat.rows,
                   .in = {Dense(r.place.inputs[0].data, flat.cols)},
                   .out = Dense(r.place.output.data, flat.cols),
                   .change =
                       [&](const RowBlock& block) {
                         b.Vector(
                             VectorOn(op, block.in[0], 0, block.in[0],
                                      block.rows, flat.cols, Operand::kFull),
                             {}, block.both());
                       }},
                  b);
}

Status LowerBinary(const LowerRequest& r, Builder& b) {
  const Matrix x = InputSize(r, 0);
  const Flat flat = Flatten(x.rows, x.cols, b.cores());
  const VectorOp op = OpOf(kBinary, r.node.op->name);
  if (flat.cols > kMost) return TooWide(r, flat.cols);
  return EmitRows(r,
                  {.rows = flat.rows,
                   .in = {Dense(r.place.inputs[0].data, flat.cols),
                          Dense(r.place.inputs[1].data, flat.cols)},
                   .out = Dense(r.place.output.data, flat.cols),
                   .change =
                       [&](const RowBlock& block) {
                         b.Vector(
                             VectorOn(op, block.in[0], block.in[1], block.in[0],
                                      block.rows, flat.cols, Operand::kFull),
                             {}, block.both());
                       }},
                  b);
}

Status LowerSoftmax(const LowerRequest& r, Builder& b) {
  const Matrix x = InputSize(r, 0);
  if (x.cols > kMost) return TooWide(r, x.cols);
  return EmitRows(r,
                  {.rows = x.rows,
                   .in = {Dense(r.place.inputs[0].data, x.cols)},
                   .out = Dense(r.place.output.data, x.cols),
                   .change =
                       [&](const RowBlock& block) {
                         b.Softmax({.src = block.in[0],
                                    .dst = block.in[0],
                                    .sums = kNoOperand,
                                    .visible = static_cast<uint32_t>(x.cols),
                                    .step = 0,
                                    .rows = Short(block.rows),
                                    .cols = Short(x.cols),
                                    .zero = 0},
                                   true, {}, block.both());
                       }},
                  b);
}

// Groups of columns are rows of their own where they fill the row; else each
// is a command over all rows.
Status LowerRmsNorm(const LowerRequest& r, Builder& b) {
  const Matrix x = InputSize(r, 0);
  const int64_t width = r.node.attributes.Int("width", x.cols);
  const int64_t group = r.node.attributes.Int("group", width);
  const auto eps = static_cast<float>(r.node.attributes.Get("eps"));
  const bool dense = width == x.cols;
  const int64_t cols = dense ? group : x.cols;
  const int64_t rows = dense ? x.rows * (x.cols / group) : x.rows;
  if (cols > kMost) return TooWide(r, cols);
  b.OnCores(RowCores(b, rows));
  const uint32_t weight = LoadConstant(b, r.place.inputs[1].data, group * kF32);
  const int64_t groups = dense ? 1 : width / group;
  const int64_t stride = dense ? 0 : cols * kF32;
  return EmitRows(r,
                  {.rows = rows,
                   .in = {Dense(r.place.inputs[0].data, cols)},
                   .out = Dense(r.place.output.data, cols),
                   .change =
                       [&](const RowBlock& block) {
                         for (int64_t g = 0; g < groups; ++g) {
                           const auto at = block.in[0] + static_cast<uint32_t>(
                                                             g * group * kF32);
                           Sync sync;
                           if (g == 0) sync.wait = block.first.wait;
                           if (g + 1 == groups) sync.signal = block.last.signal;
                           b.Norm({.src = at,
                                   .dst = at,
                                   .weight = weight,
                                   .bias = kNoOperand,
                                   .eps = eps,
                                   .rows = Short(block.rows),
                                   .cols = Short(group)},
                                  false, {.src0 = stride, .dst = stride}, sync);
                         }
                       }},
                  b);
}

Status LowerLayerNorm(const LowerRequest& r, Builder& b) {
  const Matrix x = InputSize(r, 0);
  if (x.cols > kMost) return TooWide(r, x.cols);
  b.OnCores(RowCores(b, x.rows));
  uint32_t affine[2] = {kNoOperand, kNoOperand};
  for (size_t i = 1; i < r.node.inputs.size(); ++i) {
    affine[i - 1] = LoadConstant(b, r.place.inputs[i].data, x.cols * kF32);
  }
  const auto eps = static_cast<float>(r.node.attributes.Get("eps"));
  return EmitRows(r,
                  {.rows = x.rows,
                   .in = {Dense(r.place.inputs[0].data, x.cols)},
                   .out = Dense(r.place.output.data, x.cols),
                   .change =
                       [&](const RowBlock& block) {
                         b.Norm({.src = block.in[0],
                                 .dst = block.in[0],
                                 .weight = affine[0],
                                 .bias = affine[1],
                                 .eps = eps,
                                 .rows = Short(block.rows),
                                 .cols = Short(x.cols)},
                                true, {}, block.both());
                       }},
                  b);
}

// Cosines and sines come in beside the rows. A node that turns by several
// coordinates has a table for each, one after the other.
Status LowerRope(const LowerRequest& r, Builder& b) {
  const Matrix x = InputSize(r, 0);
  if (x.cols > kMost) return TooWide(r, x.cols);
  const bool half = r.node.attributes.Int("half") != 0;
  // All that is needed of a turn is how many features it has.
  const auto turns = RopeTurns(r.node, {.batch = 1}, 1);
  if (turns.size() >= kMostStreams) {
    return MakeError(
        ErrorCode::kUnsupported,
        fmt::format("{}: turns by {} coordinates; allowed up to {}",
                    r.node.name, turns.size(), kMostStreams - 1));
  }
  RowWork work{.rows = x.rows,
               .in = {Dense(r.place.inputs[0].data, x.cols)},
               .out = Dense(r.place.output.data, x.cols),
               .change = {}};
  Remote table = r.place.tables;
  for (const RopeTurn& turn : turns) {
    const auto pairs = static_cast<int64_t>(turn.inverse_frequency.size());
    work.in.push_back(Dense(table, 2 * pairs));
    table = table + x.rows * pairs * 2 * kF32;
  }
  work.change = [&](const RowBlock& block) {
    for (size_t t = 0; t < turns.size(); ++t) {
      const RopeTurn& turn = turns[t];
      Sync sync;
      if (t == 0) sync.wait = block.first.wait;
      if (t + 1 == turns.size()) sync.signal = block.last.signal;
      b.Rope(
          {.src = block.in[0] + static_cast<uint32_t>(turn.first_column * kF32),
           .table = block.in[1 + t],
           .rows = Short(block.rows),
           .heads = Short(static_cast<int64_t>(turn.heads)),
           .head_dim = Short(static_cast<int64_t>(turn.head_dim)),
           .pairs = Short(static_cast<int64_t>(turn.inverse_frequency.size()))},
          half, x.cols * kF32, sync);
    }
  };
  return EmitRows(r, work, b);
}

// y = x * (1 + scale) + shift; a sequence after the other, its parts loaded
// once.
Status LowerModulate(const LowerRequest& r, Builder& b) {
  const Matrix x = InputSize(r, 0), m = InputSize(r, 1);
  if (x.cols > kMost) return TooWide(r, x.cols);
  const int64_t rows = x.rows / r.binding.batch;
  const int64_t shift = r.node.attributes.Int("shift") * x.cols * kF32;
  const int64_t scale = r.node.attributes.Int("scale") * x.cols * kF32;
  for (int64_t s = 0; s < r.binding.batch; ++s) {
    if (s > 0) b.Barrier();
    b.OnCores(RowCores(b, rows));
    const int64_t first = s * m.cols * kF32;
    const uint8_t ready = b.NewEvent();
    const uint32_t by = LoadConstant(
        b, r.place.inputs[2].data + (first + scale), x.cols * kF32, ready);
    const uint32_t to = LoadConstant(
        b, r.place.inputs[1].data + (first + shift), x.cols * kF32);
    const int64_t skip = s * rows * x.cols * kF32;
    b.Vector(VectorOn(VectorOp::kAdd, by, std::bit_cast<uint32_t>(kOne), by, 1,
                      x.cols, Operand::kImmediate),
             {}, {.wait = {ready}});
    TRIPTYCH_TRY(EmitRows(
        r,
        {.rows = rows,
         .in = {Dense(r.place.inputs[0].data + skip, x.cols)},
         .out = Dense(r.place.output.data + skip, x.cols),
         .change =
             [&](const RowBlock& block) {
               b.Vector(VectorOn(VectorOp::kMul, block.in[0], by, block.in[0],
                                 block.rows, x.cols, Operand::kPerColumn),
                        {}, block.first);
               b.Vector(VectorOn(VectorOp::kAdd, block.in[0], to, block.in[0],
                                 block.rows, x.cols, Operand::kPerColumn),
                        {}, block.last);
             }},
        b));
  }
  return {};
}

// y = x + r * gate: r is multiplied where it lies, x added to it.
Status LowerGatedAdd(const LowerRequest& r, Builder& b) {
  const Matrix x = InputSize(r, 0), m = InputSize(r, 2);
  if (x.cols > kMost) return TooWide(r, x.cols);
  const int64_t rows = x.rows / r.binding.batch;
  const int64_t part = r.node.attributes.Int("gate") * x.cols * kF32;
  for (int64_t s = 0; s < r.binding.batch; ++s) {
    if (s > 0) b.Barrier();
    b.OnCores(RowCores(b, rows));
    const uint32_t gate = LoadConstant(
        b, r.place.inputs[2].data + (s * m.cols * kF32 + part), x.cols * kF32);
    const int64_t skip = s * rows * x.cols * kF32;
    TRIPTYCH_TRY(EmitRows(
        r,
        {.rows = rows,
         .in = {Dense(r.place.inputs[1].data + skip, x.cols),
                Dense(r.place.inputs[0].data + skip, x.cols)},
         .out = Dense(r.place.output.data + skip, x.cols),
         .change =
             [&](const RowBlock& block) {
               b.Vector(VectorOn(VectorOp::kMul, block.in[0], gate, block.in[0],
                                 block.rows, x.cols, Operand::kPerColumn),
                        {}, block.first);
               b.Vector(
                   VectorOn(VectorOp::kAdd, block.in[0], block.in[1],
                            block.in[0], block.rows, x.cols, Operand::kFull),
                   {}, block.last);
             }},
        b));
  }
  return {};
}

namespace {

// y = x + w, `w` a matrix of as many rows; a sequence after the other.
Status AddEqualRows(const LowerRequest& r, int64_t rows, const Remote& w,
                    Builder& b) {
  const int64_t cols = InputSize(r, 0).cols;
  if (cols > kMost) return TooWide(r, cols);
  for (int64_t s = 0; s < r.binding.batch; ++s) {
    if (s > 0) b.Barrier();
    const int64_t skip = s * rows * cols * kF32;
    TRIPTYCH_TRY(EmitRows(
        r,
        {.rows = rows,
         .in = {Dense(r.place.inputs[0].data + skip, cols), Dense(w, cols)},
         .out = Dense(r.place.output.data + skip, cols),
         .change =
             [&](const RowBlock& block) {
               b.Vector(VectorOn(VectorOp::kAdd, block.in[0], block.in[1],
                                 block.in[0], block.rows, cols, Operand::kFull),
                        {}, block.both());
             }},
        b));
  }
  return {};
}

}  // namespace

Status LowerAddRows(const LowerRequest& r, Builder& b) {
  const Matrix x = InputSize(r, 0), w = InputSize(r, 1);
  const Remote& at = r.place.inputs[1].data;
  if (w.rows > 1) return AddEqualRows(r, x.rows / r.binding.batch, at, b);
  if (x.cols > kMost) return TooWide(r, x.cols);
  b.OnCores(RowCores(b, x.rows));
  const uint32_t row = LoadConstant(b, at, x.cols * kF32);
  return EmitRows(
      r,
      {.rows = x.rows,
       .in = {Dense(r.place.inputs[0].data, x.cols)},
       .out = Dense(r.place.output.data, x.cols),
       .change =
           [&](const RowBlock& block) {
             b.Vector(VectorOn(VectorOp::kAdd, block.in[0], row, block.in[0],
                               block.rows, x.cols, Operand::kPerColumn),
                      {}, block.both());
           }},
      b);
}

Status LowerPosSinusoid(const LowerRequest& r, Builder& b) {
  return AddEqualRows(r, InputSize(r, 0).rows / r.binding.batch, r.place.tables,
                      b);
}

Status LowerPosEmbed(const LowerRequest& r, Builder& b) {
  const Matrix x = InputSize(r, 0), table = InputSize(r, 1);
  const int64_t rows = x.rows / r.binding.batch;
  if (r.binding.context + rows > table.rows) {
    return MakeError(ErrorCode::kUnsupported,
                     fmt::format("{}: positions up to {}; allowed below {}",
                                 r.node.name, r.binding.context + rows,
                                 table.rows));
  }
  const int64_t first = r.binding.context * x.cols * kF32;
  return AddEqualRows(r, rows, r.place.inputs[1].data + first, b);
}

}  // namespace triptych::npu
