// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/compile/product/activations.h"

#include <algorithm>
#include <bit>

namespace triptych::npu {
namespace {

constexpr int64_t kF32 = ProductJob::kF32;
constexpr float kOne = 1;
constexpr auto U32 = ProductJob::U32;
constexpr auto U16 = ProductJob::U16;
constexpr auto If = ProductJob::If;

}  // namespace

Activations::Activations(ProductJob& job) : job_(job) {
  const MatmulPlan& p = job.plan;
  Builder& b = job.b;
  row_scales_ = b.Local(job.rows * kF32);
  const int64_t stage = p.prepared ? job.rows : p.stage_rows * job.size.k;
  stage_ = b.NewDoubleBuffer(stage * kF32);
  if (p.streamed()) {
    for (uint32_t& part : parts_.at) part = b.Local(job.rows * p.k_chunk);
  } else {
    codes_ = b.Local(job.rows * job.size.k);
  }
  if (p.together) {
    for (size_t h = 0; h < 2; ++h) {
      parts_.free[h] = b.NewCredits(1);
      parts_.full[h] = b.NewEvent();
    }
  }
  ready_ = b.NewEvent();
  if (p.blocks.parts > 1 && !p.streamed()) unused_ = b.NewCredits(1);
  in_ = b.NewRegister();
  if (p.prepared) in_scales_ = b.NewRegister();
  if (!p.split_rows) return;
  b.AddCore(in_, p.rows.step * InRow());
  if (p.prepared) b.AddCore(in_scales_, p.rows.step * kF32);
}

int64_t Activations::InRow() const {
  return job_.plan.prepared ? job_.input.codes.stride : job_.size.k * kF32;
}

bool Activations::Shared() const {
  return !job_.plan.split_rows && std::popcount(job_.b.mask()) > 1;
}

void Activations::LoadBlock() {
  if (job_.plan.prepared) {
    LoadCodes();
  } else {
    QuantiseRows();
  }
}

void Activations::NextBlock() {
  // The array is done with this block's codes when it gets here.
  if (unused_ != 0) job_.Touch({.signal = {unused_}});
  job_.b.Add(in_, job_.plan.blocks.step * InRow());
  if (job_.plan.prepared) {
    job_.b.Add(in_scales_, job_.plan.blocks.step * kF32);
  }
}

void Activations::LoadRows(int64_t first, int64_t bytes, uint32_t local,
                           const Sync& sync) {
  const SplitRows& from = job_.input.codes;
  const int64_t rows = job_.rows, near = std::min(from.near, rows);
  const auto load = [&](const Remote& at, int64_t skip, int64_t count,
                        int64_t stride, const Sync& s) {
    job_.b.Load({.remote = (at + first).With(in_),
                 .local = local + U32(skip * bytes),
                 .bytes = bytes,
                 .rows = count,
                 .remote_row = stride,
                 .multicast = Shared()},
                s);
  };
  const bool both = near > 0 && near < rows;
  if (near > 0) {
    load(from.at, 0, near, from.stride,
         both ? Sync{.wait = sync.wait, .signal = {}} : sync);
  }
  if (near < rows) {
    load(from.rest, near, rows - near, from.RestStride(),
         both ? Sync{.wait = {}, .signal = sync.signal} : sync);
  }
}

// Codes of all cores' rows, and their scales: those go where they are needed
// once the vector unit is done with the last block's.
void Activations::LoadCodes() {
  const bool whole = !job_.plan.streamed();
  job_.b.Load({.remote = job_.input.scales.With(in_scales_),
               .local = stage_.at[0],
               .bytes = job_.rows * kF32,
               .multicast = Shared()},
              {.wait = {stage_.free[0], unused_},
               .signal = {If(!whole, stage_.full[0])}});
  if (whole) LoadRows(0, job_.size.k, codes_, {.signal = {stage_.full[0]}});
  job_.b.Vector({.src0 = stage_.at[0],
                 .src1 = 0,
                 .dst = row_scales_,
                 .rows = 1,
                 .cols = U16(job_.rows),
                 .op = VectorOp::kCopy,
                 .operand = Operand::kFull},
                {},
                {.wait = {stage_.full[0]},
                 .signal = {stage_.free[0], If(whole, ready_)}});
  if (whole) job_.Touch({.wait = {ready_}});
}

void Activations::QuantiseRows() {
  const int64_t k = job_.size.k, stage_rows = job_.plan.stage_rows;
  for (int64_t row = 0, i = 0; row < job_.rows; row += stage_rows, ++i) {
    const auto h = static_cast<size_t>(i % 2);
    const int64_t rows = std::min(stage_rows, job_.rows - row);
    const bool last = row + rows == job_.rows;
    job_.b.Load({.remote = (job_.input.floats + row * k * kF32).With(in_),
                 .local = stage_.at[h],
                 .bytes = rows * k * kF32,
                 .multicast = Shared()},
                {.wait = {stage_.free[h]}, .signal = {stage_.full[h]}});
    job_.b.Quantize({.src = stage_.at[h],
                     .dst = codes_ + U32(row * k),
                     .scales = row_scales_ + U32(row * kF32),
                     .rows = U16(rows),
                     .cols = U16(k),
                     .multiplier = kOne,
                     .dst_stride = U32(k)},
                    job_.size.activation_bits, 0,
                    {.wait = {stage_.full[h], If(row == 0, unused_)},
                     .signal = {stage_.free[h], If(last, ready_)}});
  }
  job_.Touch({.wait = {ready_}});
}

}  // namespace triptych::npu
