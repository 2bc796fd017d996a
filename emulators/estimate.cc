// SPDX-License-Identifier: Apache-2.0
#include "emulators/estimate.h"

#include <algorithm>

#include "kernels/base/check.h"

namespace triptych {

Result<TargetFamily> TargetFamily::Open(
    std::string_view spec, std::span<const std::string> overrides) {
  TRIPTYCH_ASSIGN(const auto target, MakeTarget(spec, overrides));
  // The effective configuration: every key is there, with its provenance.
  TRIPTYCH_ASSIGN(Config config,
                  Config::Parse(target->params().Effective(), spec));
  const auto all = AllTargets();
  const auto entry = std::ranges::find(all, target->name(), &TargetEntry::name);
  return TargetFamily(*entry, std::string(target->preset()), std::move(config));
}

Result<std::unique_ptr<Target>> TargetFamily::Make(
    std::span<const Change> changes) const {
  Config config = config_;
  for (const Change& change : changes) config.Set(change.key, change.value);
  return entry_->make(preset_, config);
}

Fold::Fold(const Target&, const Graph& graph, Phase phase)
    : graph_(&graph), phase_(phase) {
  const Entry* entry = graph.FindEntry(phase);
  TRIPTYCH_CHECK(entry != nullptr, "no phase", PhaseName(phase));
  for (const Node& node : graph.NodesOf(*entry)) parts_.push_back({node.id, 1});
}

Result<Estimate> EstimateRun(const Target& target, const Fold& fold,
                             const Binding& binding) {
  TRIPTYCH_ASSIGN(const auto program, target.Compile(fold.graph(), nullptr));
  Ledger ledger(Ledger::Mode::kFold);
  TRIPTYCH_TRY(program->Run({.phase = fold.phase(), .binding = binding},
                            nullptr, ledger));
  const Profile profile = MakeProfile(fold.graph(), target, ledger);
  Estimate estimate{profile.total, profile.cycles, profile.utilisation,
                    "latency"};
  for (const Unit& unit : target.units()) {
    if (unit.name == profile.bound) estimate.bound = unit.name;
  }
  return estimate;
}

}  // namespace triptych
