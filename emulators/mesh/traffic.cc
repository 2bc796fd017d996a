// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/traffic.h"

#include <algorithm>
#include <map>
#include <utility>

#include "emulators/mesh/tile.h"

namespace triptych::mesh {
namespace {

// Router `index` along a side of `count`, from `from`, around the torus.
int64_t Ahead(int64_t from, int64_t to, int64_t count) {
  return (to - from + count) % count;
}

// The part of `all` that is piece `index` of those that `size` cuts it into.
int64_t Piece(int64_t all, int64_t size, int64_t index) {
  return std::min(size, all - index * size);
}

}  // namespace

// Sizes of a product in tiles, and how often each operand passes.
struct Flows::Operands {
  Operands(const MatmulProblem& problem, const MatmulPlan& plan)
      : mt(Tiles(problem.m)),
        nt(Tiles(problem.n)),
        kt(Tiles(problem.k)),
        a_bytes(static_cast<double>(TileBytes(problem.activations))),
        w_bytes(static_cast<double>(TileBytes(problem.weights))),
        a_passes(CeilDiv(plan.core_n, plan.block_n)),
        w_passes(CeilDiv(plan.core_m, plan.block_m)),
        in_dram(plan.placement == Placement::kDram) {}
  // Of `tiles` rows of A (columns of W), all passes together.
  double A(int64_t tiles) const {
    return static_cast<double>(tiles * kt * a_passes) * a_bytes;
  }
  double W(int64_t tiles) const {
    return static_cast<double>(tiles * kt * w_passes) * w_bytes;
  }
  static double Macs(int64_t tile_products) {
    return static_cast<double>(tile_products * kTileMacs);
  }

