// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/matmul_plan.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <tuple>
#include <vector>

#include "emulators/mesh/noc.h"
#include "emulators/mesh/tile.h"
#include "kernels/base/check.h"

namespace triptych::mesh {
namespace {

// What a layout fixes before block sizes are chosen.
struct Division {
  Layout layout;
  int64_t core_m, core_n;        // tiles of C on the busiest core
  int64_t a_streams, w_streams;  // distinct blocks of A and W in one step
  int64_t cores;                 // that have work
  int64_t most_k;                // tiles of K that a step may take
  int64_t k_tiles;               // of one core: of all K, or of its part
  int64_t k_parts = 1;           // cores that divide K
};

Division Divide(const Params& p, const MatmulProblem& problem, Layout layout) {
  const int64_t mt = p.RowTiles(problem.m), nt = Tiles(problem.n);
  const int64_t kt = Tiles(problem.k);
  if (layout == Layout::kColumns) {
    const int64_t cores =
        problem.resident
            ? p.cores()
            : std::min(p.cores(), p.dram_banks * p.dram_readers_per_bank);
    const int64_t core_n = CeilDiv(nt, cores);
    const int64_t columns = CeilDiv(nt, core_n);
    const int64_t parts =
        problem.resident ? std::clamp<int64_t>(cores / columns, 1, kt) : 1;
    const int64_t k_tiles = CeilDiv(kt, parts);
    return {layout,          mt,      core_n,  1,    columns,
            columns * parts, k_tiles, k_tiles, parts};
  }
  const int64_t core_m = CeilDiv(mt, p.grid_rows);
  const int64_t core_n = CeilDiv(nt, p.grid_cols);
  const int64_t rows = CeilDiv(mt, core_m), cols = CeilDiv(nt, core_n);
  // The cores of a row hold equal slices of A's columns; a step multicasts
  // (a part of) one slice.
  return {
      layout, core_m, core_n, rows, cols, rows * cols, CeilDiv(kt, p.grid_cols),
      kt};
}

// A part of the output block that fits Dst. An operand of its shorter side
// stays in its register while the other's tiles pass by.
struct Subblock {
  int64_t m = 1, n = 1;
  // Tiles that one operand, and the other, take through the unpackers for
  // each tile product of the block; the last subblocks may be short.
  struct Unpacked {
    double passing, staying;
    double all() const { return passing + staying; }
  };
  Unpacked In(int64_t block_m, int64_t block_n) const {
    const int64_t longer = std::max(m, n);
    const int64_t side = n >= m ? block_n : block_m;
    return {1.0, static_cast<double>(CeilDiv(side, longer)) /
                     static_cast<double>(side)};
  }
  bool a_stays() const { return n >= m; }
};

// The one for which the fewest tiles are unpacked.
Subblock BestSubblock(const Params& p, int64_t block_m, int64_t block_n) {
  const int64_t most =
      p.dst == "f32" ? std::max<int64_t>(1, p.dst_tiles / 2) : p.dst_tiles;
  Subblock best;
  for (int64_t m = 1; m <= std::min(most, block_m); ++m) {
    for (int64_t n = 1; n <= std::min(most / m, block_n); ++n) {
      const Subblock s{m, n};
      if (s.In(block_m, block_n).all() < best.In(block_m, block_n).all()) {
        best = s;
      }
    }
  }
  return best;
}

// Times of one step on the busiest core.
struct StepTimes {
  double unpack = 0, multiply = 0, pack = 0;  // compute threads
  double a = 0, w = 0;                        // an operand's way into all L1s
  double dram = 0;                            // of all cores' reads
  double noc = 0;                             // data into one core's L1
  double compute() const { return std::max({unpack, multiply, pack}); }
  double fetch() const { return std::max({a, w, dram}); }
};

// One problem in one division: sizes, times and counts of any plan for it.
class Timing {
 public:
  Timing(const Params& params, const MatmulProblem& problem,
         const Division& division)
      : p_(params),
        problem_(problem),
        d_(division),
        in_dram_(problem.placement == Placement::kDram),
        columns_(division.layout == Layout::kColumns),
        resident_(problem.resident),
        a_bytes_(static_cast<double>(TileBytes(problem.activations)) *
                 params.tile_share()),
        w_bytes_(static_cast<double>(TileBytes(problem.weights))) {}

