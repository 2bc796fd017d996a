// Sums of a ledger written by hand.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/profile.h"

#include <doctest/doctest.h>

#include "tests/emulators/fake_target.h"

namespace triptych {
namespace {

constexpr ActionId kMatrixFlop{kHostActions}, kByte{kHostActions + 2};

struct Fixture {
  Fixture() {
    GraphBuilder b("two");
    const ValueId x = b.Input("x", {kTokenRows, 8});
    const ValueId y = b.Add("matmul", "first", {x, b.Weight("w0", 8, 8)});
    const ValueId z = b.Add("matmul", "second", {y, b.Weight("w1", 8, 8)});
    b.AddEntry(Phase::kEncode, 0, z);
    graph = *b.Finish();
    target = *MakeFake(*Config::Parse(FakePreset(), "fake.toml"));
  }
  Graph graph;
  std::unique_ptr<Target> target;
};

// 100 us of which the array works 60, in two nodes of 75 and 25 us.
Ledger Example() {
  const auto us = [](int64_t t) { return Picos(t * 1000000); };
  Ledger ledger;
  ledger.Add({0, kFakeArray, kMatrixFlop, 3000000, us(0), us(50)});
  ledger.Add({0, kFakeDram, kByte, 100000, us(0), us(20)});
  ledger.Add({0, kLink, kLinkByte, 500, us(50), us(75)});
  ledger.Add({0, kSchedule, kScheduleStep, 1, us(0), us(75)});
  ledger.Add({1, kFakeArray, kMatrixFlop, 1000000, us(75), us(85)});
  ledger.Add({1, kFakeDram, kByte, 100000, us(75), us(100)});
  ledger.Add({1, kSchedule, kScheduleStep, 1, us(75), us(100)});
  return ledger;
}

TEST_CASE("a profile is sums") {
  const Fixture f;
  const Profile p = MakeProfile(f.graph, *f.target, Example());
  CHECK(p.total.seconds == doctest::Approx(100e-6));
  CHECK(p.cycles == doctest::Approx(100e3));  // at 1 GHz
  CHECK(p.total.matrix_flops == 4000000);
  CHECK(p.total.flops == 4000000);
  CHECK(p.total.off_chip_bytes == 200500);
  CHECK(p.total.internal_bytes == 0);
  CHECK(p.bytes.at("dram.byte") == 200000);
  CHECK(p.bytes.at("host.link_byte") == 500);
  // 1 pJ a flop, 10 pJ a byte, 40 pJ a byte on the link.
  CHECK(p.total.energy_j == doctest::Approx(4e-6 + 2e-6 + 2e-8));
  CHECK(p.total.assumed_energy_fraction() == doctest::Approx(1));
  CHECK(p.energy_j.at("array.matrix_flop") == doctest::Approx(4e-6));
  // 4 Mflop in 100 us of 100 GFLOP/s.
  CHECK(p.utilisation == doctest::Approx(0.4));
  CHECK(p.bound == "array");
  CHECK(p.busy.at("array") == doctest::Approx(0.6));
  CHECK(p.busy.at("dram") == doctest::Approx(0.45));
  CHECK(p.roofline.flops_per_byte == doctest::Approx(4e6 / 200500));
  CHECK(p.roofline.roof_flops_per_second == doctest::Approx(1e11));
  CHECK(p.roofline.roof_fraction == doctest::Approx(0.4));
}

TEST_CASE("rows of nodes and of kinds") {
  const Fixture f;
  const Profile p = MakeProfile(f.graph, *f.target, Example());
  REQUIRE(p.nodes.size() == 2);
  CHECK(p.nodes[0].name == "first");
  CHECK(p.nodes[0].time_share == doctest::Approx(0.75));
  CHECK(p.nodes[1].cost.matrix_flops == 1000000);
  REQUIRE(p.kinds.size() == 1);
  CHECK(p.kinds[0].name == "matmul");
  CHECK(p.kinds[0].nodes == 2);
  CHECK(p.kinds[0].time_share == doctest::Approx(1));
}

TEST_CASE("idle machines are bound by latency; empty ledgers by nothing") {
  const Fixture f;
  Ledger ledger;
  ledger.Add({0, kFakeArray, kMatrixFlop, 1, Picos(0), Picos(10)});
  ledger.Add({0, kSchedule, kScheduleStep, 1, Picos(0), Picos(100)});
  CHECK(MakeProfile(f.graph, *f.target, ledger).bound == "latency");
  const Profile empty = MakeProfile(f.graph, *f.target, Ledger());
  CHECK(empty.total.seconds == 0);
  CHECK(empty.utilisation == 0);
  CHECK(empty.nodes.empty());
}

}  // namespace
}  // namespace triptych