  int64_t mt, nt, kt;
  double a_bytes, w_bytes;
  int64_t a_passes, w_passes;
  bool in_dram;
};

Flows::Flows(const Params& params) : params_(params) {
  Traffic& t = traffic_;
  t.columns = std::max(params.noc_cols, params.grid_cols);
  t.rows = std::max(params.noc_rows, params.grid_rows);
  const auto routers = static_cast<size_t>(t.columns * t.rows);
  t.kinds.assign(routers, RouterKind::kRouter);
  for (auto* values : {&t.right, &t.down, &t.received, &t.macs}) {
    values->assign(routers, 0);
  }
  t.link = BytesPerSecond(params.noc_bytes_per_cycle * params.clock.value);
  PlaceBanks(params.dram_banks);
  const int64_t left = t.columns > params.grid_cols ? 1 : 0;
  const int64_t top = t.rows > params.grid_rows ? 1 : 0;
  for (int64_t row = 0; row < params.grid_rows; ++row) {
    for (int64_t column = 0; column < params.grid_cols; ++column) {
      cores_.push_back(
          static_cast<Router>((top + row) * t.columns + left + column));
      t.kinds[cores_.back()] = RouterKind::kTile;
    }
  }
}

void Flows::PlaceBanks(int64_t count) {
  const int64_t a_side = CeilDiv<int64_t>(count, 2);
  for (int64_t bank = 0; bank < count; ++bank) {
    const int64_t column = bank % 2 == 0 ? 0 : traffic_.columns - 1;
    const int64_t row = (2 * (bank / 2) + 1) * traffic_.rows / (2 * a_side);
    banks_.push_back(static_cast<Router>(row * traffic_.columns + column));
    traffic_.kinds[banks_.back()] = RouterKind::kDram;
  }
}

// ---- Transfers ----

template <class OnLink>
void Flows::Route(Router from, Router to, OnLink&& on_link) const {
  const auto columns = static_cast<size_t>(traffic_.columns);
  const auto rows = static_cast<size_t>(traffic_.rows);
  size_t column = from % columns, row = from / columns;
  while (column != to % columns) {
    on_link(/*down=*/false, row * columns + column);
    column = (column + 1) % columns;
  }
  while (row != to / columns) {
    on_link(/*down=*/true, row * columns + column);
    row = (row + 1) % rows;
  }
}

int64_t Flows::Hops(Router from, Router to) const {
  const auto a = static_cast<int64_t>(from), b = static_cast<int64_t>(to);
  const int64_t columns = traffic_.columns;
  return Ahead(a % columns, b % columns, columns) +
         Ahead(a / columns, b / columns, traffic_.rows);
}

void Flows::Unicast(Router from, Router to, double bytes) {
  Route(from, to, [&](bool down, Router at) {
    (down ? traffic_.down : traffic_.right)[at] += bytes;
  });
  traffic_.received[to] += bytes;
  traffic_.byte_hops += bytes * static_cast<double>(Hops(from, to));
}

void Flows::Multicast(Router from, std::span<const Router> to, double bytes) {
  std::vector<bool> right(traffic_.right.size()), down(traffic_.down.size());
  // A tree of such routes: a trunk along the source's row as far as the
  // furthest column, and down from it a branch as far as the furthest row.
  const int64_t columns = traffic_.columns;
  const auto source = static_cast<int64_t>(from);
  int64_t trunk = 0;
  std::map<int64_t, int64_t> branches;
  for (const Router router : to) {
    Route(from, router, [&](bool is_down, Router at) {
      (is_down ? down : right)[at] = true;
    });
    traffic_.received[router] += bytes;
    const auto receiver = static_cast<int64_t>(router);
    trunk =
        std::max(trunk, Ahead(source % columns, receiver % columns, columns));
    int64_t& branch = branches[receiver % columns];
    branch = std::max(
        branch, Ahead(source / columns, receiver / columns, traffic_.rows));
  }
  for (size_t i = 0; i < right.size(); ++i) {
    if (right[i]) traffic_.right[i] += bytes;
    if (down[i]) traffic_.down[i] += bytes;
  }
  int64_t links = trunk;
  for (const auto& [column, branch] : branches) links += branch;
  traffic_.byte_hops += bytes * static_cast<double>(links);
}

void Flows::ReadInterleaved(Router to, double bytes) {
  for (const Router bank : banks_) {
    Unicast(bank, to, bytes / static_cast<double>(banks_.size()));
  }
}

void Flows::WriteInterleaved(Router from, double bytes) {
  for (const Router bank : banks_) {
    Unicast(from, bank, bytes / static_cast<double>(banks_.size()));
  }
}

void Flows::MulticastFromEach(std::span<const Router> from,
                              std::span<const Router> to, double bytes) {
  for (const Router source : from) {
    Multicast(source, to, bytes / static_cast<double>(from.size()));
  }
}

void Flows::ReadAndMulticast(std::span<const Router> readers,
                             std::span<const Router> to, double bytes) {
  const double part = bytes / static_cast<double>(readers.size());
  for (const Router reader : readers) {
    ReadInterleaved(reader, part);
    std::vector<Router> others(to.begin(), to.end());
    std::erase(others, reader);
    Multicast(reader, others, part);
  }
}

// ---- Matrix products ----

void Flows::OnMatmul(const MatmulProblem& problem, const MatmulPlan& plan,
                     double times) {
  const Operands operands(problem, plan);
  if (plan.layout == Layout::kColumns) {
    Columns(plan, operands, times * repeat_);
  } else {
    Blocks2D(plan, operands, times * repeat_);
  }
}

void Flows::Blocks2D(const MatmulPlan& plan, const Operands& o, double times) {
  const int64_t rows = CeilDiv(o.mt, plan.core_m);
  const int64_t cols = CeilDiv(o.nt, plan.core_n);
  const auto at = [&](int64_t r, int64_t c) {
    return core(r * params_.grid_cols + c);
  };
  for (int64_t r = 0; r < rows; ++r) {
    std::vector<Router> receivers;
    for (int64_t c = 0; c < cols; ++c) receivers.push_back(at(r, c));
    const double bytes = o.A(Piece(o.mt, plan.core_m, r)) * times;
    if (o.in_dram) {
      ReadAndMulticast(receivers, receivers, bytes);
      continue;
    }
    // The cores of a row hold equal slices of K, those without a column of C
    // too.
    const int64_t slice = CeilDiv(o.kt, params_.grid_cols);
    for (int64_t c = 0; c * slice < o.kt; ++c) {
      const double part = static_cast<double>(Piece(o.kt, slice, c)) /
                          static_cast<double>(o.kt);
      Multicast(at(r, c), receivers, bytes * part);
    }
  }
  for (int64_t c = 0; c < cols; ++c) {
    std::vector<Router> receivers;
    for (int64_t r = 0; r < rows; ++r) receivers.push_back(at(r, c));
    const int64_t col_n = Piece(o.nt, plan.core_n, c);
    ReadAndMulticast(receivers, receivers, o.W(col_n) * times);
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t tiles = Piece(o.mt, plan.core_m, r) * col_n;
      traffic_.macs[at(r, c)] += Operands::Macs(tiles * o.kt) * times;
      if (!o.in_dram) continue;
      WriteInterleaved(at(r, c),
                       static_cast<double>(tiles) * o.a_bytes * times);
    }
  }
}

