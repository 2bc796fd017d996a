// How much of the time each unit works.
// SPDX-License-Identifier: Apache-2.0
#include "tools/report/charts/bars.h"
#include "tools/report/sections/sections.h"

namespace triptych::report {
namespace {

// An optical machine has a set of units a core: the busiest say it all.
constexpr size_t kMostUnits = 16;

}  // namespace

Blocks BuildUnits(const Material& material) {
  Blocks blocks;
  for (size_t i = 0; i < material.machines.size(); ++i) {
    const Machine& m = material.machines[i];
    if (m.busy.empty()) continue;
    auto chart = std::make_unique<BarChart>();
    chart->title = "Units of " + NameOf(material, m);
    chart->description =
        "The part of the time each unit is busy; the run is bound by " +
        m.bound;
    chart->quantity = {"busy", "%"};
    for (const auto& [unit, busy] : m.busy) {
      if (busy <= 0) continue;
      chart->bars.push_back({.label = unit,
                             .value = 100 * busy,
                             .note = unit == m.bound ? "what binds" : "",
                             .series = i});
    }
    SortByValue(chart->bars);
    if (chart->bars.size() > kMostUnits) chart->bars.resize(kMostUnits);
    blocks.emplace_back(std::move(chart));
  }
  return blocks;
}

}  // namespace triptych::report
