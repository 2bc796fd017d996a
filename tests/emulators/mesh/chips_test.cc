// Collectives among chips, and how a graph is divided among them.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/chips.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "emulators/mesh/lower.h"
#include "emulators/mesh/sharding.h"
#include "emulators/target.h"
#include "models/build/build.h"
#include "models/ops/op.h"
#include "models/presets/presets.h"

namespace triptych::mesh {
namespace {

Params Machine(int64_t cols, int64_t rows, const std::string& topology) {
  Params p;
  p.chips_cols = cols;
  p.chips_rows = rows;
  p.chips_topology = topology;
  p.fabric_ethernet_gb_per_s = 50;
  p.fabric_packet_ns = 200;
  p.fabric_hop_ns = 700;
  return p;
}

// Rounds until every chip has every part, if each link carries one part a
// round and direction: the slow twin of an all-gather's busiest link.
int64_t RoundsOfAllGather(int64_t chips, bool ring) {
  const auto n = static_cast<size_t>(chips);
  std::vector<std::vector<bool>> has(n, std::vector<bool>(n));
  for (size_t i = 0; i < n; ++i) has[i][i] = true;
  const auto full = [&] {
    for (const auto& parts : has) {
      for (const bool part : parts) {
        if (!part) return false;
      }
    }
    return true;
  };
  int64_t rounds = 0;
  for (; !full(); ++rounds) {
    const auto before = has;
    for (size_t from = 0; from < n; ++from) {
      for (const int step : {-1, 1}) {
        const auto to_signed = static_cast<int64_t>(from) + step;
        if (!ring && (to_signed < 0 || to_signed >= chips)) continue;
        const auto to = static_cast<size_t>((to_signed + chips) % chips);
        // The part that came furthest in this direction.
        for (int64_t back = 0; back < chips; ++back) {
          const int64_t part_signed = static_cast<int64_t>(from) - step * back;
          if (!ring && (part_signed < 0 || part_signed >= chips)) break;
          const auto part =
              static_cast<size_t>((part_signed + 2 * chips) % chips);
          if (!before[from][part]) break;
          if (has[to][part]) continue;
          has[to][part] = true;
          break;
        }
      }
    }
  }
  return rounds;
}

Graph Llama(int64_t layers) {
  auto config = PresetByName("llama-3.2-1b");
  REQUIRE(config.has_value());
  config->layers = layers;
  auto graph = BuildGraph(*config);
  REQUIRE(graph.has_value());
  return std::move(*graph);
}

const Node& NodeNamed(const Graph& graph, const std::string& name) {
  for (const Node& node : graph.nodes()) {
    if (node.name == name) return node;
  }
  FAIL("no node " << name);
  return graph.nodes()[0];
}

struct AttentionSink : PlanSink {
  std::vector<AttentionProblem> problems;

