// Rows of a report by layer add up to the ledger, and errors are those that
// were made.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/layer_report.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <numeric>
#include <vector>

#include "models/tensors.h"
#include "tests/emulators/fake_target.h"

namespace triptych {
namespace {

constexpr int64_t kRows = 5, kCols = 8;

// A host's operator between two layers with a product each.
struct Fixture {
  explicit Fixture(Fault fault) {
    GraphBuilder b("two");
    const ValueId x = b.Input("x", {kTokenRows, kCols});
    b.SetLayer(0);
    const ValueId y =
        b.Add("matmul", "layers.0.up", {x, b.Weight("w0", kCols, kCols)});
    const ValueId s = b.Add("add", "layers.0.add", {x, y});
    b.SetLayer(1);
    const ValueId z =
        b.Add("matmul", "layers.1.up", {s, b.Weight("w1", kCols, kCols)});
    b.AddEntry(Phase::kEncode, 0, z);
    graph = *b.Finish();
    weights = std::make_unique<Weights>(Weights::Random(graph, 3));
    target = *MakeFake(*Config::Parse(FakePreset(), "fake.toml"), fault);
    meter = std::make_unique<LayerMeter>(graph, *target, weights.get());
    program = *target->Compile(graph, weights.get(), meter->Watching());
  }
  void Run(Ledger& ledger) const {
    TensorStore store(graph, 1, 1);
    const MatView<float> in =
        store.Make(graph.FindValue("x")->id, kRows, kCols);
    std::iota(in.data(), in.data() + in.size(), -17.0f);
    REQUIRE(
        program->Run({.phase = Phase::kEncode, .binding = {.tokens = kRows}},
                     &store, ledger));
  }
  Graph graph;
  std::unique_ptr<Weights> weights;
  std::unique_ptr<Target> target;
  std::unique_ptr<LayerMeter> meter;
  std::unique_ptr<Program> program;
};

double SumOf(const std::vector<TimePart>& parts) {
  double sum = 0;
  for (const TimePart& part : parts) sum += part.seconds;
  return sum;
}

TEST_CASE("every row adds up, and rows to the ledger") {
  const Fixture f(Fault::kNone);
  Ledger ledger;
  f.Run(ledger);
  f.Run(ledger);
  const LayerReport report = f.meter->Report(Phase::kEncode, ledger);
  const Profile profile = MakeProfile(f.graph, *f.target, ledger);
  REQUIRE(report.nodes.size() == 3);
  REQUIRE(report.operators.size() == 2);
  REQUIRE(report.layers.size() == 2);
  CHECK(report.operators[0].op.name == "up");
  CHECK(report.operators[0].op.nodes == 2);
  CHECK(report.layers[1].op.name == "layer 1");
  CHECK(report.total.op.nodes == 3);
  CHECK(report.total.op.cost.matrix_flops == profile.total.matrix_flops);
  CHECK(report.total.op.cost.seconds ==
        doctest::Approx(Seconds(ledger.makespan())));
  CHECK(report.total.utilisation == doctest::Approx(profile.utilisation));
  for (const auto& [action, joules] : profile.energy_j) {
    CHECK(report.total.energy_j.at(action) == doctest::Approx(joules));
  }
  for (const auto* rows : {&report.nodes, &report.operators, &report.layers}) {
    double seconds = 0, energy = 0, error = 0;
    for (const LayerRow& row : *rows) {
      CHECK(SumOf(row.time) == doctest::Approx(row.op.cost.seconds));
      double of_row = 0;
      for (const auto& [action, joules] : row.energy_j) of_row += joules;
      CHECK(of_row == doctest::Approx(row.op.cost.energy_j));
      seconds += row.op.cost.seconds;
      energy += row.op.cost.energy_j;
      error += row.error;
    }
    CHECK(seconds == doctest::Approx(report.total.op.cost.seconds));
    CHECK(energy == doctest::Approx(report.total.op.cost.energy_j));
    CHECK(error == doctest::Approx(report.total.error));
  }
  // A machine that names no parts of its time has one; the sum is the host's.
  const LayerRow& sum = report.nodes[1];
  REQUIRE(sum.time.size() == 3);
  CHECK(sum.time[0].name == "machine");
  CHECK(sum.time[0].seconds == 0);
  CHECK(sum.time[1].seconds > 0);
  CHECK_FALSE(sum.compared());
}

TEST_CASE("an output that is off by 5 % is an error of that size") {
  const Fixture good(Fault::kNone), bad(Fault::kWrongOutput);
  Ledger ledger, spoiled;
  good.Run(ledger);
  bad.Run(spoiled);
  const LayerRow right = good.meter->Report(Phase::kEncode, ledger).nodes[0];
  const LayerRow wrong = bad.meter->Report(Phase::kEncode, spoiled).nodes[0];
  REQUIRE(right.compared());
  CHECK(right.signal == wrong.signal);
  CHECK(right.relative_rms() < 1e-2);
  // At most one output of one row, so at most 5 % of the whole.
  CHECK(wrong.error > right.error);
  CHECK(wrong.relative_rms() < 0.05);
  CHECK(
      wrong.effective_bits() ==
      doctest::Approx((-20 * std::log10(wrong.relative_rms()) - 1.76) / 6.02));
  CHECK(wrong.dominant() == nullptr);
  CHECK(wrong.explained() == 0);
}

// Phases may share their nodes.
TEST_CASE("a phase has its own sums") {
  GraphBuilder b("shared");
  const ValueId x = b.Input("x", {kTokenRows, kCols});
  const ValueId y = b.Add("matmul", "up", {x, b.Weight("w", kCols, kCols)});
  b.AddEntry(Phase::kPrefill, 0, y);
  b.AddEntry(Phase::kDecode, 0, y);
  const Graph graph = *b.Finish();
  const Weights weights = Weights::Random(graph, 3);
  const auto target = *MakeFake(*Config::Parse(FakePreset(), "fake.toml"));
  LayerMeter meter(graph, *target, &weights);
  const auto program = *target->Compile(graph, &weights, meter.Watching());
  TensorStore store(graph, 1, kRows + 1);
  std::array<Ledger, 2> ledgers;
  for (const bool decode : {false, true}) {
    const int64_t rows = decode ? 1 : kRows;
    const MatView<float> in = store.Make(x, rows, kCols);
    std::fill(in.data(), in.data() + in.size(), 1.0f);
    REQUIRE(program->Run({.phase = decode ? Phase::kDecode : Phase::kPrefill,
                          .binding = {1, rows, decode ? kRows : 0}},
                         &store, ledgers[decode ? 1 : 0]));
  }
  const double prefill = meter.Report(Phase::kPrefill, ledgers[0]).total.signal;
  const double decode = meter.Report(Phase::kDecode, ledgers[1]).total.signal;
  CHECK(prefill == doctest::Approx(kRows * decode));
}

TEST_CASE("timing alone is not compared") {
  const Fixture f(Fault::kNone);
  Ledger ledger;
  REQUIRE(
      f.program->Run({.phase = Phase::kEncode, .binding = {.tokens = kRows}},
                     nullptr, ledger));
  const LayerReport report = f.meter->Report(Phase::kEncode, ledger);
  CHECK_FALSE(report.total.compared());
  CHECK(report.total.op.cost.seconds > 0);
}

}  // namespace
}  // namespace triptych
