// The mean of a sequence's rows. A core takes some of the columns, as many at a
// time as fit; columns that are left over are one more for each of the first
// cores. Rows are added by halves where they lie, blocks of them one after the
// other: an order of sums that is the same whatever the machine.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "emulators/npu/compile/lower.h"
#include "emulators/npu/compile/share.h"
#include "models/ops/op.h"

namespace triptych::npu {
namespace {

constexpr int64_t kBlock = 64;    // rows

// What each core takes of a row of `all`: from `first` on, cores `step` apart,
// `passes` one after the other.
struct Columns {
  int64_t all, first, step;
  Share passes;
};

// Local memory for passes of one column.
int64_t ColumnBytes(int64_t rows) {
  return (2 * std::min(rows, kBlock) + 1) * kF32;
}

class Emitter {
 public:
  Emitter(const LowerRequest& r, int64_t rows, const Columns& columns,
          Builder& b)
      : at_(r.place),
        rows_(rows),
        c_(columns),
        width_(columns.passes.count),
        b_(b) {
    sum_ = b.Local(width_ * kF32);
    sum_free_ = b.NewCredits(1);
    sum_full_ = b.NewEvent();
    x_ = b.NewDoubleBuffer(std::min(rows, kBlock) * width_ * kF32);
    in_ = b.NewRegister();
    out_ = b.NewRegister();
    b.Add(in_, columns.first * kF32);
    b.Add(out_, columns.first * kF32);
    b.AddCore(in_, columns.step * kF32);
    b.AddCore(out_, columns.step * kF32);
  }

  void Sequences(int64_t count) {
    const Share& passes = c_.passes;
    b_.Repeat(count, [&] {
      b_.Repeat(passes.parts, [&] {
        Pass();
        if (passes.parts > 1) Advance(passes.step, passes.step);
      });
      const int64_t done = passes.parts * passes.step;
      if (count > 1) Advance(rows_ * c_.all - done, c_.all - done);
    });
  }

 private:
  void Advance(int64_t in, int64_t out) {
    b_.Add(in_, in * kF32);
    b_.Add(out_, out * kF32);
  }
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
    b_.Load({.remote = (at_.inputs[0].data + first * c_.all * kF32).With(in_),
             .local = x,
             .bytes = width_ * kF32,
             .rows = rows,
             .remote_row = c_.all * kF32},
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
  int64_t rows_;
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
  const Cut cores = CutOf(x.cols, b.cores());
  // Buffers of two emitters, aligned; the second's are of one column.
  const int64_t room = b.size().scratchpad_bytes - b.local_used() - 6 * 64 -
                       (cores.rest > 0 ? ColumnBytes(rows) : 0);
  const int64_t most = std::min(room / ColumnBytes(rows), kMostCount);
  if (most < 1) {
    return MakeError(ErrorCode::kUnsupported,
                     fmt::format("{}: a column of {} rows does not fit the "
                                 "scratchpad ({} bytes)",
                                 r.node.name, kBlock, room));
  }
  const auto emit = [&](int64_t parts, const Columns& columns) {
    b.OnCores(Cores(0, parts));
    Emitter(r, rows, columns, b).Sequences(batch);
  };
  emit(cores.parts, {.all = x.cols,
                     .first = 0,
                     .step = cores.count,
                     .passes = ShareOfAtMost(cores.count, most)});
  if (cores.rest > 0) {
    emit(cores.rest, {.all = x.cols,
                      .first = cores.whole(),
                      .step = 1,
                      .passes = {1, 1, 0}});
  }
  return {};
}

}  // namespace triptych::npu
