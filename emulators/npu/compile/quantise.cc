// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/compile/quantise.h"

#include <fmt/format.h>

#include <algorithm>

#include "emulators/npu/compile/share.h"

namespace triptych::npu {
namespace {

constexpr int64_t kF32 = 4;
constexpr int64_t kMost = 65535;  // rows or columns of a command
constexpr float kOne = 1;

uint16_t U16(int64_t n) { return static_cast<uint16_t>(n); }

// Of each sequence, core c has rows from first + c * step on.
void EmitBlocks(const QuantiseSize& s, const Remote& from, const Location& to,
                int64_t first, int64_t step, const Share& blocks, Builder& b) {
  const int64_t cols = s.heads * s.dim;
  const DoubleBuffer x = b.NewDoubleBuffer(blocks.count * cols * kF32);
  const DoubleBuffer codes = b.NewDoubleBuffer(blocks.count * cols);
  const uint32_t scales[2] = {b.Local(blocks.count * s.heads * kF32),
                              b.Local(blocks.count * s.heads * kF32)};
  const uint8_t in = b.NewRegister(), out = b.NewRegister(),
                out_scales = b.NewRegister();
  b.Add(in, first * cols * kF32);
  b.Add(out, (s.first + first) * s.dim);
  b.Add(out_scales, (s.first + first) * kF32);
  b.AddCore(in, step * cols * kF32);
  b.AddCore(out, step * s.dim);
  b.AddCore(out_scales, step * kF32);
  const auto block = [&](size_t h) {
    const int64_t rows = blocks.count;
    b.Load({.remote = from.With(in),
            .local = x.at[h],
            .bytes = rows * cols * kF32},
           {.wait = {x.free[h]}, .signal = {x.full[h]}});
    b.Quantize({.src = x.at[h],
                .dst = codes.at[h],
                .scales = scales[h],
                .rows = U16(rows * s.heads),
                .cols = U16(s.dim),
                .multiplier = kOne,
                .dst_stride = 0},
               s.bits, 0,
               {.wait = {x.full[h], codes.free[h]},
                .signal = {x.free[h], codes.full[h]}});
    b.Store({.remote = to.data.With(out),
             .local = codes.at[h],
             .bytes = s.dim,
             .rows = rows,
             .blocks = s.heads,
             .remote_block = to.capacity * s.dim,
             .local_row = cols,
             .local_block = s.dim},
            {.wait = {codes.full[h]}});
    b.Store({.remote = to.scales.With(out_scales),
             .local = scales[h],
             .bytes = kF32,
             .rows = rows,
             .blocks = s.heads,
             .remote_block = to.capacity * kF32,
             .local_row = s.heads * kF32,
             .local_block = kF32},
            {.signal = {codes.free[h]}});
    b.Add(in, blocks.step * cols * kF32);
    b.Add(out, blocks.step * s.dim);
    b.Add(out_scales, blocks.step * kF32);
  };
  b.Repeat(s.batch, [&] {
    b.Repeat(blocks.parts / 2, [&] {
      block(0);
      block(1);
    });
    if (blocks.parts % 2 != 0) block(0);
    if (s.batch == 1) return;
    const int64_t done = blocks.parts * blocks.step;
    b.Add(in, (s.rows - done) * cols * kF32);
    b.Add(out, s.heads * to.capacity * s.dim - done * s.dim);
    b.Add(out_scales, s.heads * to.capacity * kF32 - done * kF32);
  });
}

}  // namespace

int64_t QuantiseRowsThatFit(const QuantiseSize& s, int64_t cores,
                            int64_t room) {
  if (s.dim > kMost || s.heads > kMost) return 0;
  const int64_t rest = CutOf(s.rows, cores).rest > 0 ? 1 : 0;
  const int64_t cols = s.heads * s.dim;
  const int64_t row_bytes = 2 * (cols * (kF32 + 1) + s.heads * kF32 + 3 * 64);
  return std::clamp<int64_t>(room / row_bytes - rest, 0, kMost / s.heads);
}

Status EmitQuantise(const LowerRequest& r, const QuantiseSize& s,
                    const Remote& from, const Location& to, Builder& b) {
  const int64_t cols = s.heads * s.dim;
  const Cut cores = CutOf(s.rows, b.cores());
  const int64_t room = b.size().scratchpad_bytes - b.local_used();
  const int64_t fit = QuantiseRowsThatFit(s, b.cores(), room);
  if (fit < 1) {
    return MakeError(ErrorCode::kUnsupported,
                     fmt::format("{}: a row of {} does not fit the scratchpad "
                                 "({} bytes) four times",
                                 r.node.name, cols, room));
  }
  const Share blocks = ShareOfAtMost(
      cores.count, std::min(fit, CeilDiv(cores.count, int64_t{4})));
  b.OnCores(Cores(0, cores.parts));
  EmitBlocks(s, from, to, 0, cores.count, blocks, b);
  if (cores.rest > 0) {
    b.OnCores(Cores(0, cores.rest));
    EmitBlocks(s, from, to, cores.whole(), 1, {1, 1, 0}, b);
  }
  return {};
}

}  // namespace triptych::npu
