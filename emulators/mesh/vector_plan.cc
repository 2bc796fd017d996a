// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/vector_plan.h"

#include <algorithm>
#include <cmath>

#include "emulators/mesh/noc.h"
#include "emulators/mesh/tile.h"

namespace triptych::mesh {
namespace {

// Tiles that hold `elements` of a matrix with this many rows: short matrices
// fill their tiles only in part.
int64_t TilesHolding(const Params& p, int64_t elements, int64_t rows) {
  const int64_t cols = CeilDiv(elements, std::max<int64_t>(rows, 1));
  return p.RowTiles(rows) * Tiles(cols);
}

}  // namespace

VectorSpread SpreadOf(const Params& p, const VectorProblem& v) {
  VectorSpread spread{.in = TilesHolding(p, v.in_elements, v.rows),
                      .out = TilesHolding(p, v.out_elements, v.rows)};
  spread.most = std::max<int64_t>({spread.in, spread.out, 1});
  spread.cores = std::min(spread.most, p.cores());
  return spread;
}

namespace {

// Of the busiest core.
struct Work {
  VectorTimes engine;
  bool meets = false;     // its rows are others' as well
  double first_part = 0;  // of its tiles, those of the first row or step
};

Work WorkOf(const Params& p, const VectorProblem& v, const VectorSpread& s,
            double bytes) {
  const int64_t mine = CeilDiv(s.most, s.cores);
  const int64_t row_tiles = p.RowTiles(v.rows);
  Work work{.meets = v.reduces_rows && s.most > row_tiles};
  if (v.program == nullptr) {
    const auto share = [&](int64_t tiles) {
      return static_cast<double>(tiles * mine) / static_cast<double>(s.most);
    };
    VectorTimes& t = work.engine;
    t.unpack =
        share(s.in) * (bytes / p.unpack_bytes_per_cycle + p.unpack_tile_cycles);
    t.pack =
        share(s.out) * (bytes / p.pack_bytes_per_cycle + p.pack_tile_cycles);
    // Operations an element, on all elements of a tile, valid or not.
    const double elements =
        std::max<double>(1, static_cast<double>(v.rows * v.cols));
    t.sfpu = static_cast<double>(v.vector_flops) / elements * share(s.most) *
             static_cast<double>(kTileElements) * p.tile_share() / p.sfpu_lanes;
    t.total = std::max({t.unpack, t.sfpu, t.pack});
    work.first_part = 1 / static_cast<double>(mine);
    return work;
  }
  // A program goes by its results. Whole rows a core, unless that leaves the
  // busiest one more to do.
  const int64_t tiles = std::max<int64_t>(1, s.out);
  const int64_t part = CeilDiv(tiles, s.cores);
  const int64_t cols = CeilDiv(tiles, row_tiles);
  const int64_t rows = CeilDiv(row_tiles, s.cores);
  const bool whole = v.reduces_rows && rows * cols <= part;
  work.meets = work.meets && !whole;
  work.engine = TimesOf(p, *v.program, whole ? cols : part, bytes);
  if (whole) work.engine *= static_cast<double>(rows);
  const int64_t first =
      v.program->rows ? cols : int64_t{v.program->stages.front().step};
  work.first_part =
      std::min(1.0, static_cast<double>(first) / static_cast<double>(part));
  return work;
}

// What DRAM's part of it takes: a core reads over one NoC and writes over the
// other, in pages, each of which has a header. Together they get what one
// interface of each bank gives, and what the links of their columns carry.
struct Stream {
  double bytes = 0;
  double Cycles(const Params& p, double page, double cores) const {
    const double pages = std::ceil(bytes / page / cores);
    const double header = static_cast<double>(p.noc_flit_bytes);
    const double together = std::min(
        static_cast<double>(p.dram_banks) * p.dram_bank_bytes_per_cycle,
        static_cast<double>(p.grid_cols) * p.noc_link_bytes_per_cycle);
    return std::max({pages * p.dram_issue_cycles,
                     bytes / cores / p.noc_bytes_per_cycle,
                     bytes * (1 + header / page) / together});
  }
};

}  // namespace

Cost PlanVector(const Params& p, const VectorProblem& v) {
  const double bytes =
      static_cast<double>(TileBytes(v.format)) * p.tile_share();
  const VectorSpread spread = SpreadOf(p, v);
  const auto cores = static_cast<double>(spread.cores);
  const Work work = WorkOf(p, v, spread, bytes);
  const VectorTimes& engine = work.engine;

  Cost cost;
  cost.launch = p.launch_cycles;
  cost.unpack = engine.unpack;
  cost.fpu = engine.fpu;
  cost.sfpu = engine.sfpu;
  cost.pack = engine.pack;
  cost.unpack_bytes = std::llround(static_cast<double>(spread.in) * bytes);
  cost.pack_bytes = std::llround(static_cast<double>(spread.out) * bytes);

  const double activations =
      static_cast<double>(spread.in + spread.out) * bytes;
  const bool in_dram =
      v.placement == Placement::kDram ||
      activations > static_cast<double>(p.l1_free() * p.cores());
  Stream read{static_cast<double>(v.dram_read_bytes)};
  Stream written{static_cast<double>(v.dram_write_bytes)};
  if (in_dram) {
    read.bytes += static_cast<double>(spread.in) * bytes;
    written.bytes += static_cast<double>(spread.out) * bytes;
  }
  const double moved = read.bytes + written.bytes;
  double reading = 0, move = 0;
  if (moved > 0) {
    const double page =
        v.dram_page_bytes > 0 ? static_cast<double>(v.dram_page_bytes) : bytes;
    reading = read.Cycles(p, page, cores);
    move = std::max(
        {reading, written.Cycles(p, page, cores), moved / p.dram_rate()});
    cost.fill = p.dram_latency_cycles;
    cost.dram_bytes = std::llround(moved);
    cost.dram = moved / p.dram_peak();
    cost.noc_bytes = cost.dram_bytes;
    cost.noc = moved / cores / p.noc_bytes_per_cycle;
  }
  // The first stage takes its operands as they come, and ends with the last;
  // the last results go to DRAM.
  double first = 0;
  if (in_dram) {
    first = std::max(0.0, reading * work.first_part - engine.first);
    cost.tail = bytes / p.pack_bytes_per_cycle + p.pack_tile_cycles +
                p.dram_latency_cycles;
  }
  // Partial results of a row's cores meet at one of them and come back.
  double meet = 0;
  if (work.meets) {
    meet = 2 * RoundTrip(p, true);
    const double partials = static_cast<double>(2 * spread.most) * bytes;
    cost.noc_bytes += std::llround(partials);
    cost.noc += partials / cores / p.noc_bytes_per_cycle;
  }
  cost.total = cost.launch + cost.fill + meet + cost.tail +
               std::max({first + engine.total, cost.noc, move});
  return cost;
}

}  // namespace triptych::mesh
