// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/compile/product/tiles.h"

#include <algorithm>

namespace triptych::npu {
namespace {

constexpr auto U32 = ProductJob::U32;
constexpr auto If = ProductJob::If;

// The pieces of k in part i of a tile's, and the scales of groups that end
// there.
void Multiply(ProductPieces& p, size_t h, const WeightTiles::Buffer& buffer,
              int64_t i, int64_t n) {
  const ProductJob& job = p.job;
  const auto [first, k] = job.parts[static_cast<size_t>(i % job.part_count())];
  const int64_t f = i / job.part_count();
  for (int64_t at = first; at < first + k;) {
    const int64_t group = at / job.size.group;
    const int64_t group_end = (group + 1) * job.size.group;
    const int64_t end = std::min({at + job.piece(), group_end, first + k});
    const bool starts = at == group * job.size.group, ends = end == group_end;
    p.job.b.LoadWeights(buffer.at + U32(at - first), job.size.local_row(k),
                        end - at, n, false,
                        {.wait = {If(at == first, buffer.full)},
                         .signal = {If(end == first + k, buffer.free)}});
    p.job.b.Matmul(p.a.codes() + U32(at), job.size.k, p.sums.row(), job.rows,
                   !starts,
                   {.wait = {If(starts, p.sums.free())},
                    .signal = {If(ends, p.sums.full())}});
    if (ends) p.out.Scale(p.sums, p.a.row_scales(), h, f, group, n);
    at = end;
  }
}

// A part of k of a looped tile. What it needs comes with it; its last sum, or
// the last scale, frees the buffers.
void LoopedPart(ProductPieces& p, size_t j, size_t h, int64_t f, int64_t n) {
  ProductJob& job = p.job;
  const int64_t k_chunk = job.plan.k_chunk;
  const bool scaled = job.scales_by_part();
  const int64_t group = scaled ? job.size.group : k_chunk;
  const WeightTiles::Buffer& buffer = p.weights[static_cast<int64_t>(j)];
  const uint32_t a = p.a.parts().at[j];
  p.a.LoadRows(0, k_chunk, a, {.wait = {buffer.free}});
  if (scaled) p.groups->LoadScales(p.cursor, j, f, n);
  p.weights.Load(p.cursor, buffer,
                 job.work->factors[static_cast<size_t>(f)].weight.data, k_chunk,
                 n, 0);
  for (int64_t at = 0; at < k_chunk;) {
    const int64_t g = at / group,
                  end = std::min(at + job.piece(), (g + 1) * group);
    const bool starts = scaled && at % group == 0;
    const bool ends = scaled && end % group == 0;
    const uint8_t freed = If(end == k_chunk, buffer.free);
    job.b.LoadWeights(buffer.at + U32(at), job.size.local_row(k_chunk),
                      end - at, n, false, {.wait = {If(at == 0, buffer.full)}});
    job.b.Matmul(a + U32(at), k_chunk, p.sums.row(), job.rows, !starts,
                 {.wait = {If(starts, p.sums.free())},
                  .signal = {If(ends, p.sums.full()), If(!scaled, freed)}});
    if (ends) p.groups->Add(p.sums, h, j, f, g, n, freed);
    at = end;
  }
  p.a.Skip(k_chunk);
  p.cursor.SkipParts(1);
}

// All parts of a looped tile, two a round.
void LoopedParts(ProductPieces& p, size_t h, int64_t f, int64_t n) {
  const int64_t parts = p.job.part_count();
  p.sums.Loop(parts / 2, [&] {
    LoopedPart(p, 0, h, f, n);
    LoopedPart(p, 1, h, f, n);
  });
  p.a.Skip(-parts * p.job.plan.k_chunk);
  p.cursor.SkipParts(-parts);
}

// Part i / tiles of k of tile i % tiles, all tiles side by side.
void MultiplySideBySide(ProductPieces& p, int64_t i, int64_t tiles) {
  const ProductJob& job = p.job;
  const int64_t part = i / tiles, tile = i % tiles;
  const WeightTiles::Buffer& buffer = p.weights[i];
  const auto j = static_cast<size_t>(part % 2);
  const DoubleBuffer& a = p.a.parts();
  const int64_t k = job.parts[static_cast<size_t>(part)].k;
  const bool opens = part == 0, closes = part + 1 == job.part_count();
  for (int64_t at = 0; at < k; at += job.piece()) {
    const int64_t piece = std::min(job.piece(), k - at);
    const bool starts = at == 0, ends = at + piece == k;
    p.job.b.LoadWeights(
        buffer.at + U32(at), job.size.local_row(k), piece, job.n_tile, false,
        {.wait = {If(starts, buffer.full)}, .signal = {If(ends, buffer.free)}});
    p.job.b.Matmul(a.at[j] + U32(at), k, p.sums.RowOf(tile), job.rows,
                   !(opens && starts),
                   {.wait = {If(opens && starts, p.sums.free()),
                             If(starts && tile == 0, a.full[j])},
                    .signal = {If(closes && ends, p.sums.full()),
                               If(ends && tile + 1 == tiles, a.free[j])}});
  }
}

}  // namespace

void EmitTile(ProductPieces& p, size_t h, int64_t n) {
  const int64_t loads = p.job.size.factors * p.job.part_count();
  // What is loaded ahead stands before what it is to overlap with: the front
  // end stops at a full queue.
  const int64_t ahead = std::min(loads, p.job.plan.buffers);
  const int64_t first = static_cast<int64_t>(h) * loads;
  const auto load = [&](int64_t i) {
    p.weights.LoadPart(p.cursor, p.weights[first + i], i, n);
  };
  for (int64_t i = 0; i < ahead; ++i) load(i);
  p.out.LoadTail(p.cursor, h, n);
  for (int64_t i = 0; i < loads; ++i) {
    Multiply(p, h, p.weights[first + i], i, n);
    if (i + ahead < loads) load(i + ahead);
  }
  p.out.Finish(p.cursor, h, n);
}

void EmitLoopedTile(ProductPieces& p, size_t h, int64_t n) {
  p.out.LoadTail(p.cursor, h, n);
  for (int64_t f = 0; f < p.job.factor_count(); ++f) {
    if (p.job.scales_by_part()) {
      p.groups->Begin(h, f, n);
      LoopedParts(p, h, f, n);
      p.groups->End(p.a.row_scales(), h, f, n);
    } else {
      p.nothing->Emit(p.sums.row(), n, false, {.wait = {p.sums.free()}});
      LoopedParts(p, h, f, n);
      p.nothing->Emit(p.sums.row(), n, true, {.signal = {p.sums.full()}});
      p.out.Scale(p.sums, p.a.row_scales(), h, f, 0, n);
    }
  }
  p.out.Finish(p.cursor, h, n);
}

void EmitTogether(ProductPieces& p) {
  const ProductJob& job = p.job;
  const int64_t step = job.plan.cores() * job.n_tile;
  const int64_t tiles = job.size.n / step, count = job.part_count() * tiles;
  const bool mixed = job.layout.order.mixed != 0;
  const int64_t core_step = job.plan.cores() > 1 ? job.n_tile : 0;
  const int64_t row_core = mixed ? 1 : core_step;
  p.weights.Alternate(mixed ? job.layout.order.ways : 1);
  p.cursor.GoTo({0, core_step, 0, row_core});
  const auto load = [&](int64_t i) {
    const int64_t part = i / tiles;
    if (i % tiles == 0) {
      const auto j = static_cast<size_t>(part % 2);
      const KPart& k = job.parts[static_cast<size_t>(part)];
      const DoubleBuffer& a = p.a.parts();
      p.a.LoadRows(k.first, k.k, a.at[j],
                   {.wait = {a.free[j]}, .signal = {a.full[j]}});
    }
    p.weights.LoadPart(p.cursor, p.weights[i], part, job.n_tile,
                       i % tiles * step);
  };
  // A part of A is loaded when the one before the last has been used.
  const int64_t ahead = std::min({count, job.plan.buffers, tiles + 1});
  for (int64_t i = 0; i < ahead; ++i) load(i);
  for (int64_t i = 0; i < count; ++i) {
    MultiplySideBySide(p, i, tiles);
    if (i + ahead < count) load(i + ahead);
  }
  for (int64_t t = 0; t < tiles; ++t) {
    const auto h = static_cast<size_t>(t % 2);
    p.cursor.GoTo({t * step, core_step, 0, row_core});
    p.out.LoadTail(p.cursor, h, job.n_tile);
    p.sums.Set(t);
    p.out.Scale(p.sums, p.a.row_scales(), h, 0, 0, job.n_tile);
    p.out.Finish(p.cursor, h, job.n_tile);
  }
  p.sums.Set(0);
  p.weights.Alternate(1);
}

}  // namespace triptych::npu
