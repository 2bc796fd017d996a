// The mean of a sequence's rows. A core takes some of the columns at a time;
// rows are added by halves where they lie, blocks of them one after the other:
// an order of sums that is the same whatever the machine.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "emulators/npu/compile/lower.h"
#include "models/ops/op.h"

namespace triptych::npu {
namespace {

constexpr int64_t kF32 = 4;
constexpr int64_t kMost = 65535;  // columns of a command
constexpr int64_t kBlock = 64;    // rows

uint32_t U32(int64_t n) { return static_cast<uint32_t>(n); }
uint16_t U16(int64_t n) { return static_cast<uint16_t>(n); }

// `passes` times `width` columns for each of `cores`.
struct Columns {
  int64_t width, cores, passes;
};

class Emitter {
 public:
  Emitter(const LowerRequest& r, int64_t rows, const Columns& columns,
          Builder& b)
      : at_(r.place),
        rows_(rows),
        cols_(columns.width * columns.cores * columns.passes),
        c_(columns),
        width_(columns.width),
        b_(b) {
    sum_ = b.Local(width_ * kF32);
    sum_free_ = b.NewCredits(1);
    sum_full_ = b.NewEvent();
    x_ = b.NewDoubleBuffer(std::min(rows, kBlock) * width_ * kF32);
    in_ = b.NewRegister();
    out_ = b.NewRegister();
    b.AddCore(in_, width_ * kF32);
    b.AddCore(out_, width_ * kF32);
  }

  void Sequence() {
    const int64_t step = c_.cores * width_ * kF32;
    b_.Repeat(c_.passes, [&] {
      Pass();
      b_.Add(in_, step);
      b_.Add(out_, step);
    });
    b_.Add(in_, (rows_ - 1) * cols_ * kF32);
  }

 private:
  void Pass() {
    for (int64_t first = 0, i = 0; first < rows_; first += kBlock, ++i) {
      Block(static_cast<size_t>(i % 2), first, std::min(kBlock, rows_ - first));
    }
    const auto part = std::bit_cast<uint32_t>(1 / static_cast<float>(rows_));
    Vec(VectorOp::kMul, sum_, part, sum_, 1, Operand::kImmediate,
        {.signal = {sum_full_}});
    b_.Store({.remote = at_.output.data.With(out_),
              .local = sum_,
              .bytes = width_ * kF32},
             {.wait = {sum_full_}, .signal = {sum_free_}});
  }
  void Vec(VectorOp op, uint32_t src0, uint32_t src1, uint32_t dst,
           int64_t rows, Operand operand, const Sync& sync = {}) {
    b_.Vector({.src0 = src0,
               .src1 = src1,
               .dst = dst,
               .rows = U16(rows),
               .cols = U16(width_),
               .op = op,
               .operand = operand},
              {}, sync);
  }

  void Block(size_t h, int64_t first, int64_t rows) {
    const uint32_t x = x_.at[h];
    b_.Load({.remote = (at_.inputs[0].data + first * cols_ * kF32).With(in_),
             .local = x,
             .bytes = width_ * kF32,
             .rows = rows,
             .remote_row = cols_ * kF32},
            {.wait = {x_.free[h]}, .signal = {x_.full[h]}});
    uint8_t full = x_.full[h];
    for (int64_t left = rows; left > 1; left -= left / 2) {
      const int64_t half = left / 2;
      Vec(VectorOp::kAdd, x, x + U32((left - half) * width_ * kF32), x, half,
          Operand::kFull, {.wait = {full}});
      full = 0;
    }
    const bool opens = first == 0;
    Vec(opens ? VectorOp::kCopy : VectorOp::kAdd, opens ? x : sum_,
        opens ? 0 : x, sum_, 1, Operand::kFull,
        {.wait = {full, opens ? sum_free_ : uint8_t{0}},
         .signal = {x_.free[h]}});
  }

  const Placement& at_;
  int64_t rows_, cols_;
  Columns c_;
  int64_t width_;
  Builder& b_;
  uint32_t sum_ = 0;
  DoubleBuffer x_;
  uint8_t sum_free_ = 0, sum_full_ = 0, in_ = 0, out_ = 0;
};

}  // namespace

Status LowerMeanPool(const LowerRequest& r, Builder& b) {
  const Shape& x = r.graph.value(r.node.inputs[0]).shape;
  const int64_t batch = r.binding.batch;
  const int64_t rows = x.rows.Bind(r.binding) / batch;
  const int64_t room = b.size().scratchpad_bytes - b.local_used() - 3 * 64;
  const int64_t most = room / kF32 / (2 * std::min(rows, kBlock) + 1);
  Columns c{
      .width = std::min({most, kMost, CeilDiv(x.cols, int64_t{b.cores()})}),
      .cores = b.cores(),
      .passes = 0};
  if (c.width < 1) {
    return MakeError(ErrorCode::kUnsupported,
                     fmt::format("{}: a column of {} rows does not fit the "
                                 "scratchpad ({} bytes)",
                                 r.node.name, kBlock, room));
  }
  while (x.cols % c.width != 0) --c.width;
  while (x.cols / c.width % c.cores != 0) --c.cores;
  c.passes = x.cols / c.width / c.cores;
  b.OnCores(Cores(0, c.cores));
  Emitter emitter(r, rows, c, b);
  b.Repeat(batch, [&] { emitter.Sequence(); });
  return {};
}

}  // namespace triptych::npu
