// SPDX-License-Identifier: Apache-2.0
#include "tools/cli/bounds.h"

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "models/ops/op.h"

namespace triptych::cli {

WhatBounds BoundsOf(const std::map<std::string, double>& busy, double whole) {
  std::vector<std::pair<double, std::string>> units;
  for (const auto& [unit, time] : busy) {
    if (time > 0) units.emplace_back(time, unit);
  }
  std::ranges::stable_sort(units, std::greater<>(),
                           &std::pair<double, std::string>::first);
  WhatBounds what;
  size_t next = 0;
  if (!units.empty() && units[0].first >= whole / 2) {
    what.bound = units[0].second;
    next = 1;
  }
  if (next < units.size()) what.next_bound = units[next].second;
  return what;
}

std::map<std::string, WhatBounds> BoundsByOp(const Graph& graph,
                                             const Target& target,
                                             const Ledger& ledger) {
  std::map<std::string, std::map<std::string, double>> busy;
  std::map<std::string, double> whole;
  for (const auto& [key, row] : ledger.rows()) {
    const auto& [node, unit, action] = key;
    const std::string op(graph.node(node).op->name);
    const double seconds = Seconds(row.busy);
    if (unit == kSchedule) {
      whole[op] += seconds;
    } else {
      busy[op][target.units()[static_cast<size_t>(unit)].name] += seconds;
    }
  }
  std::map<std::string, WhatBounds> bounds;
  for (const auto& [op, seconds] : whole) {
    bounds[op] = BoundsOf(busy[op], seconds);
  }
  return bounds;
}

}  // namespace triptych::cli
