// SPDX-License-Identifier: Apache-2.0
#include "tools/search/trials.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <utility>

#include "kernels/base/check.h"
#include "kernels/base/parallel.h"
#include "tools/analysis/dominance.h"

namespace triptych::search {

std::vector<size_t> Trials::Ask(const std::vector<Point>& points) {
  std::vector<size_t> asked;
  const size_t known = trials_.size();
  for (const Point& point : points) {
    const auto [entry, is_new] = index_.emplace(point, trials_.size());
    if (is_new) trials_.push_back({point, {}, ""});
    asked.push_back(entry->second);
  }
  ParallelFor(trials_.size() - known, threads_, [&](size_t i) {
    trials_[known + i] = Answer(trials_[known + i].point);
  });
  return asked;
}

Trial Trials::Answer(const Point& point) const {
  Result<std::vector<double>> objectives = evaluate_(point);
  if (!objectives) return {point, {}, objectives.error().message};
  TRIPTYCH_CHECK(objectives->size() == objectives_.size(), "objectives",
                 objectives->size());
  for (size_t i = 0; i < objectives->size(); ++i) {
    const double value = (*objectives)[i];
    if (std::isfinite(value)) continue;
    return {point,
            {},
            fmt::format("{}: {}: allowed are finite numbers",
                        objectives_[i].column, value)};
  }
  return {point, std::move(*objectives), ""};
}

std::vector<double> Trials::CostsOf(size_t trial) const {
  std::vector<double> costs = trials_[trial].objectives;
  if (costs.empty()) {
    costs.assign(objectives_.size(), std::numeric_limits<double>::max());
    return costs;
  }
  for (size_t i = 0; i < costs.size(); ++i) {
    if (objectives_[i].maximise) costs[i] = -costs[i];
  }
  return costs;
}

Found Trials::Take() && {
  analysis::Costs costs{objectives_.size(), {}};
  std::vector<size_t> answered;
  for (size_t i = 0; i < trials_.size(); ++i) {
    if (trials_[i].objectives.empty()) continue;
    answered.push_back(i);
    for (const double cost : CostsOf(i)) costs.values.push_back(cost);
  }
  Found found{std::move(trials_), analysis::NonDominated(costs)};
  for (size_t& row : found.front) row = answered[row];
  return found;
}

}  // namespace triptych::search
