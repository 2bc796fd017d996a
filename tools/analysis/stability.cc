// SPDX-License-Identifier: Apache-2.0
#include "tools/analysis/stability.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <compare>
#include <numeric>

#include "tools/analysis/pareto.h"

namespace triptych::analysis {
namespace {

// Rows of costs, each in a group that no row of it is compared with.
struct Grouped {
  Costs costs;
  std::vector<uint32_t> groups;

  void Add(std::span<const double> row, uint32_t group) {
    costs.values.insert(costs.values.end(), row.begin(), row.end());
    groups.push_back(group);
  }
  Grouped With(unsigned bit, bool set) const {
    Grouped some{{costs.width, {}}, {}};
    for (size_t i = 0; i < groups.size(); ++i) {
      if (((groups[i] >> bit) & 1) == set) some.Add(costs.Row(i), groups[i]);
    }
    return some;
  }
};

// Per row of `rows`: whether a row of another group in `by` is as low in
// every column. Groups that differ do so in a bit of their numbers.
std::vector<bool> CoveredByOthers(const Grouped& rows, const Grouped& by) {
  uint32_t most = 0;
  for (const uint32_t group : by.groups) most = std::max(most, group);
  for (const uint32_t group : rows.groups) most = std::max(most, group);
  std::vector<bool> covered(rows.groups.size());
  for (int bit = 0; bit < static_cast<int>(std::bit_width(most)); ++bit) {
    for (const bool set : {false, true}) {
      const auto found =
          Covered(rows.With(bit, set).costs, by.With(bit, !set).costs);
      size_t next = 0;
      for (size_t i = 0; i < rows.groups.size(); ++i) {
        if (((rows.groups[i] >> bit) & 1) != set) continue;
        covered[i] = covered[i] || found[next];
        ++next;
      }
    }
  }
  return covered;
}

// The study, point by point, as the errors see it.
class Study {
 public:
  Study(const sweep::Results& results, const ErrorModel& model)
      : points_(CompletePoints(results)), costs_(CostsOf(results, points_)) {
    for (const sweep::Objective& objective : results.objectives) {
      const sweep::Column& column = *results.Find(objective.column);
      exact_.push_back(column.role == sweep::Role::kAxis ||
                       std::ranges::find(model.exact, objective.column) !=
                           model.exact.end());
    }
    NameTargets(results, model);
  }

  const std::vector<size_t>& points() const { return points_; }
  const Costs& costs() const { return costs_; }
  uint32_t target(size_t row) const { return target_[row]; }
  // The first row with the same costs and target: they are one prediction.
  std::vector<uint32_t> Predictions() const;
  const std::string& name(size_t row) const { return names_[target_[row]]; }
  std::optional<RelativeError> error(size_t row) const {
    return errors_[target_[row]];
  }

  // A row worse (direction 1) or better (-1) by its target's error.
  std::vector<double> Moved(size_t row, double RelativeError::*which,
                            double direction) const {
    const auto costs = costs_.Row(row);
    std::vector<double> moved(costs.begin(), costs.end());
    const double error = errors_[target_[row]].value_or(RelativeError{}).*which;
    for (size_t c = 0; c < moved.size(); ++c) {
      if (!exact_[c]) moved[c] += direction * error * std::abs(moved[c]);
    }
    return moved;
  }

 private:
  void NameTargets(const sweep::Results& results, const ErrorModel& model);

