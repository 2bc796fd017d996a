// Transfers over the NoC against routes walked by hand, and the laws that
// hold for every plan: what is charged is what is received, and what links
// carry is what transfers say they do.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/traffic.h"

#include <doctest/doctest.h>

#include <cmath>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "emulators/mesh/tile.h"
#include "emulators/profile.h"
#include "kernels/base/rng.h"
#include "models/build/build.h"
#include "models/presets/presets.h"

namespace triptych::mesh {
namespace {

double Sum(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

// A 2 x 2 grid in a 4 x 4 torus, two banks.
Params Small() {
  Params p;
  p.grid_cols = p.grid_rows = 2;
  p.noc_cols = p.noc_rows = 4;
  p.dram_banks = 2;
  return p;
}

// A real machine's proportions without reading its preset.
Params Large() {
  Params p;
  p.grid_cols = 13;
  p.grid_rows = 10;
  p.clock = Hertz(1.35e9);
  p.l1_bytes = 1572864;
  p.l1_reserved_bytes = 112640;
  p.noc_cols = 17;
  p.noc_rows = 12;
  p.dram_banks = 8;
  p.dram_readers_per_bank = 3;
  p.dram_gb_per_s = 512;
  p.dram_latency_cycles = 480;
  p.dram_issue_cycles = 39;
  p.noc_handshake_cycles = 190;
  p.pack_tile_cycles = 10;
  return p;
}

TEST_CASE("tiles and banks stand where the header says") {
  const Params params = Small();
  const Flows flows(params);
  const Traffic& t = flows.traffic();
  CHECK(flows.core(0) == 5);  // (1, 1)
  CHECK(flows.core(3) == 10);
  CHECK(flows.bank(0) == 8);   // first column, the middle of its rows
  CHECK(flows.bank(1) == 11);  // last column
  CHECK(t.kinds[5] == RouterKind::kTile);
  CHECK(t.kinds[8] == RouterKind::kDram);
  CHECK(t.kinds[0] == RouterKind::kRouter);
}

TEST_CASE("a route goes right, then down, around the torus") {
  const Params params = Small();
  Flows flows(params);
  flows.Unicast(10, 1, 7);  // from (2, 2) to (1, 0): 3 right, 2 down
  const Traffic& t = flows.traffic();
  for (const size_t at : {10u, 11u, 8u}) CHECK(t.right[at] == 7);
  for (const size_t at : {9u, 13u}) CHECK(t.down[at] == 7);
  CHECK(Sum(t.right) == 21);
  CHECK(Sum(t.down) == 14);
  CHECK(t.received[1] == 7);
  CHECK(t.byte_hops == 35);
}

TEST_CASE("a multicast passes each link of its tree once") {
  const Params params = Small();
  Flows flows(params);
  // From (0, 0) to (1, 0), (2, 0), (2, 1), (2, 2) and itself.
  flows.Multicast(0, std::vector<Router>{1, 2, 6, 10, 0}, 3);
  const Traffic& t = flows.traffic();
  CHECK(t.right[0] == 3);
  CHECK(t.right[1] == 3);
  CHECK(t.down[2] == 3);
  CHECK(t.down[6] == 3);
  CHECK(Sum(t.right) + Sum(t.down) == 12);
  CHECK(t.byte_hops == 12);
  CHECK(Sum(t.received) == 15);
}

void CheckLaws(const Flows& flows, double charged, double macs) {
  const Traffic& t = flows.traffic();
  // A plan rounds to whole bytes.
  CHECK(std::abs(Sum(t.received) - charged) <= 1 + 1e-9 * charged);
  CHECK(Sum(t.right) + Sum(t.down) ==
        doctest::Approx(t.byte_hops).epsilon(1e-9));
  CHECK(Sum(t.macs) == doctest::Approx(macs).epsilon(1e-9));
  for (size_t i = 0; i < t.kinds.size(); ++i) {
    if (t.kinds[i] == RouterKind::kRouter) CHECK(t.received[i] == 0);
    if (t.kinds[i] != RouterKind::kTile) CHECK(t.macs[i] == 0);
  }
}

TEST_CASE("products: what is received is what is charged") {
  const Params params = Large();
  Rng rng(5);
  int columns = 0, in_dram = 0;
  for (int i = 0; i < 150; ++i) {
    const auto size = [&] {
      const uint32_t most = uint32_t{1} << (1 + rng.Below(13));
      return std::max<int64_t>(1, rng.Below(most));
    };
    const MatmulProblem problem{
        .m = size(),
        .k = size(),
        .n = size(),
        .activations = DType::kBf16,
        .weights = rng.Below(2) == 0 ? DType::kBf16 : DType::kBfp8,
        .placement = rng.Below(2) == 0 ? Placement::kL1 : Placement::kDram};
    CAPTURE(problem.m);
    CAPTURE(problem.k);
    CAPTURE(problem.n);
    const MatmulPlan plan = PlanMatmul(params, problem);
    columns += plan.layout == Layout::kColumns ? 1 : 0;
    in_dram += plan.placement == Placement::kDram ? 1 : 0;
    Flows flows(params);
    flows.OnMatmul(problem, plan, 1);
    CheckLaws(flows, static_cast<double>(plan.cost.noc_bytes),
              static_cast<double>(plan.cost.macs));
  }
  // All four ways were taken.
  CHECK(columns > 10);
  CHECK(columns < 140);
  CHECK(in_dram > 10);
  CHECK(in_dram < 140);
}

TEST_CASE("attention: what is received is what is charged") {
  const Params params = Large();
  Rng rng(6);
  int split = 0, shared = 0;
  for (int i = 0; i < 60; ++i) {
    const bool decode = rng.Below(2) == 0;
    const int64_t kv_heads = int64_t{1} << rng.Below(4);
    AttentionProblem problem{.batch = 1 + rng.Below(4),
                             .heads = kv_heads * (1 + rng.Below(4)),
                             .kv_heads = kv_heads,
                             .queries = decode ? 1 : 1 + rng.Below(3000),
                             .keys = 0,
                             .head_dim = 128,
                             .v_dim = 64,
                             .vector_flops = 1e6};
    problem.keys = problem.queries + rng.Below(4000);
    CAPTURE(problem.queries);
    CAPTURE(problem.keys);
    CAPTURE(problem.heads);
    const AttentionPlan plan = PlanAttention(params, problem);
    split += plan.split_keys ? 1 : 0;
    shared += !plan.split_keys && plan.cores_a_head > 1 ? 1 : 0;
    Flows flows(params);
    flows.OnAttention(problem, plan, 1);
    CheckLaws(flows, static_cast<double>(plan.cost.noc_bytes),
              static_cast<double>(plan.cost.macs));
  }
  CHECK(split > 5);
  CHECK(shared > 5);
}

TEST_CASE("vector operators: what is received is what is charged") {
  const Params params = Large();
  Rng rng(7);
  for (int i = 0; i < 60; ++i) {
    VectorProblem problem{.rows = 1 + rng.Below(4096),
                          .cols = 1 + rng.Below(16384),
                          .reduces_rows = rng.Below(2) == 0,
                          .dram_read_bytes = rng.Below(1 << 20),
                          .dram_write_bytes = rng.Below(1 << 20)};
    problem.in_elements = problem.out_elements = problem.rows * problem.cols;
    const Cost cost = PlanVector(params, problem);
    Flows flows(params);
    flows.OnVector(problem, cost, 1);
    CheckLaws(flows, static_cast<double>(cost.noc_bytes), 0);
  }
}

TEST_CASE("what runs twice sends twice") {
  const Params params = Large();
  const MatmulProblem problem{.m = 64, .k = 4096, .n = 4096};
  const MatmulPlan plan = PlanMatmul(params, problem);
  Flows once(params), often(params);
  once.OnMatmul(problem, plan, 1);
  often.set_repeat(3);
  often.OnMatmul(problem, plan, 2);
  CHECK(often.traffic().byte_hops ==
        doctest::Approx(6 * once.traffic().byte_hops));
}

// A whole model on a real preset: the sum over links against the ledger.
void CheckModel(const char* preset, const ModelConfig& config, Phase phase,
                Binding binding) {
  CAPTURE(preset);
  CAPTURE(config.name);
  const auto graph = BuildGraph(config, {});
  REQUIRE(graph);
  const auto target = MakeTarget(preset);
  REQUIRE(target);
  const auto source = ReadTarget(preset);
  REQUIRE(source);
  Params params;
  REQUIRE(LoadParams(source->config, params));
  const auto traffic = (*target)->TrafficOf(*graph, binding, phase);
  REQUIRE(traffic);
  const auto program = (*target)->Compile(*graph, nullptr);
  REQUIRE(program);
  Ledger ledger(Ledger::Mode::kFold);
  REQUIRE(
      (*program)->Run({.phase = phase, .binding = binding}, nullptr, ledger));
  const Profile profile = MakeProfile(*graph, **target, ledger);
  // All chips do alike.
  const auto chips = static_cast<double>(params.chips());
  const auto charged =
      static_cast<double>(profile.bytes.at("noc.byte")) / chips;
  const auto macs = static_cast<double>(profile.total.matrix_flops +
                                        profile.total.padding_flops) /
                    2 / chips;
  CHECK(Sum(traffic->received) == doctest::Approx(charged).epsilon(1e-6));
  CHECK(Sum(traffic->macs) == doctest::Approx(macs).epsilon(1e-6));
  CHECK(Sum(traffic->right) + Sum(traffic->down) ==
        doctest::Approx(traffic->byte_hops).epsilon(1e-9));
  // A byte passes a link or more, unless many share it in a multicast.
  if (chips == 1) CHECK(traffic->byte_hops > charged);
}

ModelConfig Shape(const char* model) {
  auto config = PresetByName(model);
  REQUIRE(config);
  return std::move(*config);
}

TEST_CASE("a model's links carry what its ledger charges") {
  const ModelConfig llama = Shape("llama-3.1-8b");
  CheckModel("mesh", llama, Phase::kDecode, {1, 1, 2048});
  CheckModel("mesh", llama, Phase::kPrefill, {1, 512, 0});
}

TEST_CASE("weights in L1: links carry what the ledger charges") {
  ModelConfig deepseek = Shape("deepseek-v3");
  deepseek.layers = 3;  // the weights of two stay
  deepseek.moe.dense_layers = 1;
  CheckModel("mesh:blackhole-blitz", deepseek, Phase::kDecode, {1, 1, 2048});
  ModelConfig llama = Shape("llama-3.2-1b");
  llama.layers = 1;
  CheckModel("mesh:wormhole-galaxy", llama, Phase::kDecode, {32, 1, 256});
}

}  // namespace
}  // namespace triptych::mesh
