// SPDX-License-Identifier: Apache-2.0
#include "tools/analysis/pareto.h"

#include <algorithm>
#include <cmath>

#include "kernels/base/check.h"
#include "tools/analysis/hypervolume.h"

namespace triptych::analysis {
namespace {

std::vector<const sweep::Column*> ObjectiveColumns(
    const sweep::Results& results) {
  std::vector<const sweep::Column*> columns;
  for (const sweep::Objective& objective : results.objectives) {
    const sweep::Column* column = results.Find(objective.column);
    TRIPTYCH_CHECK(column != nullptr && !column->is_text(), "objective",
                   objective.column);
    columns.push_back(column);
  }
  return columns;
}

// The lowest and the highest of each column.
struct Range {
  double low, high;
};
std::vector<Range> RangesOf(const Costs& costs) {
  std::vector<Range> ranges;
  for (size_t c = 0; c < costs.width; ++c) {
    Range range{costs.Row(0)[c], costs.Row(0)[c]};
    for (size_t i = 1; i < costs.rows(); ++i) {
      range.low = std::min(range.low, costs.Row(i)[c]);
      range.high = std::max(range.high, costs.Row(i)[c]);
    }
    ranges.push_back(range);
  }
  return ranges;
}

// Columns scaled to [0, 1] by ranges; without those that have no extent.
Costs Scaled(const Costs& costs, const std::vector<Range>& ranges) {
  Costs scaled{0, {}};
  for (const Range& range : ranges) scaled.width += range.low < range.high;
  for (size_t i = 0; i < costs.rows() && scaled.width > 0; ++i) {
    for (size_t c = 0; c < costs.width; ++c) {
      const auto [low, high] = ranges[c];
      if (low < high) {
        scaled.values.push_back((costs.Row(i)[c] - low) / (high - low));
      }
    }
  }
  return scaled;
}

// Of a row, while the band is found.
enum class State : uint8_t { kFront, kInside, kOutside };

// The columns that are not in the set of bits `tied`, of some rows.
Costs Untied(const Costs& costs, unsigned tied, std::span<const size_t> rows) {
  Costs untied{0, {}};
  for (size_t c = 0; c < costs.width; ++c) untied.width += !((tied >> c) & 1);
  for (const size_t row : rows) {
    for (size_t c = 0; c < costs.width; ++c) {
      if (!((tied >> c) & 1)) untied.values.push_back(costs.Row(row)[c]);
    }
  }
  return untied;
}

// Of rows that are equal in the tied columns: those that the front among them
// beats by `band` in the others are outside.
void LeaveOutOfGroup(const Costs& costs, unsigned tied, double band,
                     std::span<const size_t> group,
                     std::vector<State>& states) {
  std::vector<size_t> front, inside;
  for (const size_t row : group) {
    (states[row] == State::kFront ? front : inside).push_back(row);
  }
  if (front.empty() || inside.empty()) return;
  Costs improved = Untied(costs, tied, inside);
  for (double& cost : improved.values) cost -= band * std::abs(cost);
  const auto covered = Covered(improved, Untied(costs, tied, front));
  for (size_t i = 0; i < inside.size(); ++i) {
    if (covered[i]) states[inside[i]] = State::kOutside;
  }
}

void LeaveOut(const Costs& costs, unsigned tied, double band,
              std::vector<State>& states) {
  std::vector<size_t> rows;
  for (size_t i = 0; i < states.size(); ++i) {
    if (states[i] != State::kOutside) rows.push_back(i);
  }
  const auto order = [&](size_t a, size_t b) {
    for (size_t c = 0; c < costs.width; ++c) {
      const double x = costs.Row(a)[c], y = costs.Row(b)[c];
      if (((tied >> c) & 1) && x != y) return x < y;
    }
    return false;
  };
  if (tied != 0) std::ranges::sort(rows, order);
  for (auto begin = rows.begin(); begin != rows.end();) {
    const auto end = tied == 0
                         ? rows.end()
                         : std::upper_bound(begin, rows.end(), *begin, order);
    LeaveOutOfGroup(costs, tied, band, {begin, end}, states);
    begin = end;
  }
}

}  // namespace

std::vector<size_t> CompletePoints(const sweep::Results& results) {
  const auto columns = ObjectiveColumns(results);
  std::vector<size_t> points;
  for (size_t i = 0; i < results.points && !columns.empty(); ++i) {
    if (std::ranges::all_of(columns, [&](const sweep::Column* column) {
          return std::isfinite(column->numbers[i]);
        })) {
      points.push_back(i);
    }
  }
  return points;
}

Costs CostsOf(const sweep::Results& results, std::span<const size_t> points) {
  const auto columns = ObjectiveColumns(results);
  Costs costs{std::max<size_t>(1, columns.size()), {}};
  costs.values.reserve(points.size() * columns.size());
  for (const size_t point : points) {
    for (size_t c = 0; c < columns.size(); ++c) {
      const double value = columns[c]->numbers[point];
      costs.values.push_back(results.objectives[c].maximise ? -value : value);
    }
  }
  return costs;
}

std::vector<size_t> ParetoFront(const sweep::Results& results) {
  const std::vector<size_t> points = CompletePoints(results);
  std::vector<size_t> front = NonDominated(CostsOf(results, points));
  for (size_t& row : front) row = points[row];
  return front;
}

std::vector<std::vector<size_t>> Fronts(const sweep::Results& results) {
  const std::vector<size_t> points = CompletePoints(results);
  const auto ranks = DominationRanks(CostsOf(results, points));
  std::vector<std::vector<size_t>> fronts;
  for (size_t i = 0; i < points.size(); ++i) {
    if (ranks[i] >= fronts.size()) fronts.resize(ranks[i] + 1);
    fronts[ranks[i]].push_back(points[i]);
  }
  return fronts;
}

std::vector<size_t> ParetoBand(const sweep::Results& results, double band) {
  TRIPTYCH_CHECK(band >= 0, "band", band);
  const std::vector<size_t> points = CompletePoints(results);
  const Costs costs = CostsOf(results, points);
  std::vector<State> states(points.size(), State::kInside);
  for (const size_t row : NonDominated(costs)) states[row] = State::kFront;
  const unsigned subsets = 1u << costs.width;
  for (unsigned tied = 0; tied + 1 < subsets; ++tied) {
    LeaveOut(costs, tied, band, states);
  }
  std::vector<size_t> inside;
  for (size_t i = 0; i < points.size(); ++i) {
    if (states[i] != State::kOutside) inside.push_back(points[i]);
  }
  return inside;
}

std::optional<Knee> FindKnee(const sweep::Results& results,
                             std::span<const size_t> front) {
  if (front.empty()) return std::nullopt;
  const Costs costs = CostsOf(results, front);
  const Costs scaled = Scaled(costs, RangesOf(costs));
  if (scaled.width < 2) return std::nullopt;
  // The ends of a front are on the plane but for rounding.
  constexpr double kOnPlane = 1e-9;
  std::optional<Knee> knee;
  for (size_t i = 0; i < scaled.rows(); ++i) {
    double below = 1;
    for (const double x : scaled.Row(i)) below -= x;
    const double distance =
        below / std::sqrt(static_cast<double>(scaled.width));
    if (distance > (knee ? knee->distance : kOnPlane)) {
      knee = Knee{front[i], distance};
    }
  }
  return knee;
}

double HypervolumeShare(const sweep::Results& results,
                        std::span<const size_t> front) {
  const std::vector<size_t> points = CompletePoints(results);
  if (points.empty()) return 0;
  const auto ranges = RangesOf(CostsOf(results, points));
  const Costs scaled = Scaled(CostsOf(results, front), ranges);
  if (scaled.width == 0) return 1;
  return Hypervolume(scaled, std::vector<double>(scaled.width, 1.0));
}

}  // namespace triptych::analysis
