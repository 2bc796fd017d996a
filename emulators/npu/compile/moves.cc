// Operators that compute nothing: rows go through local memory.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "emulators/npu/compile/lower.h"
#include "emulators/npu/compile/rows.h"
#include "models/ops/op.h"

namespace triptych::npu {
namespace {

constexpr int64_t kIndexBytes = 4;

int64_t RowsOf(const LowerRequest& r, ValueId value) {
  return r.graph.value(value).shape.rows.Bind(r.binding);
}
int64_t ColsOf(const LowerRequest& r, ValueId value) {
  return r.graph.value(value).shape.cols;
}

// `rows` rows of `cols` f32, each `from_stride` and `to_stride` elements after
// the one before.
Status MoveRows(const LowerRequest& r, int64_t rows, int64_t cols,
                const Remote& from, int64_t from_stride, const Remote& to,
                int64_t to_stride, Builder& b) {
  return EmitRows(r,
                  {.rows = rows,
                   .in = {{from, cols * kF32, from_stride * kF32}},
                   .out = {to, cols * kF32, to_stride * kF32},
                   .change = {}},
                  b);
}

}  // namespace

namespace {

// A block's ids come in, then the rows they name. Core c has `rows` of them
// from first + c * step on.
void EmitEmbed(const LowerRequest& r, int64_t row, int64_t first, int64_t step,
               const Share& blocks, Builder& b) {
  const DoubleBuffer table = b.NewDoubleBuffer(blocks.count * row);
  const uint32_t ids[2] = {b.Local(blocks.count * kIndexBytes),
                           b.Local(blocks.count * kIndexBytes)};
  const uint8_t in = b.NewRegister(), out = b.NewRegister();
  b.Add(in, first * kIndexBytes);
  b.Add(out, first * row);
  b.AddCore(in, step * kIndexBytes);
  b.AddCore(out, step * row);
  const auto block = [&](size_t h) {
    b.Load({.remote = r.place.inputs[0].data.With(in),
            .local = ids[h],
            .bytes = blocks.count * kIndexBytes},
           {.wait = {table.free[h]}});
    b.Gather(r.place.inputs[1].data, row, ids[h], table.at[h], row,
             blocks.count, {.signal = {table.full[h]}});
    b.Store({.remote = r.place.output.data.With(out),
             .local = table.at[h],
             .bytes = blocks.count * row},
            {.wait = {table.full[h]}, .signal = {table.free[h]}});
    b.Add(in, blocks.step * kIndexBytes);
    b.Add(out, blocks.step * row);
  };
  b.Repeat(blocks.parts / 2, [&] {
    block(0);
    block(1);
  });
  if (blocks.parts % 2 != 0) block(0);
}

}  // namespace

Status LowerEmbed(const LowerRequest& r, Builder& b) {
  const int64_t rows = RowsOf(r, r.node.output);
  const int64_t row = ColsOf(r, r.node.output) * kF32;
  const Cut cores = CutOf(rows, b.cores());
  // Two blocks, two rows for what is left over, and their ids.
  const int64_t room =
      b.size().scratchpad_bytes / 2 / RoundUp(row + kIndexBytes, int64_t{64}) -
      2;
  if (room < 1) {
    return MakeError(ErrorCode::kUnsupported,
                     r.node.name + ": a row does not fit the scratchpad twice");
  }
  const Share blocks = ShareOfAtMost(
      cores.count,
      std::min({room, CeilDiv(cores.count, int64_t{4}), kMostCount}));
  b.OnCores(Cores(0, cores.parts));
  EmitEmbed(r, row, 0, cores.count, blocks, b);
  if (cores.rest > 0) {
    b.OnCores(Cores(0, cores.rest));
    EmitEmbed(r, row, cores.whole(), 1, {1, 1, 0}, b);
  }
  return {};
}

Status LowerSelectRows(const LowerRequest& r, Builder& b) {
  const int64_t batch = RowsOf(r, r.node.output);
  const int64_t cols = ColsOf(r, r.node.output);
  const int64_t rows = RowsOf(r, r.node.inputs[0]) / batch;
  const int64_t at = r.node.attributes.Int("last") != 0 ? rows - 1 : 0;
  return MoveRows(r, batch, cols, r.place.inputs[0].data + at * cols * kF32,
                  rows * cols, r.place.output.data, cols, b);
}

Status LowerSliceCols(const LowerRequest& r, Builder& b) {
  const int64_t cols = ColsOf(r, r.node.output);
  const int64_t first = r.node.attributes.Int("first");
  return MoveRows(r, RowsOf(r, r.node.output), cols,
                  r.place.inputs[0].data + first * kF32,
                  ColsOf(r, r.node.inputs[0]), r.place.output.data, cols, b);
}

Status LowerConcatRows(const LowerRequest& r, Builder& b) {
  const int64_t cols = ColsOf(r, r.node.output);
  const int64_t head = RowsOf(r, r.node.inputs[1]);
  const int64_t rows = RowsOf(r, r.node.inputs[0]) / r.binding.batch;
  Remote to = r.place.output.data;
  for (int64_t s = 0; s < r.binding.batch; ++s) {
    if (s > 0) b.Barrier();
    TRIPTYCH_TRY(
        MoveRows(r, head, cols, r.place.inputs[1].data, cols, to, cols, b));
    to = to + head * cols * kF32;
    b.Barrier();
    TRIPTYCH_TRY(MoveRows(r, rows, cols,
                          r.place.inputs[0].data + s * rows * cols * kF32, cols,
                          to, cols, b));
    to = to + rows * cols * kF32;
  }
  return {};
}

// A tap of the kernel after the other: some of its rows are zeros (from the
// tables), the others rows of the input that are `stride` apart.
Status LowerIm2Col(const LowerRequest& r, Builder& b) {
  const int64_t kernel = r.node.attributes.Int("kernel");
  const int64_t stride = r.node.attributes.Int("stride");
  const int64_t rows = RowsOf(r, r.node.inputs[0]) / r.binding.batch;
  const int64_t out_rows = RowsOf(r, r.node.output) / r.binding.batch;
  const int64_t features = ColsOf(r, r.node.inputs[0]);
  const int64_t cols = ColsOf(r, r.node.output);
  bool fresh = true;
  const auto next = [&] {
    if (!fresh) b.Barrier();
    fresh = false;
  };
  for (int64_t s = 0; s < r.binding.batch; ++s) {
    for (int64_t t = 0; t < kernel; ++t) {
      const int64_t shift = t - (kernel - 1) / 2;
      const Remote to =
          r.place.output.data + (s * out_rows * cols + t * features) * kF32;
      // Outputs [first, last) have an input.
      const int64_t first =
          std::min(out_rows, CeilDiv(std::max<int64_t>(-shift, 0), stride));
      const int64_t reach = rows - 1 - shift;
      const int64_t last =
          reach < 0 ? first : std::clamp(reach / stride + 1, first, out_rows);
      for (int64_t o = 0; o < out_rows; ++o) {
        if (o >= first && o < last) continue;
        next();
        TRIPTYCH_TRY(MoveRows(r, 1, features, r.place.tables, features,
                              to + o * cols * kF32, cols, b));
      }
      if (first == last) continue;
      next();
      TRIPTYCH_TRY(
          MoveRows(r, last - first, features,
                   r.place.inputs[0].data +
                       (s * rows + first * stride + shift) * features * kF32,
                   stride * features, to + first * cols * kF32, cols, b));
    }
  }
  return {};
}

}  // namespace triptych::npu
