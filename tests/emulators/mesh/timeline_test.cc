// Persistent programs: what overlaps, what stays in L1, and a stream that
// every chip holds.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/timeline.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "emulators/mesh/lower.h"
#include "emulators/mesh/sharding.h"
#include "emulators/mesh/tile.h"
#include "emulators/target.h"
#include "models/build/build.h"
#include "models/ops/op.h"
#include "models/presets/presets.h"

namespace triptych::mesh {
namespace {

Params ParamsOf(const std::string& preset) {
  const auto source = ReadTarget(preset);
  REQUIRE_MESSAGE(source.has_value(), source.error().message);
  Params params;
  REQUIRE(LoadParams(source->config, params).has_value());
  return params;
}

Graph Model(const std::string& preset, int64_t layers, int64_t dense = 0) {
  auto config = PresetByName(preset);
  REQUIRE(config.has_value());
  config->layers = layers;
  config->moe.dense_layers = dense;
  auto graph = BuildGraph(*config);
  REQUIRE_MESSAGE(graph.has_value(), graph.error().message);
  return std::move(*graph);
}

const Share& ShareOf(const Graph& graph, const Sharding& sharding,
                     const std::string& name) {
  for (const Node& node : graph.nodes()) {
    if (node.name == name) return sharding.Of(node.id);
  }
  FAIL("no node " << name);
  return sharding.Of(0);
}

// From when on a part serves an operator, and for how long.
struct Span {
  double from, busy;
};

void CheckApart(std::vector<Span> spans) {
  std::ranges::sort(spans, {}, &Span::from);
  for (size_t i = 1; i < spans.size(); ++i) {
    CHECK(spans[i].from >= spans[i - 1].from + spans[i - 1].busy - 1e-6);
  }
}

}  // namespace

TEST_CASE("mesh timeline: branches overlap, what they share does not") {
  const Params p = ParamsOf("mesh:blackhole-blitz");
  const Graph graph = Model("deepseek-v3", 1);
  const Entry& entry = *graph.FindEntry(Phase::kDecode);
  const Binding binding{1, 1, 4096};
  Sharding sharding(graph, p.ways());
  CHECK(sharding.Keep(p) == 0);
  const Timeline timeline(p, graph, entry, binding, sharding);

  // The slow twin: every pair of operators, every input.
  std::vector<Span> grid, dram;
  std::vector<double> ready(graph.values().size());
  double one_by_one = 0, adds = 0;
  for (const Node& node : graph.NodesOf(entry)) {
    const Timeline::Slot& slot = timeline.Of(node.id);
    for (const ValueId input : node.inputs) CHECK(slot.begin >= ready[input]);
    ready[node.output] = slot.end;
    const double launched = slot.begin + slot.cost.launch;
    grid.push_back({launched + slot.cost.fill, slot.cost.computing()});
    if (slot.cost.dram > 0) dram.push_back({launched, slot.cost.dram});
    one_by_one += slot.cost.span();
    adds += slot.adds();
  }
  CheckApart(grid);
  CheckApart(dram);
  CHECK(adds == doctest::Approx(timeline.end()));
  CHECK(timeline.end() < 0.97 * one_by_one);
  double work = 0;
  for (const Span& span : grid) work += span.busy;
  CHECK(timeline.end() >= work);
}

TEST_CASE("mesh timeline: a part is busy for one operator at a time") {
  for (const std::string preset :
       {"mesh:blackhole-blitz", "mesh:wormhole-galaxy"}) {
    const Params p = ParamsOf(preset);
    const Graph graph =
        p.persistent() ? Model("deepseek-v3", 1) : Model("llama-3.2-1b", 3);
    Sharding sharding(graph, p.ways());
    sharding.Keep(p);
    const Timeline timeline(p, graph, *graph.FindEntry(Phase::kDecode),
                            {8, 1, 256}, sharding);
    std::vector<Span> launch, noc, dram, ethernet;
    double read = 0, busy = 0;
    for (const Node& node : graph.nodes()) {
      const Timeline::Slot& slot = timeline.Of(node.id);
      const auto add = [&](std::vector<Span>& to, Busy::Interval when) {
        CHECK(when.from <= when.to);
        CHECK(slot.begin + when.to <= slot.end + 1e-6);
        CHECK(slot.begin + when.from >= -1e-6);
        if (when.from < when.to) {
          to.push_back({slot.begin + when.from, when.to - when.from});
        }
      };
      add(launch, slot.busy.launch);
      add(noc, slot.busy.noc);
      add(dram, slot.busy.dram);
      add(ethernet, slot.busy.ethernet);
      read += slot.cost.dram;
      busy += slot.busy.dram.to - slot.busy.dram.from;
    }
    for (const auto& spans : {launch, noc, dram, ethernet}) CheckApart(spans);
    CHECK(busy > 0.9 * read);
  }
}

TEST_CASE("mesh timeline: weights that are read ahead hide, within bounds") {
  Params p = ParamsOf("mesh:wormhole-galaxy");
  const Graph graph = Model("llama-3.2-1b", 4);
  const Entry& entry = *graph.FindEntry(Phase::kDecode);
  const Binding binding{32, 1, 128};
  const Sharding sharding(graph, p.ways());
  const double ahead = Timeline(p, graph, entry, binding, sharding).end();
  double read = 0;
  for (const Node& node : graph.NodesOf(entry)) {
    read += CostOf(p, graph, node, binding, sharding).ahead;
  }
  CHECK(read > 0);
  CHECK(ahead >= read);
  // With a hundredth of the bandwidth DRAM is all that counts.
  p.dram_gb_per_s /= 100;
  const double starved = Timeline(p, graph, entry, binding, sharding).end();
  CHECK(starved >= 100 * read);
  CHECK(starved < 110 * read + ahead);
  p.dram_gb_per_s *= 100;
  p.resident = "none";
  CHECK(Timeline(p, graph, entry, binding, sharding).end() > ahead);
}

TEST_CASE("mesh residency: weights stay in L1 while there is room") {
  Params p = ParamsOf("mesh:blackhole-blitz");
  const Graph graph = Model("deepseek-v3", 5, 3);
  Sharding sharding(graph, p.ways());
  const int64_t left_out = sharding.Keep(p);
  CHECK(left_out > 0);
  CHECK(sharding.resident_bytes() <= p.l1_free() - kLeastBufferBytes);
  int64_t sum = 0, streamed = 0;
  for (const Node& node : graph.nodes()) {
    const Share& share = sharding.Of(node.id);
    sum += share.resident;
    if (node.op->name != "matmul") continue;
    const Cost cost = CostOf(p, graph, node, {1, 1, 64}, sharding);
    streamed += cost.dram_bytes > 0;
    if (share.resident == 0) CHECK(cost.dram_bytes > 0);
  }
  CHECK(sum == sharding.resident_bytes());
  CHECK(streamed >= left_out - 5);  // the up-projections are not products
  // With a hundred times the L1 all of them stay.
  p.l1_bytes *= 100;
  Sharding roomy(graph, p.ways());
  CHECK(roomy.Keep(p) == 0);
}

TEST_CASE("mesh sharding: every chip has the whole stream") {
  const Graph graph = Model("deepseek-v3", 1);
  const Sharding sharding(graph, {.tensor = 8, .stream = 1});
  // A norm of whole rows and the router would gather what is divided.
  for (const std::string name : {"attn.q_a", "attn.kv_a", "moe.router"}) {
    CHECK(ShareOf(graph, sharding, "layers.0." + name).columns == 1);
  }
  CHECK(ShareOf(graph, sharding, "layers.0.attn.q_b").columns == 8);
  CHECK(ShareOf(graph, sharding, "layers.0.attn.o").inner == 8);
  // Two sums in a layer: routed and shared experts are one.
  for (const Node& node : graph.nodes()) {
    if (node.layer != 0) continue;
    const auto& moves = sharding.Of(node.id).moves;
    const bool sums = node.name.ends_with("residual");
    CHECK_MESSAGE(moves.size() == (sums ? 1 : 0), node.name);
    if (sums) CHECK(moves[0].kind == Collective::kAllReduce);
  }
}

TEST_CASE("mesh sharding: a grid of chips divides K and columns") {
  const Graph graph = Model("llama-3.2-1b", 2);
  const Sharding grid(graph, {.tensor = 32, .stream = 4});
  const auto of = [&](const std::string& name) -> const Share& {
    return ShareOf(graph, grid, "layers.1." + name);
  };
  for (const std::string name : {"attn.q", "ffn.gate", "ffn.up"}) {
    CHECK(of(name).inner == 4);
    CHECK(of(name).columns == 8);
  }
  for (const std::string name : {"attn.o", "ffn.down"}) {
    CHECK(of(name).inner == 8);
    CHECK(of(name).columns == 4);
  }
  // Sums across the four, the second product's with the first's.
  CHECK(of("ffn.gate").moves[0].kind == Collective::kReduceScatter);
  CHECK(of("ffn.gate").moves[0].among == Share::Among::kStream);
  CHECK_FALSE(of("ffn.gate").moves[0].joined);
  CHECK(of("ffn.up").moves[0].joined);
  CHECK(of("ffn.residual").moves[0].among == Share::Among::kOthers);
  // All chips together do the work, and read each weight once.
  Params p = ParamsOf("mesh:wormhole-galaxy");
  for (const Node& node : graph.nodes()) {
    if (node.op->name != "matmul") continue;
    const Cost cost = CostOf(p, graph, node, {32, 1, 128}, grid);
    const int64_t k = graph.value(node.inputs[1]).shape.cols;
    const int64_t n = graph.value(node.inputs[1]).shape.rows.coefficient;
    CHECK(cost.macs * 32 >= 32 * k * n);
    CHECK(cost.dram_bytes * 32 < 1.3 * 2 * static_cast<double>(k * n));
  }
}

TEST_CASE("mesh chips: an all-reduce in one pass or in two") {
  Params p = ParamsOf("mesh:blackhole-blitz");
  const auto total = [&](Collective kind, double bytes) {
    const Cost cost = CollectiveCost(p, kind, 8, bytes);
    return cost.total - cost.launch;
  };
  for (const double bytes : {1e3, 1e4, 1e5, 1e6, 1e8}) {
    const double both = total(Collective::kReduceScatter, bytes) +
                        total(Collective::kAllGather, bytes);
    CHECK(total(Collective::kAllReduce, bytes) <= both);
    CHECK(total(Collective::kAllReduce, bytes) >=
          total(Collective::kReduceScatter, bytes));
  }
  // Four hops, once.
  const double hop = p.fabric_hop_ns * p.clock.value / 1e9;
  CHECK(total(Collective::kAllReduce, 64) > 4 * hop);
  CHECK(total(Collective::kAllReduce, 64) < 6 * hop);
}

TEST_CASE("mesh attention: values that are part of the keys are read once") {
  const Params p = ParamsOf("mesh:blackhole-p150");
  AttentionProblem a{.queries = 16, .keys = 4096, .head_dim = 576,
                     .v_dim = 512, .causal = false};
  const Cost apart = PlanAttention(p, a).cost;
  a.values_in_keys = true;
  const Cost shared = PlanAttention(p, a).cost;
  CHECK(shared.dram_bytes * 34 == apart.dram_bytes * 18);
  CHECK(shared.macs == apart.macs);
  CHECK(shared.total <= apart.total);
}

}  // namespace triptych::mesh