  // L1 of one core: shards that stay, the output block, and two of each
  // operand's step. Partial sums share the output's buffer.
  int64_t L1Bytes(const MatmulPlan& plan) const {
    const auto a = static_cast<int64_t>(a_bytes_);
    const int64_t w = TileBytes(problem_.weights);
    int64_t buffers = 2 * plan.k_block * plan.block_m * a;
    buffers +=
        (resident_ ? d_.core_n * d_.k_tiles : 2 * plan.k_block * plan.block_n) *
        w;
    if (in_dram_) return buffers + plan.block_m * plan.block_n * a;
    const int64_t all_a = p_.RowTiles(problem_.m) * Tiles(problem_.k);
    const int64_t shard =
        columns_ ? CeilDiv(all_a, d_.cores) : d_.core_m * d_.most_k;
    return buffers + (shard + d_.core_m * d_.core_n) * a;
  }

  Cost Total(const MatmulPlan& plan) const {
    const int64_t steps = CeilDiv(d_.k_tiles, plan.k_block);
    const int64_t blocks =
        CeilDiv(d_.core_m, plan.block_m) * CeilDiv(d_.core_n, plan.block_n);
    StepTimes t = Fetch(plan);
    Compute(plan, steps == 1, t);
    const double step = std::max(t.compute(), t.fetch());
    const auto all_steps = static_cast<double>(blocks * steps);

    Cost cost;
    Count(plan, steps, cost);
    cost.launch = p_.launch_cycles;
    cost.fill =
        t.fetch() + (columns_ && !resident_ ? p_.dram_latency_cycles : 0.0);
    cost.tail = WriteTail(plan);
    cost.total = cost.launch + cost.fill + (all_steps - 1) * step +
                 t.compute() +
                 WriteStalls(plan, blocks, static_cast<double>(steps) * step) +
                 Merge(plan) + cost.tail;
    // Writes hide behind steps, but not behind reads of the same banks.
    if (cost.dram_bytes > 0) {
      cost.total =
          std::max(cost.total,
                   cost.launch + p_.dram_latency_cycles +
                       static_cast<double>(cost.dram_bytes) / p_.dram_rate());
    }
    cost.unpack = all_steps * t.unpack;
    cost.fpu = all_steps * t.multiply;
    cost.pack = all_steps * t.pack;
    cost.noc = all_steps * std::max({t.noc, t.a, t.w});
    cost.dram = static_cast<double>(cost.dram_bytes) / p_.dram_peak();
    return cost;
  }

 private:
  // Bytes through the unpackers for each tile product.
  double UnpackedBytes(const MatmulPlan& plan) const {
    const Subblock sub{plan.subblock_m, plan.subblock_n};
    const auto tiles = sub.In(plan.block_m, plan.block_n);
    return sub.a_stays() ? tiles.passing * w_bytes_ + tiles.staying * a_bytes_
                         : tiles.passing * a_bytes_ + tiles.staying * w_bytes_;
  }

  // Both operands of one step, from where they are into every core.
  StepTimes Fetch(const MatmulPlan& plan) const {
    const auto k = static_cast<double>(plan.k_block);
    const double a_tiles = static_cast<double>(plan.block_m) * k;
    const double w_tiles = static_cast<double>(plan.block_n) * k;
    const double a = a_tiles * a_bytes_, w = w_tiles * w_bytes_;
    StepTimes t;
    t.a = MulticastCycles(p_, a);
    if (in_dram_) t.a += ReadPagesCycles(p_, a_tiles, a_bytes_);
    if (resident_) {
      t.noc = a / p_.noc_multicast_bytes_per_cycle;
      t.dram = in_dram_ ? a / p_.dram_rate() : 0.0;
      return t;
    }
    if (columns_) {
      // Large pages with two transactions in flight: neither issue nor
      // latency shows after the first. Readers of one bank share its rate.
      const auto readers = static_cast<double>(
          CeilDiv(d_.cores, std::min(p_.dram_banks, d_.cores)));
      const double bank_rate =
          p_.dram_rate() / static_cast<double>(p_.dram_banks);
      t.w = std::max(w / p_.noc_bytes_per_cycle, readers * w / bank_rate);
    } else {
      t.w = MulticastCycles(p_, w) + ReadPagesCycles(p_, w_tiles, w_bytes_);
    }
    t.noc = std::max(a / p_.noc_multicast_bytes_per_cycle,
                     w / (columns_ ? p_.noc_bytes_per_cycle
                                   : p_.noc_multicast_bytes_per_cycle));
    const double a_read =
        in_dram_ ? static_cast<double>(d_.a_streams) * a : 0.0;
    t.dram = (static_cast<double>(d_.w_streams) * w + a_read) / p_.dram_rate();
    return t;
  }

