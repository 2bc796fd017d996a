// Time and energy by kind of operator.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "tools/report/charts/stacked_bars.h"
#include "tools/report/sections/sections.h"

namespace triptych::report {
namespace {

std::unique_ptr<Chart> Breakdown(const Material& material, const char* title,
                                 Quantity quantity, double OpKind::*value) {
  auto chart = std::make_unique<StackedBarChart>();
  chart->title = title;
  chart->description =
      "One bar a machine, divided by kind of operator; the "
      "total stands at its end";
  chart->quantity = std::move(quantity);
  chart->shares = true;  // totals are far apart, and stand beside the bars
  for (const Machine& m : material.machines) {
    if (m.ops.empty()) continue;
    StackedBar bar{NameOf(material, m), {}};
    for (const OpKind& op : m.ops) bar.parts[op.op] += op.*value;
    chart->bars.push_back(std::move(bar));
  }
  return chart;
}

}  // namespace

Blocks BuildOperators(const Material& material) {
  Blocks blocks;
  if (std::ranges::all_of(material.machines,
                          [](const Machine& m) { return m.ops.empty(); })) {
    return blocks;
  }
  blocks.emplace_back(
      Breakdown(material, "Time by operator", {"time", "s"}, &OpKind::seconds));
  blocks.emplace_back(Breakdown(material, "Energy by operator", {"energy", "J"},
                                &OpKind::energy_j));
  return blocks;
}

}  // namespace triptych::report
