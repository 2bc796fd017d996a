// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/compile/product/group_loop.h"

#include <bit>

namespace triptych::npu {
namespace {

constexpr int64_t kF32 = ProductJob::kF32;
constexpr auto U32 = ProductJob::U32;
constexpr auto U16 = ProductJob::U16;

}  // namespace

// Zeros from sums, which are no NaNs: times -0 they are zeros, of which -0 is
// the least.
GroupLoop::GroupLoop(ProductJob& job, TileOutput& out, const SumRing& sums)
    : job_(job), out_(out) {
  const int64_t column = job.plan.n_tile * kF32;
  for (uint32_t& at : scales_) at = job.b.Local(job.part_groups() * column);
  zeros_ = job.b.Local(job.rows * column);
  const auto cols = U16(job.plan.n_tile), rows = U16(job.rows);
  const auto minus_zero = std::bit_cast<uint32_t>(-0.0f);
  job.b.Dequantize({.acc_row = sums.RowOf(job.plan.slots),
                    .dst = zeros_,
                    .dst_stride = U32(column),
                    .scales = kNoOperand,
                    .row_scales = kNoOperand,
                    .rows = rows,
                    .cols = cols},
                   0);
  for (const VectorOp op : {VectorOp::kMul, VectorOp::kMin}) {
    job.b.Vector({.src0 = zeros_,
                  .src1 = minus_zero,
                  .dst = zeros_,
                  .rows = rows,
                  .cols = cols,
                  .op = op,
                  .operand = Operand::kImmediate},
                 {});
  }
}

void GroupLoop::Begin(size_t h, int64_t f, int64_t n) {
  job_.b.Vector({.src0 = zeros_,
                 .src1 = 0,
                 .dst = out_.at(f, h),
                 .rows = 1,
                 .cols = U16(job_.rows * n),
                 .op = VectorOp::kCopy,
                 .operand = Operand::kFull},
                {}, {.wait = {out_.BeforeFirst(h, f)}});
}

void GroupLoop::LoadScales(const TileCursor& cursor, size_t j, int64_t f,
                           int64_t n) {
  const Factor& factor = job_.work->factors[static_cast<size_t>(f)];
  job_.b.Load({.remote = factor.weight.scales.With(cursor.column()),
               .local = scales_[j],
               .bytes = n * kF32,
               .rows = job_.part_groups(),
               .remote_row = job_.size.n * kF32,
               .multicast = job_.same_weights()});
}

void GroupLoop::Add(SumRing& sums, size_t h, size_t j, int64_t f, int64_t group,
                    int64_t n, uint8_t signal) {
  job_.b.Dequantize({.acc_row = sums.row(),
                     .dst = out_.at(f, h),
                     .dst_stride = U32(n * kF32),
                     .scales = scales_[j] + U32(group * n * kF32),
                     .row_scales = kNoOperand,
                     .rows = U16(job_.rows),
                     .cols = U16(n)},
                    kAccumulate,
                    {.wait = {sums.full()}, .signal = {sums.free(), signal}});
  sums.Next();
}

void GroupLoop::End(uint32_t row_scales, size_t h, int64_t f, int64_t n) {
  job_.b.Vector({.src0 = out_.at(f, h),
                 .src1 = row_scales,
                 .dst = out_.at(f, h),
                 .rows = U16(job_.rows),
                 .cols = U16(n),
                 .op = VectorOp::kMul,
                 .operand = Operand::kPerRow},
                {}, {.signal = {out_.AfterLast(h, f)}});
}

}  // namespace triptych::npu
