// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/graph_bounds.h"

namespace triptych::mesh {

void AddBounds(const Target& target, const Ledger& ledger,
               Prediction& prediction,
               const std::function<bool(NodeId)>& counts) {
  for (const auto& [key, row] : ledger.rows()) {
    const auto& [node, unit, action] = key;
    if (unit == kSchedule || (counts && !counts(node))) continue;
    const Unit& part = target.units()[static_cast<size_t>(unit)];
    prediction["bound_s." + part.name] += Seconds(row.busy);
  }
}

double DynamicJoules(const Target& target, const Ledger& ledger) {
  double joules = 0;
  for (const auto& [key, row] : ledger.rows()) {
    const auto& [node, unit, action] = key;
    const Action& what = target.actions()[static_cast<size_t>(action)];
    if (what.name == "static.cycle") continue;
    joules += what.energy.value * static_cast<double>(row.count);
  }
  return joules;
}

}  // namespace triptych::mesh
