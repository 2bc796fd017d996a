// SPDX-License-Identifier: Apache-2.0
#include "tools/sweep/probe.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <string>

#include "kernels/base/check.h"

namespace triptych::sweep {
namespace {

search::Axis SpaceAxis(const Axis& axis) {
  search::Axis to{.name = axis.name};
  if (axis.continuous()) {
    to.kind = axis.kind == AxisKind::kWhole ? search::AxisKind::kWhole
                                            : search::AxisKind::kContinuous;
    to.low = axis.low;
    to.high = axis.high;
    to.log = axis.log;
    return to;
  }
  to.kind = search::AxisKind::kChoice;
  for (size_t i = 0; i < axis.levels.size(); ++i) {
    switch (axis.kind) {
      case AxisKind::kText:
        to.choices.push_back(axis.texts[i]);
        break;
      case AxisKind::kFlag:
        to.choices.push_back(axis.levels[i] != 0 ? "true" : "false");
        break;
      case AxisKind::kNumber:
      case AxisKind::kWhole:
        to.choices.push_back(fmt::format("{}", axis.levels[i]));
        break;
    }
  }
  return to;
}

}  // namespace

Probe::Probe(const Study& study, Tier tier)
    : study_(&study),
      evaluator_(MakeEvaluator(study, tier)),
      maker_(study, tier) {
  for (size_t a = 0; a < study.axes.size(); ++a) {
    if (!study.axes[a].varies()) continue;
    space_.push_back(SpaceAxis(study.axes[a]));
    axis_of_.push_back(a);
  }
}

void Probe::SetPoint(std::span<const double> place) {
  point_.values.clear();
  for (const Axis& axis : study_->axes) {
    point_.values.push_back(axis.varies() ? 0 : axis.levels[0]);
  }
  for (size_t i = 0; i < place.size(); ++i) {
    const Axis& axis = study_->axes[axis_of_[i]];
    point_.values[axis_of_[i]] =
        axis.continuous() ? place[i]
                          : axis.levels[static_cast<size_t>(place[i])];
  }
  const auto machine =
      static_cast<size_t>(point_.values[Study::machine_axis()]);
  for (size_t a = 0; a < point_.values.size(); ++a) {
    if (study_->axes[a].applies[machine]) continue;
    point_.values[a] = std::numeric_limits<double>::quiet_NaN();
  }
  point_.number += 1;
}

double Probe::ValueOf(std::string_view column) const {
  const auto measure = std::ranges::find(kMeasures, column, &Measure::name);
  if (measure != std::end(kMeasures)) {
    return row_.measures[static_cast<size_t>(measure - std::begin(kMeasures))];
  }
  const auto derived = study_->formulas.derived();
  const auto formula = std::ranges::find(derived, column, &Formula::name);
  if (formula != derived.end()) {
    return row_.derived[static_cast<size_t>(formula - derived.begin())];
  }
  const auto axis = std::ranges::find(study_->axes, column, &Axis::name);
  TRIPTYCH_CHECK(axis != study_->axes.end(), "no column", column);
  return point_.values[static_cast<size_t>(axis - study_->axes.begin())];
}

Result<search::Answer> Probe::At(std::span<const double> place) {
  TRIPTYCH_CHECK(place.size() == space_.size(), place.size(), space_.size());
  for (size_t i = 0; i < place.size(); ++i) {
    TRIPTYCH_TRY(search::CheckValue(space_[i], place[i]));
  }
  SetPoint(place);
  maker_.Make(*evaluator_, point_, row_);
  if (row_.status != PointStatus::kOk) {
    return MakeError(
        ErrorCode::kInvalid,
        fmt::format("{}: {}", kStatusNames[static_cast<size_t>(row_.status)],
                    row_.message));
  }
  search::Answer answer;
  for (const Objective& objective : study_->objectives) {
    answer.objectives.push_back(ValueOf(objective.column));
  }
  for (size_t m = 0; m < study_->measures(); ++m) {
    if (std::isnan(row_.measures[m])) continue;
    answer.measures.emplace_back(kMeasures[m].name, row_.measures[m]);
  }
  answer.measures.emplace_back(kBoundMeasure, row_.bound);
  for (size_t d = 0; d < row_.derived.size(); ++d) {
    answer.measures.emplace_back(study_->formulas.derived()[d].name,
                                 row_.derived[d]);
  }
  return answer;
}

}  // namespace triptych::sweep