  void OnMatmul(const MatmulProblem&, const MatmulPlan&, double) override {}
  void OnAttention(const AttentionProblem& problem, const AttentionPlan&,
                   double) override {
    problems.push_back(problem);
  }
  void OnVector(const VectorProblem&, const Cost&, double) override {}
};

int Moves(const Share& share, Collective kind) {
  int count = 0;
  for (const Share::Move& move : share.moves) count += move.kind == kind;
  return count;
}

}  // namespace

TEST_CASE("mesh chips: the busiest link of an all-gather") {
  const double bytes = 1e9;  // hops and their latencies do not show
  for (const int64_t chips : {2, 3, 4, 7, 8}) {
    for (const std::string topology : {"line", "ring"}) {
      const Params p = Machine(chips, 1, topology);
      const auto rounds =
          static_cast<double>(RoundsOfAllGather(chips, topology == "ring"));
      const Cost cost = CollectiveCost(p, Collective::kAllGather, chips, bytes);
      const double ns =
          rounds * bytes / static_cast<double>(chips) / LinkRate(p);
      CHECK(cost.ethernet ==
            doctest::Approx(ns * p.clock.value / 1e9).epsilon(1e-9));
      CHECK(cost.total >= cost.ethernet);
    }
  }
}

TEST_CASE("mesh chips: collectives of small and of no values") {
  const Params p = Machine(8, 4, "line");
  CHECK(CollectiveCost(p, Collective::kAllGather, 1, 1e6).total == 0);
  const Cost small = CollectiveCost(p, Collective::kAllGather, 8, 64);
  // Seven hops of 700 ns at 1 GHz.
  CHECK(small.total >= 7 * 700);
  CHECK(small.total < 8 * 800);
  CHECK(AxesOf(p, 4) == std::vector<int64_t>{4});
  CHECK(AxesOf(p, 32) == std::vector<int64_t>{8, 4});
  // Both axes: the second one has an eighth of the bytes.
  const Cost both = CollectiveCost(p, Collective::kReduceScatter, 32, 1e9);
  const Cost one = CollectiveCost(p, Collective::kReduceScatter, 8, 1e9);
  CHECK(both.ethernet > one.ethernet);
  CHECK(both.ethernet < 1.2 * one.ethernet);
}

TEST_CASE("mesh chips: a layer is divided by columns, then by K") {
  const Graph graph = Llama(2);
  const Sharding sharding(graph, {.tensor = 8});
  for (const std::string name : {"attn.q", "attn.k", "ffn.gate", "ffn.up"}) {
    const Share& share = sharding.Of(NodeNamed(graph, "layers.1." + name).id);
    CHECK(share.columns == 8);
    CHECK(share.inner == 1);
    CHECK(Moves(share, Collective::kReduceScatter) == 0);
  }
  for (const std::string name : {"attn.o", "ffn.down"}) {
    const Share& share = sharding.Of(NodeNamed(graph, "layers.1." + name).id);
    CHECK(share.columns == 1);
    CHECK(share.inner == 8);
    CHECK(share.moves.empty());
  }
  // Its parts are summed where they meet the stream.
  for (const std::string name : {"attn.residual", "ffn.residual"}) {
    const Share& share = sharding.Of(NodeNamed(graph, "layers.1." + name).id);
    CHECK(Moves(share, Collective::kReduceScatter) == 1);
  }
  // What a norm gives is gathered by the first product that needs it.
  CHECK(Moves(sharding.Of(NodeNamed(graph, "layers.1.attn.q").id),
              Collective::kAllGather) == 1);
  CHECK(Moves(sharding.Of(NodeNamed(graph, "layers.1.attn.k").id),
              Collective::kAllGather) == 0);
}

TEST_CASE("mesh chips: queries' heads that do not divide evenly") {
  const auto source = ReadTarget("mesh:wormhole-t3k");
  REQUIRE(source.has_value());
  Params p;
  REQUIRE(LoadParams(source->config, p).has_value());
  const auto config = PresetByName("qwen2.5-7b");
  REQUIRE(config.has_value());
  const auto graph = BuildGraph(*config);
  REQUIRE(graph.has_value());
  // 28 heads in groups of 7, each of which two chips of the eight share: one
  // of them has four.
  AttentionSink sink;
  CostOf(p, *graph, NodeNamed(*graph, "layers.0.attn.attention"), {1, 128, 0},
         Sharding(*graph, {.tensor = p.tensor_ways()}), &sink);
  REQUIRE(sink.problems.size() == 1);
  CHECK(sink.problems[0].kv_heads == 1);
  CHECK(sink.problems[0].heads == 4);
  CHECK(sink.problems[0].queries == 128);
}

TEST_CASE("mesh chips: together they do the work of one, and no less") {
  const auto target = MakeTarget("mesh");
  REQUIRE(target.has_value());
  Params p;
  p.fabric_ethernet_gb_per_s = 50;
  p.l1_bytes = 1 << 20;
  const Graph graph = Llama(1);
  for (const Binding binding : {Binding{1, 256, 0}, Binding{32, 1, 256}}) {
    const Sharding whole(graph, {});
    for (const int64_t tensor : {2, 8}) {
      for (const int64_t sequence : {1, 2}) {
        Params many = p;
        many.chips_cols = tensor * sequence;
        many.parallel_sequence = sequence;
        const Sharding divided(graph, {.tensor = tensor, .sequence = sequence});
        for (const Node& node : graph.nodes()) {
          const Cost all = CostOf(p, graph, node, binding, whole);
          const Cost mine = CostOf(many, graph, node, binding, divided);
          CHECK(mine.macs * many.chips() >=
                WorkOf(graph, node, binding).matrix_flops / 2);
          if (node.op->name != "matmul") continue;
          // Products do not get padded much, nor slower.
          CHECK(mine.macs * many.chips() <= 2 * all.macs);
          CHECK(mine.fpu <= all.fpu);
          CHECK(mine.dram_bytes <= all.dram_bytes);
        }
      }
    }
  }
}

}  // namespace triptych::mesh
