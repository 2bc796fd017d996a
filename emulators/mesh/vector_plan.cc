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

Cost PlanVector(const Params& p, const VectorProblem& v) {
  const double bytes =
      static_cast<double>(TileBytes(v.format)) * p.tile_share();
  const VectorSpread spread = SpreadOf(p, v);
  const int64_t in = spread.in, out = spread.out, most = spread.most;
  const double cores = static_cast<double>(spread.cores);
  const auto share = [&](int64_t tiles) {
    return static_cast<double>(tiles) *
           static_cast<double>(CeilDiv(most, static_cast<int64_t>(cores))) /
           static_cast<double>(most);
  };

  Cost cost;
  cost.launch = p.launch_cycles;
  cost.unpack =
      share(in) * (bytes / p.unpack_bytes_per_cycle + p.unpack_tile_cycles);
  cost.pack =
      share(out) * (bytes / p.pack_bytes_per_cycle + p.pack_tile_cycles);
  // Operations an element, on all elements of a tile, valid or not.
  const double elements =
      std::max<double>(1, static_cast<double>(v.rows * v.cols));
  cost.sfpu = static_cast<double>(v.vector_flops) / elements * share(most) *
              static_cast<double>(kTileElements) * p.tile_share() /
              p.sfpu_lanes;
  cost.unpack_bytes = std::llround(static_cast<double>(in) * bytes);
  cost.pack_bytes = std::llround(static_cast<double>(out) * bytes);

  const double activations = static_cast<double>(in + out) * bytes;
  const bool in_l1 =
      activations <= static_cast<double>(p.l1_free() * p.cores());
  const double fetched =
      static_cast<double>(v.dram_read_bytes + v.dram_write_bytes) +
      (in_l1 ? 0.0 : activations);
  double move = 0;
  if (fetched > 0) {
    const double page =
        v.dram_page_bytes > 0 ? static_cast<double>(v.dram_page_bytes) : bytes;
    const double pages = std::ceil(fetched / page / cores);
    move = std::max({pages * p.dram_issue_cycles,
                     fetched / cores / p.noc_bytes_per_cycle,
                     fetched / p.dram_rate()});
    cost.fill = p.dram_latency_cycles;
    cost.dram_bytes = std::llround(fetched);
    cost.dram = fetched / p.dram_peak();
    cost.noc_bytes = cost.dram_bytes;
    cost.noc = fetched / cores / p.noc_bytes_per_cycle;
  }
  // Partial results of a row's cores meet at one of them and come back.
  const bool meets = v.reduces_rows && most > p.RowTiles(v.rows);
  const double meet = meets ? 2 * RoundTrip(p, true) : 0.0;
  if (meets) {
    const double partials = static_cast<double>(2 * most) * bytes;
    cost.noc_bytes += std::llround(partials);
    cost.noc += share(2 * most) * bytes / p.noc_bytes_per_cycle;
  }
  cost.total = cost.launch + cost.fill + meet +
               std::max({cost.unpack, cost.sfpu, cost.pack, cost.noc, move});
  return cost;
}

}  // namespace triptych::mesh