  // The three compute threads of a core in one step.
  void Compute(const MatmulPlan& plan, bool only_step, StepTimes& t) const {
    const auto out = static_cast<double>(plan.block_m * plan.block_n);
    const auto products = out * static_cast<double>(plan.k_block);
    const Subblock sub{plan.subblock_m, plan.subblock_n};
    t.unpack = products * (UnpackedBytes(plan) / p_.unpack_bytes_per_cycle +
                           sub.In(plan.block_m, plan.block_n).all() *
                               p_.unpack_tile_cycles);
    t.multiply = products * TileProductCycles(p_, problem_.phases);
    t.pack = out * (a_bytes_ / p_.pack_bytes_per_cycle + p_.pack_tile_cycles);
    if (only_step) return;
    // Partial sums come back into Dst.
    t.unpack +=
        out * (a_bytes_ / p_.unpack_bytes_per_cycle + p_.unpack_reload_cycles);
    t.multiply += out * p_.fpu_reload_cycles;
  }

  // Sums of the cores that divide K: a partner's block a level, added.
  double Merge(const MatmulPlan& plan) const {
    const double levels = std::ceil(std::log2(static_cast<double>(d_.k_parts)));
    const auto out = static_cast<double>(plan.block_m * plan.block_n);
    return levels *
           (RoundTrip(p_, true) + out * a_bytes_ / p_.noc_bytes_per_cycle +
            out * (a_bytes_ / p_.unpack_bytes_per_cycle + p_.fpu_reload_cycles +
                   p_.pack_tile_cycles));
  }

  // One output block of every core on its way to DRAM. All cores start with
  // the same banks, and a write turns the bus around: less than reads get.
  double WriteCycles(const MatmulPlan& plan) const {
    const auto out = static_cast<double>(plan.block_m * plan.block_n);
    return std::max(
        out * std::max(p_.dram_issue_cycles, a_bytes_ / p_.noc_bytes_per_cycle),
        static_cast<double>(d_.cores) * out * a_bytes_ / p_.dram_write_rate());
  }

  // What writing adds to a block's steps where its successor's do not hide it.
  double WriteStalls(const MatmulPlan& plan, int64_t blocks,
                     double block_time) const {
    if (!in_dram_) return 0;
    return static_cast<double>(blocks - 1) *
           std::max(0.0, WriteCycles(plan) - block_time);
  }

  // The last block. Measured, none of it hides behind the block's own compute
  // (wall time less device cycles of matmul.csv).
  double WriteTail(const MatmulPlan& plan) const {
    if (!in_dram_) return 0;
    return WriteCycles(plan) + p_.dram_latency_cycles;
  }

  // Every output block needs its rows of A and its columns of W once.
  void Count(const MatmulPlan& plan, int64_t steps, Cost& cost) const {
    const int64_t mt = p_.RowTiles(problem_.m), nt = Tiles(problem_.n);
    const int64_t kt = Tiles(problem_.k);
    const int64_t a_tiles = mt * kt * CeilDiv(d_.core_n, plan.block_n);
    const int64_t w_tiles = nt * kt * CeilDiv(d_.core_m, plan.block_m);
    const double a_read = static_cast<double>(a_tiles) * a_bytes_;
    const double w_read =
        resident_ ? 0.0 : static_cast<double>(w_tiles) * w_bytes_;
    const double out = static_cast<double>(mt * nt) * a_bytes_;
    const double through_dram = in_dram_ ? out : 0.0;
    cost.dram_bytes =
        std::llround(w_read + (in_dram_ ? a_read : 0.0) + through_dram);
    const double w_copies = columns_ ? 1.0 : static_cast<double>(d_.a_streams);
    cost.noc_bytes = std::llround(a_read * static_cast<double>(d_.w_streams) +
                                  w_read * w_copies + through_dram);
    cost.unpack_bytes =
        std::llround(static_cast<double>(mt * nt * kt) * UnpackedBytes(plan) +
                     out * static_cast<double>(steps - 1));
    cost.pack_bytes = std::llround(out * static_cast<double>(steps));
    cost.macs = mt * nt * kt * kTileMacs * p_.tile_rows / kTile;
  }