std::vector<std::pair<Router, Router>> Flows::CoresBesideBanks(
    int64_t count) const {
  std::vector<Router> free = cores_;
  std::vector<std::pair<Router, Router>> pairs;
  for (int64_t i = 0; i < count; ++i) {
    const Router beside = bank(i % static_cast<int64_t>(banks_.size()));
    const auto nearest = std::ranges::min_element(
        free, {}, [&](Router router) { return Hops(beside, router); });
    pairs.emplace_back(*nearest, beside);
    free.erase(nearest);
  }
  return pairs;
}

void Flows::Columns(const MatmulPlan& plan, const Operands& o, double times) {
  const auto pairs = CoresBesideBanks(CeilDiv(o.nt, plan.core_n));
  std::vector<Router> used;
  for (const auto& [router, beside] : pairs) used.push_back(router);
  if (o.in_dram) {
    ReadAndMulticast(used, used, o.A(o.mt) * times);
  } else {
    MulticastFromEach(used, used, o.A(o.mt) * times);
  }
  int64_t column = 0;
  for (const auto& [router, beside] : pairs) {
    const int64_t col_n = Piece(o.nt, plan.core_n, column++);
    Unicast(beside, router, o.W(col_n) * times);
    traffic_.macs[router] += Operands::Macs(o.mt * col_n * o.kt) * times;
    if (!o.in_dram) continue;
    WriteInterleaved(router,
                     static_cast<double>(o.mt * col_n) * o.a_bytes * times);
  }
}

// ---- Attention ----

void Flows::OnAttention(const AttentionProblem& problem,
                        const AttentionPlan& plan, double times) {
  plan.split_keys ? Decode(problem, plan, times * repeat_)
                  : Prefill(problem, plan, times * repeat_);
}

// What attention brings to each core and takes from it, of all heads
// together: heads are many, cores few.
struct Flows::CoreBytes {
  explicit CoreBytes(int64_t cores)
      : keys(static_cast<size_t>(cores)),
        queries(static_cast<size_t>(cores)),
        results(static_cast<size_t>(cores)) {}
  std::vector<double> keys, queries, results;
};

void Flows::Send(const CoreBytes& bytes) {
  const auto parts = static_cast<double>(cores_.size());
  for (size_t i = 0; i < cores_.size(); ++i) {
    if (bytes.keys[i] > 0) ReadInterleaved(cores_[i], bytes.keys[i]);
    if (bytes.queries[i] <= 0) continue;
    // Queries come from wherever they are kept; results go there.
    for (const Router other : cores_) {
      Unicast(other, cores_[i], bytes.queries[i] / parts);
      Unicast(cores_[i], other, bytes.results[i] / parts);
    }
  }
}

void Flows::Prefill(const AttentionProblem& a, const AttentionPlan& plan,
                    double times) {
  const auto query_tiles = static_cast<double>(Tiles(a.head_dim));
  const auto value_tiles = static_cast<double>(Tiles(a.v_dim));
  const double width = query_tiles + value_tiles;
  const double key_bytes =
      width * static_cast<double>(TileBytes(a.cache)) * times;
  const double row_bytes =
      static_cast<double>(TileBytes(a.activations)) * times;
  const int64_t qt = Tiles(a.queries), kt = Tiles(a.keys);
  const int64_t chunks = CeilDiv(qt, plan.q_chunk);
  const bool shared = plan.cores_a_head > 1;
  const int64_t cores_a_head = shared ? plan.cores_a_head : chunks;
  CoreBytes bytes(params_.cores());
  // By the first of a head's cores: key tiles that pass them.
  std::map<int64_t, double> passed;
  for (int64_t head = 0; head < a.batch * a.heads; ++head) {
    const int64_t first = head * chunks % params_.cores();
    for (int64_t chunk = 0; chunk < chunks; ++chunk) {
      const int64_t rows = Piece(qt, plan.q_chunk, chunk);
      const auto keys = static_cast<double>(
          KeyTilesSeen(a, chunk * plan.q_chunk, rows, plan.k_chunk));
      const auto height = static_cast<double>(rows);
      const auto i =
          static_cast<size_t>((first + chunk % cores_a_head) % params_.cores());
      if (shared) {
        passed[first] += keys;
      } else {
        bytes.keys[i] += keys * key_bytes;
      }
      bytes.queries[i] += height * query_tiles * row_bytes;
      bytes.results[i] += height * value_tiles * row_bytes;
      traffic_.macs[cores_[i]] +=
          height * keys * width * static_cast<double>(kTileMacs) * times;
    }
  }
  Send(bytes);
  if (!shared) return;
  // All heads are alike.
  double of_head = 0;
  for (const auto& [first, keys] : passed) of_head += keys;
  of_head /= static_cast<double>(a.batch * a.heads);
  const double read_share = std::max(1 / static_cast<double>(cores_a_head),
                                     static_cast<double>(kt) / of_head);
  for (const auto& [first, keys] : passed) {
    ShareKeys(first, cores_a_head, keys * key_bytes, read_share);
  }
}

