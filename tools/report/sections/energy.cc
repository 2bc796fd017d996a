// Energy by action, and what of it is assumed.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "tools/report/charts/bars.h"
#include "tools/report/sections/sections.h"

namespace triptych::report {

Blocks BuildEnergy(const Material& material) {
  Blocks blocks;
  for (size_t i = 0; i < material.machines.size(); ++i) {
    const Machine& m = material.machines[i];
    double total = 0;
    for (const ActionEnergy& e : m.energy) total += e.joules;
    if (!(total > 0)) continue;
    auto chart = std::make_unique<BarChart>();
    chart->title = "Energy of " + NameOf(material, m);
    chart->description =
        fmt::format("Energy by action; {:.0f} % of it rests on assumed numbers",
                    100 * m.assumed_energy_fraction);
    chart->quantity = {"energy", "J"};
    chart->hatching = "assumed";
    for (const ActionEnergy& e : m.energy) {
      if (e.joules <= 0) continue;
      chart->bars.push_back(
          {.label = e.action,
           .value = e.joules,
           .hatched = e.assumed ? 1.0 : 0.0,
           .note = fmt::format("{:.1f} % of all", 100 * e.joules / total),
           .series = i});
    }
    blocks.emplace_back(std::move(chart));
  }
  return blocks;
}

}  // namespace triptych::report
