// The NPU: closed forms against the published table and counts by hand,
// integer values against a scalar twin, the same bits on every SIMD target.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/npu.h"

#include <doctest/doctest.h>
#include <hwy/targets.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "emulators/npu/array.h"
#include "emulators/npu/cost.h"
#include "emulators/npu/exact_math.h"
#include "emulators/session.h"
#include "emulators/validate.h"
#include "models/build/build.h"
#include "tests/models/tiny_config.h"

namespace triptych::npu {
namespace {

TEST_CASE("array cycles equal SCALE-Sim's on every row of its table") {
  const auto table =
      Table::Load("emulators/npu/validation/scalesim_compute.csv");
  REQUIRE_MESSAGE(table, (table ? "" : table.error().message));
  const auto scored = Validate("npu", {}, *table);
  REQUIRE_MESSAGE(scored, (scored ? "" : scored.error().message));
  REQUIRE(scored->scores.size() == 1);
  CHECK(scored->scores[0].rows == 180);
  CHECK(scored->scores[0].max_ape_pct == 0);
}

TEST_CASE("array cycles by hand") {
  // 3 x 5 x 4 on 2 x 2, weights in place: 2 x 3 folds, each 2 to load, 3
  // steps and 2 of skew; with overlap 2 + 6 x max(3, 2) + 2.
  const GemmSize gemm{3, 5, 4};
  CHECK(Folds(Dataflow::kWeight, gemm, {2, 2, false}) == 6);
  CHECK(ArrayCycles(Dataflow::kWeight, gemm, {2, 2, false}) == 6 * 7);
  CHECK(ArrayCycles(Dataflow::kWeight, gemm, {2, 2, true}) == 2 + 18 + 2);
  // 4 x 6 x 3 multiply-adds fill the folds, 60 are the product's.
  CHECK(PaddingMacs(Dataflow::kWeight, gemm, {2, 2, true}) == 72 - 60);
}

TEST_CASE("cores share one product, or take one each") {
  Params p;
  p.cores = 4;
  p.array_rows = p.array_cols = 8;
  p.dataflow = "ws";
  const Demand one = GemmDemand(p, {64, 64, 64}, 1, true, 8);
  CHECK(one.macs == 64 * 64 * 64);
  // N in four: 8 x 2 folds of 64 rows.
  CHECK(one.array_cycles == 8 + 16 * 64 + 14);
  CHECK(one.dram_bytes == 64 * 64);
  const Demand four = GemmDemand(p, {64, 64, 64}, 4, true, 8);
  CHECK(four.array_cycles == 8 + 64 * 64 + 14);
  CHECK(four.dram_bytes == 4 * 64 * 64);
}

Demand DemandOfNode(const Params& p, std::string_view name, int64_t tokens) {
  const auto graph = BuildGraph(TinyLlama());
  REQUIRE(graph);
  const auto node = std::ranges::find(graph->nodes(), name, &Node::name);
  REQUIRE(node != graph->nodes().end());
  return DemandOf(p, *graph, *node, {.tokens = tokens});
}

TEST_CASE("what is stored is what is charged") {
  Params p;
  // Codes and a scale a row; f32 on the vector unit if one side is f32.
  const Demand integer = DemandOfNode(p, "layers.0.ffn.up", 3);
  CHECK(integer.macs == 3 * 48 * 32);
  CHECK(integer.vector_macs == 0);
  CHECK(integer.dram_bytes == 48 * (32 + 4));
  p.activation_bits = 0;
  const Demand mixed = DemandOfNode(p, "layers.0.ffn.up", 3);
  CHECK(mixed.macs == 0);
  CHECK(mixed.array_cycles == 0);
  CHECK(mixed.padding_macs == 0);
  CHECK(mixed.vector_macs == 3 * 48 * 32);
  CHECK(mixed.dram_bytes == integer.dram_bytes);
  p.weight_bits = 0;
  CHECK(DemandOfNode(p, "layers.0.ffn.up", 3).dram_bytes == 48 * 32 * 4);
  // Embeddings are f32; cached keys are codes and a scale a head of eight.
  CHECK(DemandOfNode(p, "embed", 3).dram_bytes == 3 * 32 * 4);
  CHECK(DemandOfNode(p, "layers.0.attn.k_append", 3).dram_bytes ==
        3 * (16 + 2 * 4));
  p.attention_bits = 0;
  CHECK(DemandOfNode(p, "layers.0.attn.k_append", 3).dram_bytes == 3 * 16 * 4);
}

TEST_CASE("a table with something else than numbers is refused") {
  const auto target = MakeTarget("npu");
  REQUIRE(target);
  const auto complaint = [&](const std::string& array,
                             const std::string& dataflow) {
    const auto p =
        (*target)->Predict("scalesim_compute", {{"m", "4"},
                                                {"n", "4"},
                                                {"k", "4"},
                                                {"array", array},
                                                {"dataflow", dataflow}});
    return p ? std::string() : p.error().message;
  };
  CHECK(complaint("2", "ws").empty());
  CHECK(complaint("2x", "ws").find("array: \"2x\" is no number") !=
        std::string::npos);
  CHECK(complaint("2", "xs").find("allowed ws, os, is") != std::string::npos);
}

TEST_CASE("DRAM sustains its pins less refresh, or what its banks can open") {
  DramParams dram;
  CHECK(DramBytesPerSecond(dram) ==
        doctest::Approx(102.4e9 * (1 - 280.0 / 3906)));
  dram.banks = 1;
  dram.channels = 1;  // a row of 2 KiB every 60 ns: 34 GB/s
  CHECK(DramBytesPerSecond(dram) ==
        doctest::Approx(2048 / 60e-9 * (1 - 280.0 / 3906)));
}

TEST_CASE("functions of its own are as good as the C library's") {
  double worst_exp = 0, worst_turn = 0, worst_rest = 0;
  for (int i = -20000; i < 20000; ++i) {
    const double x = i * 0.031 + 1e-4;
    worst_exp = std::max(worst_exp, std::abs(ExactExp(x) / std::exp(x) - 1));
    const auto [sine, cosine] = ExactSinCos(x * 1000);
    worst_turn = std::max({worst_turn, std::abs(sine - std::sin(x * 1000)),
                           std::abs(cosine - std::cos(x * 1000))});
    const double z = i * 5e-4;
    worst_rest = std::max({worst_rest, std::abs(ExactTanh(z) - std::tanh(z)),
                           std::abs(ExactErf(z) - std::erf(z))});
  }
  CHECK(worst_exp < 1e-13);
  CHECK(worst_turn < 1e-12);
  CHECK(worst_rest < 1e-13);
}

std::vector<float> LogitsOf(const Graph& graph, const Weights& weights,
                            int threads) {
  const auto target = MakeTarget("npu");
  REQUIRE(target);
  const auto program = (*target)->Compile(graph, &weights);
  REQUIRE(program);
  Session session(graph, **program, {.capacity = 16, .threads = threads});
  REQUIRE(session.Prefill(std::vector<int32_t>{3, 1, 4, 1, 5}));
  const auto logits = session.Decode(9);
  REQUIRE(logits);
  return {logits->row(0), logits->row(0) + logits->cols()};
}

TEST_CASE("logits are the same bits on every SIMD target and thread count") {
  const auto graph = BuildGraph(TinyLlama());
  REQUIRE(graph);
  const Weights weights = Weights::Random(*graph, 11);
  const auto expected = LogitsOf(*graph, weights, 1);
  CHECK(LogitsOf(*graph, weights, 2) == expected);
  int targets = 0;
  for (const int64_t simd : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(simd);
    CAPTURE(hwy::TargetName(simd));
    CHECK(LogitsOf(*graph, weights, 1) == expected);
    ++targets;
  }
  hwy::SetSupportedTargetsForTest(0);
  CHECK(targets >= 2);
}

TEST_CASE("one bit has no code but zero") {
  const auto target =
      MakeTarget("npu", std::vector<std::string>{"weight_bits=1"});
  REQUIRE(!target);
  CHECK(target.error().message.find("0 or 2 to 8") != std::string::npos);
}

}  // namespace
}  // namespace triptych::npu