void Flows::ShareKeys(int64_t first, int64_t count, double bytes,
                      double read_share) {
  std::vector<Router> head_cores;
  for (int64_t i = 0; i < count; ++i) {
    head_cores.push_back(core((first + i) % params_.cores()));
  }
  const auto sharing = static_cast<double>(count);
  const double read = bytes * read_share;
  const double sent = (bytes - read) / (sharing - 1);
  for (const Router reader : head_cores) {
    ReadInterleaved(reader, read / sharing);
    std::vector<Router> others = head_cores;
    std::erase(others, reader);
    Multicast(reader, others, sent / sharing);
  }
}

void Flows::Decode(const AttentionProblem& a, const AttentionPlan& plan,
                   double times) {
  const auto query_tiles = static_cast<double>(Tiles(a.head_dim));
  const auto value_tiles = static_cast<double>(Tiles(a.v_dim));
  const double width = query_tiles + value_tiles;
  const auto rows =
      static_cast<double>(Tiles(a.queries * (a.heads / a.kv_heads)));
  const double keys = static_cast<double>(Tiles(a.keys)) /
                      static_cast<double>(plan.cores_a_head);
  const double key_bytes =
      width * static_cast<double>(TileBytes(a.cache)) * times;
  const double row_bytes =
      static_cast<double>(TileBytes(a.activations)) * times;
  CoreBytes bytes(params_.cores());
  for (int64_t group = 0; group < a.batch * a.kv_heads; ++group) {
    const int64_t first = group * plan.cores_a_head;
    for (int64_t part = 0; part < plan.cores_a_head; ++part) {
      const auto i = static_cast<size_t>((first + part) % params_.cores());
      bytes.keys[i] += keys * key_bytes;
      traffic_.macs[cores_[i]] +=
          rows * keys * width * static_cast<double>(kTileMacs) * times;
    }
    const auto leader = static_cast<size_t>(first % params_.cores());
    bytes.queries[leader] += rows * query_tiles * row_bytes;
    bytes.results[leader] += rows * value_tiles * row_bytes;
  }
  Send(bytes);
}

// ---- Everything else ----

void Flows::OnVector(const VectorProblem& v, const Cost& cost, double times) {
  times *= repeat_;
  const VectorSpread spread = SpreadOf(params_, v);
  const auto share = 1 / static_cast<double>(spread.cores);
  // Activations that do not fit L1 come from DRAM and go back.
  const auto through_dram = static_cast<double>(
      cost.dram_bytes - v.dram_read_bytes - v.dram_write_bytes);
  const int64_t tiles = std::max<int64_t>(1, spread.in + spread.out);
  const double incoming = through_dram * static_cast<double>(spread.in) /
                          static_cast<double>(tiles);
  const double read = static_cast<double>(v.dram_read_bytes) + incoming;
  const double written = static_cast<double>(cost.dram_bytes) - read;
  const auto partials = static_cast<double>(cost.noc_bytes - cost.dram_bytes);
  for (int64_t i = 0; i < spread.cores; ++i) {
    if (read > 0) ReadInterleaved(core(i), read * share * times);
    if (written > 0) WriteInterleaved(core(i), written * share * times);
    if (partials <= 0) continue;
    const Router meet = core(i / params_.grid_cols * params_.grid_cols);
    Unicast(core(i), meet, partials / 2 * share * times);
    Unicast(meet, core(i), partials / 2 * share * times);
  }
}

Traffic TrafficOf(const Params& params, const Fold& fold,
                  const Binding& binding) {
  Flows flows(params);
  const Sharding sharding(fold.graph(), params.ways());
  for (const Fold::Part& part : fold.parts()) {
    flows.set_repeat(static_cast<double>(part.times));
    CostOf(params, fold.graph(), *part.placed.node, binding, sharding, &flows);
  }
  return flows.traffic();
}

}  // namespace triptych::mesh