  std::vector<size_t> points_;
  Costs costs_;
  std::vector<bool> exact_;       // a column
  std::vector<uint32_t> target_;  // a row
  std::vector<std::string> names_;
  std::vector<std::optional<RelativeError>> errors_;
};

void Study::NameTargets(const sweep::Results& results,
                        const ErrorModel& model) {
  const sweep::Column* column = results.Find(model.target_column);
  if (column != nullptr && column->is_text()) {
    names_ = column->texts;
    std::ranges::sort(names_);
    names_.erase(std::unique(names_.begin(), names_.end()), names_.end());
  } else {
    column = nullptr;
    names_ = {model.of_target.size() == 1 ? model.of_target.begin()->first
                                          : ""};
  }
  for (const std::string& name : names_) {
    const auto found = model.of_target.find(name);
    errors_.push_back(found == model.of_target.end()
                          ? std::nullopt
                          : std::optional(found->second));
  }
  for (const size_t point : points_) {
    const auto place = column == nullptr ? names_.begin()
                                         : std::ranges::lower_bound(
                                               names_, column->texts[point]);
    target_.push_back(static_cast<uint32_t>(place - names_.begin()));
  }
}

std::vector<uint32_t> Study::Predictions() const {
  std::vector<uint32_t> order(points_.size()), first(points_.size());
  std::iota(order.begin(), order.end(), 0u);
  const auto compare = [&](uint32_t a, uint32_t b) {
    const auto x = costs_.Row(a), y = costs_.Row(b);
    const auto by_costs = std::lexicographical_compare_three_way(
        x.begin(), x.end(), y.begin(), y.end());
    return by_costs != 0 ? by_costs < 0 : target_[a] < target_[b];
  };
  std::ranges::stable_sort(order, compare);
  for (size_t i = 0; i < order.size(); ++i) {
    const bool same = i > 0 && !compare(order[i - 1], order[i]);
    first[order[i]] = same ? first[order[i - 1]] : order[i];
  }
  return first;
}

// The rows of `costs` that can be among the rivals of a row: the front, and
// the front of the rest. Who is behind both is behind two others, one of which
// is not that row nor of its prediction.
std::vector<size_t> TwoLayers(const Costs& costs) {
  std::vector<size_t> layers = NonDominated(costs);
  Costs rest{costs.width, {}};
  std::vector<size_t> rows;
  for (size_t i = 0, next = 0; i < costs.rows(); ++i) {
    if (next < layers.size() && layers[next] == i) {
      ++next;
      continue;
    }
    rest.values.insert(rest.values.end(), costs.Row(i).begin(),
                       costs.Row(i).end());
    rows.push_back(i);
  }
  for (const size_t row : NonDominated(rest)) layers.push_back(rows[row]);
  return layers;
}

// Fills one Holds of each front point; front: rows of the study.
void Judge(const Study& study, const std::vector<size_t>& front,
           double RelativeError::*which,
           PointStability::Holds PointStability::*holds,
           std::vector<PointStability>& judged) {
  const size_t width = study.costs().width;
  Costs better{width, {}};
  for (size_t row = 0; row < study.costs().rows(); ++row) {
    const auto moved = study.Moved(row, which, -1);
    better.values.insert(better.values.end(), moved.begin(), moved.end());
  }
  const std::vector<uint32_t> predictions = study.Predictions();
  Grouped alone{{width, {}}, {}}, by_target = alone;
  for (const size_t row : front) {
    const auto worse = study.Moved(row, which, 1);
    alone.Add(worse, predictions[row]);
    by_target.Add(worse, study.target(row));
  }
  Grouped rivals{{width, {}}, {}}, all = rivals;
  for (const size_t row : TwoLayers(better)) {
    rivals.Add(better.Row(row), predictions[row]);
  }
  for (size_t row = 0; row < better.rows(); ++row) {
    all.Add(better.Row(row), study.target(row));
  }
  const auto lost_alone = CoveredByOthers(alone, rivals);
  const auto lost_by_target = CoveredByOthers(by_target, all);
  for (size_t i = 0; i < front.size(); ++i) {
    judged[i].*holds = {!lost_alone[i], !lost_by_target[i]};
  }
}

}  // namespace

std::vector<PointStability> FrontStability(const sweep::Results& results,
                                           const ErrorModel& model) {
  const Study study(results, model);
  const std::vector<size_t> front = NonDominated(study.costs());
  std::vector<PointStability> judged;
  for (const size_t row : front) {
    judged.push_back(
        {study.points()[row], study.name(row), study.error(row), {}, {}});
  }
  Judge(study, front, &RelativeError::median, &PointStability::median, judged);
  Judge(study, front, &RelativeError::p90, &PointStability::p90, judged);
  return judged;
}

}  // namespace triptych::analysis
