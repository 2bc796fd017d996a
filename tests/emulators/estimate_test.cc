// An estimate is the sum of the whole walk, for every target and every
// family of graphs.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/estimate.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "models/build/build.h"
#include "models/presets/presets.h"

namespace triptych {
namespace {

std::vector<Binding> BindingsOf(Phase phase) {
  if (phase == Phase::kDecode) return {{1, 1, 511}, {3, 1, 1000}};
  return {{1, 40, 0}, {2, 130, 0}};
}

Profile WholeWalk(const Target& target, const Graph& graph, Phase phase,
                  const Binding& binding) {
  const auto program = target.Compile(graph, nullptr);
  REQUIRE(program);
  Ledger ledger(Ledger::Mode::kFold);
  REQUIRE(
      (*program)->Run({.phase = phase, .binding = binding}, nullptr, ledger));
  return MakeProfile(graph, target, ledger);
}

double Off(double got, double want) {
  return want == 0 ? std::abs(got) : std::abs(got / want - 1);
}

// The largest relative difference of any sum.
double Difference(const Estimate& estimate, const Profile& whole) {
  const Cost &e = estimate.total, &w = whole.total;
  const auto number = [](uint64_t n) { return static_cast<double>(n); };
  return std::max({Off(e.seconds, w.seconds), Off(e.energy_j, w.energy_j),
                   Off(e.assumed_energy_j, w.assumed_energy_j),
                   Off(number(e.flops), number(w.flops)),
                   Off(number(e.matrix_flops), number(w.matrix_flops)),
                   Off(number(e.padding_flops), number(w.padding_flops)),
                   Off(number(e.off_chip_bytes), number(w.off_chip_bytes)),
                   Off(number(e.internal_bytes), number(w.internal_bytes)),
                   Off(estimate.cycles, whole.cycles),
                   Off(estimate.utilisation, whole.utilisation)});
}

// Of units that are equally busy either may be named.
bool IsBusiest(const Profile& whole, std::string_view bound) {
  if (bound == whole.bound) return true;
  const auto of = [&](std::string_view unit) {
    const auto found = whole.busy.find(std::string(unit));
    return found == whole.busy.end() ? 0.5 : found->second;
  };
  return Off(of(bound), of(whole.bound)) < 1e-12;
}

// Rates of the host as it is measured would be those of a sanitizer, under
// which the largest models take longer than times can say.
std::vector<std::string> FixedRates(std::string_view target) {
  if (target != "cpu") return {};
  return {"matrix_gflops=100", "vector_gflops=50", "dram_gb_per_s=20"};
}

// The smallest of each architecture: folding is about what repeats, and large
// models only take longer to walk.
std::vector<ModelPreset> OneOfEachArchitecture() {
  std::map<std::string, ModelPreset> smallest;
  for (const ModelPreset& preset : ModelPresets()) {
    const auto [seen, first] =
        smallest.try_emplace(preset.config.architecture, preset);
    if (!first && preset.parameters < seen->second.parameters) {
      seen->second = preset;
    }
  }
  std::vector<ModelPreset> presets;
  for (auto& [architecture, preset] : smallest) presets.push_back(preset);
  return presets;
}

TEST_CASE("an estimate equals the walk over every node") {
  for (const TargetEntry& entry : AllTargets()) {
    const auto target = MakeTarget(entry.name, FixedRates(entry.name));
    REQUIRE(target);
    for (const ModelPreset& preset : OneOfEachArchitecture()) {
      const std::string& name = preset.config.name;
      const auto graph = BuildGraph(preset.config);
      REQUIRE(graph);
      for (const Entry& phase : graph->entries()) {
        const Fold fold(**target, *graph, phase.phase);
        CHECK(fold.parts().size() <= graph->NodesOf(phase).size());
        for (const Binding& binding : BindingsOf(phase.phase)) {
          INFO(entry.name, " ", name, " ", PhaseName(phase.phase), " batch ",
               binding.batch);
          const Profile whole =
              WholeWalk(**target, *graph, phase.phase, binding);
          const auto estimate = EstimateRun(**target, fold, binding);
          REQUIRE(estimate);
          CHECK(Difference(*estimate, whole) <= 1e-12);
          CHECK(IsBusiest(whole, estimate->bound));
        }
      }
    }
  }
}

TEST_CASE("a fold counts every node once") {
  const auto config = PresetByName("llama-3.2-1b");
  REQUIRE(config);
  const auto graph = BuildGraph(*config);
  REQUIRE(graph);
  const auto target = MakeTarget("npu");
  REQUIRE(target);
  for (const Entry& entry : graph->entries()) {
    const Fold fold(**target, *graph, entry.phase);
    int64_t nodes = 0;
    for (const Fold::Part& part : fold.parts()) nodes += part.times;
    CHECK(nodes == static_cast<int64_t>(graph->NodesOf(entry).size()));
    // Sixteen layers that are alike.
    CHECK(fold.parts().size() * 8 < graph->NodesOf(entry).size());
  }
}

TEST_CASE("a family makes the machines that MakeTarget makes") {
  for (const TargetEntry& entry : AllTargets()) {
    INFO(entry.name);
    const auto family = TargetFamily::Open(entry.name);
    REQUIRE(family);
    const auto made = family->Make({});
    const auto direct = MakeTarget(entry.name);
    REQUIRE(made);
    REQUIRE(direct);
    CHECK((*made)->preset() == (*direct)->preset());
    CHECK((*made)->params().Effective() == (*direct)->params().Effective());
  }
}

TEST_CASE("a change counts, and a wrong one is an error that names it") {
  const auto family = TargetFamily::Open("npu");
  REQUIRE(family);
  const TargetFamily::Change twice[] = {{"clock_hz", 2e9}};
  const auto fast = family->Make(twice);
  REQUIRE(fast);
  CHECK((*fast)->clock().value == 2e9);
  const TargetFamily::Change typo[] = {{"clock_hx", 2e9}};
  const auto unknown = family->Make(typo);
  REQUIRE(!unknown);
  CHECK(unknown.error().message.contains("clock_hz"));
  const TargetFamily::Change high[] = {{"clock_hz", 1e30}};
  const auto range = family->Make(high);
  REQUIRE(!range);
  CHECK(range.error().message.contains("out of range"));
}

}  // namespace
}  // namespace triptych
