// SPDX-License-Identifier: Apache-2.0
#include "tools/analysis/pareto.h"

#include <algorithm>
#include <cmath>

namespace triptych::analysis {
namespace {

using Costs = std::vector<double>;  // to be minimised

bool Dominates(const Costs& a, const Costs& b) {
  bool better = false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] > b[i]) return false;
    better |= a[i] < b[i];
  }
  return better;
}

// Of each row; empty if an objective is missing.
std::vector<Costs> CostsOf(const sweep::Results& results) {
  std::vector<Costs> costs(results.points);
  for (size_t row = 0; row < results.points; ++row) {
    for (const sweep::Objective& objective : results.objectives) {
      const sweep::Column* column = results.Find(objective.column);
      const double value = column->numbers[row];
      costs[row].push_back(objective.maximise ? -value : value);
    }
    if (!std::ranges::all_of(costs[row],
                             [](double c) { return std::isfinite(c); })) {
      costs[row].clear();
    }
  }
  return costs;
}

}  // namespace

std::vector<size_t> ParetoFront(const sweep::Results& results) {
  const std::vector<Costs> costs = CostsOf(results);
  std::vector<size_t> front;
  for (size_t row = 0; row < costs.size(); ++row) {
    if (costs[row].empty()) continue;
    const auto beats = [&](size_t other) {
      return Dominates(costs[other], costs[row]);
    };
    if (std::ranges::any_of(front, beats)) continue;
    std::erase_if(front, [&](size_t other) {
      return Dominates(costs[row], costs[other]);
    });
    front.push_back(row);
  }
  return front;
}

std::vector<size_t> ParetoBand(const sweep::Results& results, double band) {
  const std::vector<Costs> costs = CostsOf(results);
  const std::vector<size_t> front = ParetoFront(results);
  std::vector<size_t> near;
  for (size_t row = 0; row < costs.size(); ++row) {
    if (costs[row].empty()) continue;
    Costs improved = costs[row];
    for (double& cost : improved) cost -= band * std::abs(cost);
    if (std::ranges::none_of(front, [&](size_t other) {
          return Dominates(costs[other], improved);
        })) {
      near.push_back(row);
    }
  }
  return near;
}

}  // namespace triptych::analysis
