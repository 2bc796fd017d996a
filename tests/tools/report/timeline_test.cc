// SPDX-License-Identifier: Apache-2.0
#include "tools/cli/timeline.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "emulators/target.h"

namespace triptych::cli {
namespace {

// Two nodes with names of their own, on a real target's units.
struct Rig {
  Rig() {
    GraphBuilder builder("two");
    const ValueId a = builder.Input("a", {kTokenRows, 64});
    const ValueId w = builder.Weight("w", 64, 64);
    const ValueId b = builder.Add("matmul", "first", {a, w});
    builder.AddEntry(Phase::kEncode, 0, builder.Add("silu", "second", {b}));
    graph = *builder.Finish();
    target = *MakeTarget("npu");
  }
  void Charge(NodeId node, int64_t begin, int64_t end,
              bool concurrent = false) {
    ledger.Add({node, kHostCores, kHostVectorFlop, 1, Picos(begin), Picos(end),
                concurrent});
  }
  Graph graph;
  std::unique_ptr<Target> target;
  Ledger ledger;
};

TEST_CASE("few charges stay as they are, in order, concurrent ones apart") {
  Rig rig;
  rig.Charge(1, 50, 80);
  rig.Charge(0, 0, 40);
  rig.Charge(0, 0, 40, /*concurrent=*/true);
  rig.Charge(0, 90, 90);
  const auto timeline = TimelineOf(rig.graph, *rig.target, rig.ledger);
  REQUIRE(timeline.size() == 1);
  CHECK(timeline[0].unit == "host.cores");
  REQUIRE(timeline[0].slices.size() == 2);
  CHECK(timeline[0].slices[0].op == "matmul");
  CHECK(timeline[0].slices[1].begin == Picos(50));
  CHECK(timeline[0].slices[1].busy == 1);
}

TEST_CASE("many charges become few slices; busy time is kept") {
  Rig rig;
  constexpr int64_t kCharges = 10000;
  // Busy for three of every ten picoseconds: first one node, then the other.
  for (int64_t i = 0; i < kCharges; ++i) {
    rig.Charge(i < kCharges / 2 ? 0 : 1, 10 * i, 10 * i + 3);
  }
  for (const size_t most : {10u, 100u}) {
    const auto timeline = TimelineOf(rig.graph, *rig.target, rig.ledger, most);
    REQUIRE(timeline.size() == 1);
    CHECK(timeline[0].slices.size() <= most);
    double busy = 0;
    Picos last{};
    for (const TimeSlice& slice : timeline[0].slices) {
      CHECK(slice.begin >= last);
      last = slice.end;
      busy += slice.busy * static_cast<double>((slice.end - slice.begin).value);
    }
    // Neighbours join when they differ by less than a tenth.
    CHECK(busy == doctest::Approx(3.0 * kCharges).epsilon(0.1));
    CHECK(timeline[0].slices.front().op == "matmul");
    CHECK(timeline[0].slices.back().op == "silu");
  }
}

TEST_CASE("a timeline in JSON has equally many of everything") {
  Rig rig;
  rig.Charge(0, 0, 1000000);
  const auto json = ToJson(TimelineOf(rig.graph, *rig.target, rig.ledger));
  CHECK(json[0]["unit"] == "host.cores");
  CHECK(json[0]["end_s"][0] == 1e-6);
  CHECK(json[0]["ops"] == nlohmann::json::array({"matmul"}));
}

}  // namespace
}  // namespace triptych::cli