  const Params& p_;
  const MatmulProblem& problem_;
  const Division& d_;
  const bool in_dram_, columns_, resident_;
  const double a_bytes_, w_bytes_;
};

// A way to cut a core's part of C.
struct Cut {
  int64_t blocks, block_m, block_n;
};

// Whole, halves, thirds, ... along both sides; fewest blocks first.
std::vector<Cut> Cuts(int64_t core_m, int64_t core_n) {
  const auto sizes = [](int64_t side) {
    std::vector<int64_t> sizes;
    for (int64_t parts = 1; parts <= side; ++parts) {
      const int64_t size = CeilDiv(side, parts);
      if (sizes.empty() || size != sizes.back()) sizes.push_back(size);
    }
    return sizes;
  };
  std::vector<Cut> cuts;
  for (const int64_t m : sizes(core_m)) {
    for (const int64_t n : sizes(core_n)) {
      cuts.push_back({CeilDiv(core_m, m) * CeilDiv(core_n, n), m, n});
    }
  }
  // Not a stable sort: clang takes offence at libstdc++ 12's.
  std::ranges::sort(cuts, {}, [](const Cut& c) {
    return std::tuple(c.blocks, c.block_m, c.block_n);
  });
  return cuts;
}

// K blocks: those that divide the slice of K that a step may take.
std::vector<int64_t> KBlocks(int64_t slice) {
  std::vector<int64_t> sizes;
  for (int64_t size = 1; size <= slice; ++size) {
    if (slice % size == 0) sizes.push_back(size);
  }
  return sizes;
}

// Of the plans with the fewest output blocks that fit, the fastest. Steps
// take at least `least_k` tiles of K, or all there is.
std::optional<MatmulPlan> Search(const Params& p, const Timing& timing,
                                 const Division& d, Placement placement,
                                 int64_t least_k) {
  const std::vector<int64_t> k_blocks = KBlocks(d.most_k);
  std::optional<MatmulPlan> best;
  int64_t best_blocks = 0;
  for (const Cut& cut : Cuts(d.core_m, d.core_n)) {
    if (best && cut.blocks > best_blocks) break;
    const Subblock sub = BestSubblock(p, cut.block_m, cut.block_n);
    for (const int64_t k_block : k_blocks) {
      if (k_block < std::min(least_k, d.most_k)) continue;
      MatmulPlan plan{d.layout,    d.core_m, d.core_n, cut.block_m,
                      cut.block_n, k_block,  sub.m,    sub.n};
      plan.placement = placement;
      plan.l1_bytes = timing.L1Bytes(plan);
      if (plan.l1_bytes > p.l1_free()) continue;
      plan.cost = timing.Total(plan);
      if (best && plan.cost.total >= best->cost.total) continue;
      best = plan;
      best_blocks = cut.blocks;
    }
  }
  return best;
}

}  // namespace

int64_t ResidentCoreBytes(const Params& p, const MatmulProblem& problem) {
  const Division d = Divide(p, problem, Layout::kColumns);
  return d.core_n * d.k_tiles * TileBytes(problem.weights);
}

double TileProductCycles(const Params& p, int phases) {
  return phases * (static_cast<double>(kTileMacs) * p.tile_share() /
                       p.fpu_macs_per_cycle +
                   p.fpu_phase_cycles);
}

// A block is only split when it has to be. Measured schedules do not split
// for speed either, although this model says that it would hide the last
// block's results: trying all splits raised the error over matmul.csv from
// 3.5 % to 4.8 %.
std::optional<MatmulPlan> PlanLayout(const Params& p,
                                     const MatmulProblem& problem,
                                     Layout layout) {
  TRIPTYCH_CHECK(problem.m > 0 && problem.k > 0 && problem.n > 0, "m",
                 problem.m, "k", problem.k, "n", problem.n);
  const Division division = Divide(p, problem, layout);
  const Timing timing(p, problem, division);
  const Placement placement = problem.placement;
  const auto plan = Search(p, timing, division, placement, p.min_k_block);
  return plan ? plan : Search(p, timing, division, placement, 1);
}

MatmulPlan PlanMatmul(const Params& p, MatmulProblem problem) {
  if (problem.resident && !PlanLayout(p, problem, Layout::kColumns)) {
    problem.resident = false;  // streamed like any other
  }
  for (const Placement placement : {problem.placement, Placement::kDram}) {
    problem.placement = placement;
    std::optional<MatmulPlan> best;
    for (const Layout layout : {Layout::kBlocks2D, Layout::kColumns}) {
      if (problem.resident && layout != Layout::kColumns) continue;
      const auto plan = PlanLayout(p, problem, layout);
      if (plan && (!best || plan->cost.total < best->cost.total)) best = plan;
    }
    if (best) return *best;
  }
  TRIPTYCH_CHECK(false, "no plan fits L1 bytes", p.l1_free(), "m", problem.m,
                 "k", problem.k, "n", problem.n);
  std::abort();
}

}  // namespace triptych::mesh
