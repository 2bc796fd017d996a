// The executor on graphs small enough to add up by hand.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "emulators/target.h"
#include "models/ops/op.h"
#include "tests/emulators/fake_target.h"

namespace triptych {
namespace {

std::unique_ptr<Target> Fake(
    std::initializer_list<std::string_view> sets = {}) {
  Config config = *Config::Parse(FakePreset(), "fake.toml");
  for (const std::string_view set : sets) REQUIRE(config.Set(set));
  auto target = MakeFake(config);
  REQUIRE(target);
  return std::move(*target);
}

// x -> silu (host) -> matmul (device) -> silu (host) -> matmul, and back.
Graph Zigzag() {
  GraphBuilder b("zigzag");
  ValueId x = b.Input("x", {kTokenRows, 8});
  x = b.Add("silu", "silu.0", {x});
  x = b.Add("matmul", "matmul.0", {x, b.Weight("w0", 16, 8)});
  x = b.Add("silu", "silu.1", {x});
  x = b.Add("matmul", "matmul.1", {x, b.Weight("w1", 4, 16)});
  b.AddEntry(Phase::kEncode, 0, x);
  auto graph = b.Finish();
  REQUIRE(graph);
  return std::move(*graph);
}

std::vector<Charge> Moves(const Ledger& ledger) {
  std::vector<Charge> moves;
  for (const Charge& charge : ledger.charges()) {
    if (charge.unit == kLink) moves.push_back(charge);
  }
  return moves;
}

TEST_CASE("a value crosses the link only when the other side needs it") {
  const Graph graph = Zigzag();
  const auto target = Fake();
  const auto program = target->Compile(graph, nullptr);
  REQUIRE(program);
  Ledger ledger;
  const RunRequest request{.phase = Phase::kEncode, .binding = {1, 3, 0}};
  REQUIRE((*program)->Run(request, nullptr, ledger));
  const auto moves = Moves(ledger);
  REQUIRE(moves.size() == 4);
  // To matmul.0, back to silu.1, to matmul.1, and the output back; 3 rows.
  CHECK(moves[0].count == 3 * 8 * 4);
  CHECK(moves[0].node == 1);
  CHECK(moves[1].count == 3 * 16 * 4);
  CHECK(moves[1].node == 2);
  CHECK(moves[2].count == 3 * 16 * 4);
  CHECK(moves[3].count == 3 * 4 * 4);
  CHECK(moves[3].node == 3);
  // 2 us and 96 bytes at 24 GB/s.
  CHECK(moves[0].end - moves[0].begin == Picos(2004000));
}

TEST_CASE("two readers share one transfer; what stays on one side needs none") {
  GraphBuilder b("shared");
  const ValueId x = b.Input("x", {kTokenRows, 8});
  const ValueId p = b.Add("matmul", "p", {x, b.Weight("w0", 8, 8)});
  const ValueId q = b.Add("matmul", "q", {x, b.Weight("w1", 8, 8)});
  const ValueId r = b.Add("matmul", "r", {p, b.Weight("w2", 8, 8)});
  const ValueId s = b.Add("add", "s", {q, r});
  b.AddEntry(Phase::kEncode, 0, s);
  const auto graph = b.Finish();
  REQUIRE(graph);
  const auto target = Fake();
  const auto program = target->Compile(*graph, nullptr);
  REQUIRE(program);
  Ledger ledger;
  REQUIRE((*program)->Run({.phase = Phase::kEncode}, nullptr, ledger));
  const auto moves = Moves(ledger);
  REQUIRE(moves.size() == 3);  // x there, q and r back
  CHECK(moves[0].node == 0);
  CHECK(moves[1].node == 3);
  CHECK(moves[2].node == 3);
}

TEST_CASE("the host's time is its roofline's") {
  GraphBuilder b("host");
  const ValueId x = b.Input("x", {kTokenRows, 1000});
  const ValueId y = b.Add("silu", "silu", {x});
  b.AddEntry(Phase::kEncode, 0, y);
  const auto graph = b.Finish();
  const auto run = [&](std::string_view set) {
    const auto target = Fake({set});
    const auto program = target->Compile(*graph, nullptr);
    Ledger ledger;
    REQUIRE((*program)->Run({.phase = Phase::kEncode, .binding = {1, 10, 0}},
                            nullptr, ledger));
    CHECK(ledger.rows().at({0, kHostCores, kHostVectorFlop}).count == 40000);
    CHECK(ledger.rows().at({0, kHostDram, kHostDramByte}).count == 80000);
    return ledger.makespan();
  };
  // 40,000 flops at 100 GFLOP/s: 400 ns. 80,000 bytes at 60 GB/s: 1333 ns.
  CHECK(run("host.link_latency_us=0") == Picos(1333334));
  CHECK(run("host.vector_gflops=10") == Picos(4000000));
}

TEST_CASE("runs add up in one ledger") {
  const Graph graph = Zigzag();
  const auto target = Fake();
  const auto program = target->Compile(graph, nullptr);
  Ledger once, twice(Ledger::Mode::kFold);
  const RunRequest request{.phase = Phase::kEncode, .binding = {1, 3, 0}};
  REQUIRE((*program)->Run(request, nullptr, once));
  REQUIRE((*program)->Run(request, nullptr, twice));
  REQUIRE((*program)->Run(request, nullptr, twice));
  CHECK(twice.makespan() == once.makespan() * 2);
}

TEST_CASE("the schedule covers the makespan without gaps") {
  const Graph graph = Zigzag();
  const auto target = Fake();
  const auto program = target->Compile(graph, nullptr);
  Ledger ledger;
  REQUIRE((*program)->Run({.phase = Phase::kEncode, .binding = {2, 5, 0}},
                          nullptr, ledger));
  Picos now;
  for (const Charge& charge : ledger.charges()) {
    if (charge.unit != kSchedule) continue;
    CHECK(charge.begin == now);
    now = charge.end;
  }
  CHECK(now == ledger.makespan());
}

// Rows of K appended on the host or the device; attention on the host.
Graph Cached() {
  GraphBuilder b("cached");
  const ValueId x = b.Input("x", {kTokenRows, 8});
  const ValueId k = b.Add("matmul", "k", {x, b.Weight("wk", 8, 8)});
  const ValueId cache = b.Cache("cache", {kCacheRows, 8});
  const ValueId keys = b.Add("kv_append", "append", {k, cache});
  const ValueId y = b.Add(
      "attention", "attention", {x, keys, keys},
      {{"heads", 1.0}, {"kv_heads", 1.0}, {"head_dim", 8.0}, {"causal", 1.0}});
  b.AddEntry(Phase::kPrefill, 0, y);
  b.AddEntry(Phase::kDecode, 0, y);
  auto graph = b.Finish();
  REQUIRE(graph);
  return std::move(*graph);
}

TEST_CASE("activations go when nobody needs them; caches and output stay") {
  const Graph graph = Cached();
  const auto target = Fake();
  const Weights weights = Weights::Random(graph, 1);
  const auto program = target->Compile(graph, &weights);
  REQUIRE(program);
  TensorStore tensors(graph, 1, 4);
  const ValueId x = graph.FindValue("x")->id;
  tensors.Make(x, 3, 8)(2, 1) = 1.0f;
  Ledger ledger;
  REQUIRE((*program)->Run({.phase = Phase::kPrefill, .binding = {1, 3, 0}},
                          &tensors, ledger));
  CHECK(tensors.At(graph.node(0).output).size() == 0);
  CHECK(tensors.At(graph.FindValue("cache")->id).rows() == 4);
  CHECK(tensors.At(graph.FindValue("cache")->id)(2, 0) != 0.0f);
  CHECK(tensors.At(graph.entries()[0].output).rows() == 3);
}

TEST_CASE("errors of a run") {
  const Graph graph = Cached();
  const auto target = Fake();
  const Weights weights = Weights::Random(graph, 1);
  const auto program = target->Compile(graph, &weights);
  const auto blind = target->Compile(graph, nullptr);
  TensorStore tensors(graph, 1, 4);
  tensors.Make(graph.FindValue("x")->id, 3, 8);
  Ledger ledger;
  const auto error = [&](const Program& p, const RunRequest& request,
                         TensorStore* store) {
    const Status status = p.Run(request, store, ledger);
    REQUIRE_FALSE(status);
    return status.error().message;
  };
  CHECK(error(**program, {.phase = Phase::kEncode}, nullptr) ==
        "cached: the graph has no encode phase");
  CHECK(error(**program, {.phase = Phase::kPrefill, .binding = {1, 3, 2}},
              &tensors) ==
        "cached: batch 1 with context 5 does not fit the caches; allowed "
        "batch 1 with context up to 4");
  CHECK(error(**program, {.phase = Phase::kPrefill, .binding = {1, 2, 0}},
              &tensors) ==
        "cached: input x: 3 x 8 is not allowed; allowed 2 x 8");
  CHECK(error(**program, {.phase = Phase::kDecode, .binding = {1, 2, 0}},
              nullptr) ==
        "cached: batch 1, tokens 2, context 0 is not allowed; allowed batch "
        ">= 1, tokens >= 1 (decode: 1), context >= 0");
  CHECK(error(**blind, {.phase = Phase::kPrefill, .binding = {1, 3, 0}},
              &tensors) ==
        "cached: compiled without weights; only timing-only runs are "
        "allowed");
  CHECK(ledger.rows().empty());
}

TEST_CASE("MakeTarget") {
  const auto error = [](std::string_view spec,
                        std::vector<std::string> sets = {}) {
    const auto target = MakeTarget(spec, sets);
    REQUIRE_FALSE(target);
    return target.error().message;
  };
  CHECK(error("abacus").starts_with(
      "target: no target \"abacus\"; allowed cpu, "));
  CHECK(error("gpu:h1000") ==
        "gpu: no preset \"h1000\"; allowed b200, h100, h200");
  CHECK(error("no/such.toml") == "no/such.toml: cannot be opened");
  CHECK(error("gpu:h100", {"board_w=-1"}) ==
        "--set: board_w: -1 is out of range; allowed 1..100000");
  CHECK(error("gpu:h100", {"dtype=nvfp4"}) ==
        "--set: dtype: \"nvfp4\" is not in this GPU; allowed bf16, fp8");
  const auto target = MakeTarget("gpu:b200");
  REQUIRE(target);
  CHECK((*target)->name() == "gpu");
  CHECK((*target)->preset() == "b200");
}

}  // namespace
}  // namespace triptych
