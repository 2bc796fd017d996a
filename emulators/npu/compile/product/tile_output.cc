// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/compile/product/tile_output.h"

#include <algorithm>
#include <vector>

namespace triptych::npu {
namespace {

constexpr int64_t kF32 = ProductJob::kF32;
constexpr auto U32 = ProductJob::U32;
constexpr auto U16 = ProductJob::U16;
constexpr auto If = ProductJob::If;

}  // namespace

TileOutput::TileOutput(ProductJob& job) : job_(job) {
  const MatmulSize& s = job.size;
  Builder& b = job.b;
  const int64_t column = job.plan.n_tile * kF32;
  tail_ = b.NewDoubleBuffer(s.factors * TailColumns() * column);
  for (size_t h = 0; h < 2; ++h) {
    for (int64_t f = 0; f < s.factors; ++f) {
      out_[static_cast<size_t>(f)][h] = b.Local(job.rows * column);
    }
    if (s.residual) residual_[h] = b.Local(job.rows * column);
    out_full_[h] = b.NewEvent();
  }
}

int64_t TileOutput::TailColumns() const {
  return (job_.scales_by_part() ? 0 : job_.size.groups()) +
         (job_.size.bias ? 1 : 0);
}
uint32_t TileOutput::Scales(size_t h, int64_t f, int64_t n) const {
  return tail_.at[h] + U32(f * TailColumns() * n * kF32);
}
uint32_t TileOutput::Bias(size_t h, int64_t f, int64_t n) const {
  return Scales(h, f, n) + U32((TailColumns() - 1) * n * kF32);
}

uint8_t TileOutput::BeforeFirst(size_t h, int64_t f) const {
  const bool tail = TailColumns() > 0 || job_.size.residual;
  return If(f == 0, tail ? tail_.full[h] : tail_.free[h]);
}
uint8_t TileOutput::AfterLast(size_t h, int64_t f) const {
  return If(f + 1 == job_.factor_count() && Steps() == 0, out_full_[h]);
}

void TileOutput::LoadTail(const TileCursor& cursor, size_t h, int64_t n) {
  const MatmulSize& s = job_.size;
  struct Item {
    Remote at;
    int64_t rows, row;
    uint32_t local;
  };
  std::vector<Item> items;
  for (int64_t f = 0; f < job_.factor_count(); ++f) {
    const Factor& factor = job_.work->factors[static_cast<size_t>(f)];
    if (!job_.scales_by_part()) {
      items.push_back({factor.weight.scales.With(cursor.column()), s.groups(),
                       s.n * kF32, Scales(h, f, n)});
    }
    if (s.bias) {
      items.push_back({factor.bias.With(cursor.column()), 1, 0, Bias(h, f, n)});
    }
  }
  for (size_t i = 0; i < items.size(); ++i) {
    const Item& item = items[i];
    const bool last = i + 1 == items.size() && !s.residual;
    job_.b.Load({.remote = item.at,
                 .local = item.local,
                 .bytes = n * kF32,
                 .rows = item.rows,
                 .remote_row = item.row,
                 .multicast = job_.same_weights()},
                {.wait = {If(i == 0, tail_.free[h])},
                 .signal = {If(last, tail_.full[h])}});
  }
  if (!s.residual) return;
  LoadResidual(
      cursor, h, n,
      {.wait = {If(items.empty(), tail_.free[h])}, .signal = {tail_.full[h]}});
}

template <class Of>
void TileOutput::EachOwner(const Of& of) {
  if (yielded_.columns == 0) return of(0);
  const CoreMask all = job_.b.mask();
  job_.b.OnCores(static_cast<CoreMask>(all & ~yielded_.cores));
  of(0);
  job_.b.OnCores(yielded_.cores);
  of(yielded_.columns);
  job_.b.OnCores(all);
}

void TileOutput::LoadResidual(const TileCursor& cursor, size_t h, int64_t n,
                              const Sync& sync) {
  EachOwner([&](int64_t skip) {
    job_.b.Load(
        {.remote = (job_.work->residual + skip * kF32).With(cursor.out()),
         .local = residual_[h] + U32(skip * kF32),
         .bytes = (n - skip) * kF32,
         .rows = job_.rows,
         .remote_row = job_.size.n * kF32,
         .local_row = n * kF32},
        sync);
  });
}

void TileOutput::Scale(SumRing& sums, uint32_t row_scales, size_t h, int64_t f,
                       int64_t group, int64_t n) {
  const bool first = group == 0, last = group + 1 == job_.size.groups();
  job_.b.Dequantize(
      {.acc_row = sums.row(),
       .dst = at(f, h),
       .dst_stride = U32(n * kF32),
       .scales = Scales(h, f, n) + U32(group * n * kF32),
       .row_scales = last ? row_scales : kNoOperand,
       .rows = U16(job_.rows),
       .cols = U16(n)},
      static_cast<uint8_t>((first ? 0 : kAccumulate) | (last ? kRowScale : 0)),
      {.wait = {sums.full(), If(first, BeforeFirst(h, f))},
       .signal = {sums.free(), If(last, AfterLast(h, f))}});
  sums.Next();
}

int64_t TileOutput::Steps() const {
  const MatmulSize& s = job_.size;
  return (s.bias ? s.factors : 0) + (job_.work->act ? 1 : 0) +
         (s.factors == 2 ? 1 : 0) + (s.residual ? 1 : 0);
}

void TileOutput::Finish(const TileCursor& cursor, size_t h, int64_t n) {
  const MatmulSize& s = job_.size;
  const MatmulPlan& p = job_.plan;
  int64_t left = Steps();
  const auto step = [&](VectorOp op, uint32_t src0, uint32_t src1,
                        Operand operand) {
    --left;
    job_.b.Vector({.src0 = src0,
                   .src1 = src1,
                   .dst = src0,
                   .rows = U16(job_.rows),
                   .cols = U16(n),
                   .op = op,
                   .operand = operand},
                  {}, {.signal = {If(left == 0, out_full_[h])}});
  };
  const uint32_t out = at(0, h);
  for (int64_t f = 0; s.bias && f < job_.factor_count(); ++f) {
    step(VectorOp::kAdd, at(f, h), Bias(h, f, n), Operand::kPerColumn);
  }
  if (job_.work->act) step(*job_.work->act, out, 0, Operand::kFull);
  if (s.factors == 2) step(VectorOp::kMul, out, at(1, h), Operand::kFull);
  if (s.residual) step(VectorOp::kAdd, out, residual_[h], Operand::kFull);
  if (!p.split_rows || p.rows.exact()) {
    EachOwner([&](int64_t skip) { Store(cursor, h, n, job_.rows, skip); });
    return;
  }
  // Rows that two cores made are stored by the second.
  job_.b.OnCores(Cores(0, p.cores() - 1));
  Store(cursor, h, n, p.rows.step, 0);
  job_.b.OnCores(Cores(p.cores() - 1, 1));
  Store(cursor, h, n, job_.rows, 0);
  job_.b.OnCores(Cores(0, p.cores()));
}

void TileOutput::Store(const TileCursor& cursor, size_t h, int64_t n,
                       int64_t rows, int64_t skip) {
  const SplitRows& to = job_.work->out;
  const int64_t near = std::min(to.near, rows);
  const auto store = [&](const Remote& remote, int64_t first, int64_t count,
                         int64_t stride, const Sync& sync) {
    job_.b.Store({.remote = remote + skip * kF32,
                  .local = at(0, h) + U32((first * n + skip) * kF32),
                  .bytes = (n - skip) * kF32,
                  .rows = count,
                  .remote_row = stride,
                  .local_row = n * kF32},
                 sync);
  };
  const bool both = near > 0 && near < rows;
  if (near > 0) {
    store(to.at.With(cursor.out()), 0, near, to.stride,
          {.wait = {out_full_[h]}, .signal = {If(!both, tail_.free[h])}});
  }
  if (near == rows) return;
  const bool panels = cursor.panel() != 0;
  store(to.rest.With(panels ? cursor.panel() : cursor.out()), near, rows - near,
        panels ? n * kF32 : to.stride,
        {.wait = {If(!both, out_full_[h])}, .signal = {tail_.free[h]}});
}

}  // namespace triptych::npu
