// SPDX-License-Identifier: Apache-2.0
#include "tools/report/study.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <utility>

#include "kernels/base/check.h"
#include "tools/analysis/answers.h"

namespace triptych::report {
namespace {

double MeanOf(const sweep::Column& column) {
  double sum = 0, count = 0;
  for (const double value : column.numbers) {
    if (!std::isfinite(value)) continue;
    sum += value;
    ++count;
  }
  return count > 0 ? sum / count : kUnknown;
}

Sensitivity SensitivityOf(const sweep::Results& results,
                          const analysis::Explained& explained) {
  const sweep::Column& output = *results.Find(explained.output);
  Sensitivity s{
      .objective = output.name, .unit = output.unit, .base = MeanOf(output)};
  for (const analysis::TornadoBar& bar : explained.tornado) {
    s.swings.push_back(
        {bar.axis, bar.low_level, bar.high_level, bar.low, bar.high});
  }
  for (const analysis::MainEffect& from : explained.effects) {
    Effect effect{from.axis, {}, {}};
    for (const analysis::LevelMean& level : from.levels) {
      effect.levels.push_back(level.level);
      effect.means.push_back(level.mean);
    }
    s.effects.push_back(std::move(effect));
  }
  if (!explained.sobol) return s;
  const auto& indices = explained.sobol->indices.of_input;
  for (size_t i = 0; i < indices.size(); ++i) {
    const analysis::SobolIndex& from = indices[i];
    s.indices.push_back({explained.sobol->axes[i], from.first,
                         (from.first_high - from.first_low) / 2, from.total,
                         (from.total_high - from.total_low) / 2});
  }
  return s;
}

BoundMap MapOf(const analysis::BindsMap& from) {
  BoundMap map{from.x, from.y, from.x_levels, from.y_levels, {}, {}};
  for (const analysis::BindsCell& cell : from.cells) {
    if (cell.points == 0) {
      map.cells.push_back(kUnknown);
      continue;
    }
    auto place = std::ranges::find(map.bounds, cell.bound);
    if (place == map.bounds.end()) {
      place = map.bounds.insert(place, cell.bound);
    }
    map.cells.push_back(static_cast<double>(place - map.bounds.begin()));
  }
  return map;
}

// How many points of the front the errors of the models leave on it.
std::string StabilityOf(const analysis::Answers& answers) {
  size_t validated = 0, median = 0, p90 = 0;
  for (const analysis::PointStability& point : answers.stability) {
    if (!point.error) continue;
    ++validated;
    median += point.median.alone;
    p90 += point.p90.alone;
  }
  if (answers.stability.empty()) return "";
  if (validated == 0) {
    return "None of the targets on the front has been validated on whole "
           "steps: how far its points could move is not known.";
  }
  return fmt::format(
      "Of {} points of the front, {} are of targets with a known error. {} of "
      "them stay on it if every point errs by the median error of its target, "
      "{} if it errs by the 90th percentile.",
      answers.stability.size(), validated, median, p90);
}

}  // namespace

bool IsDatabase(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string head(15, '\0');
  file.read(head.data(), static_cast<std::streamsize>(head.size()));
  return file && head == "SQLite format 3";
}

Study Analyse(sweep::Results results, const analysis::ErrorModel& errors) {
  Study study{.results = std::move(results)};
  const sweep::Results& r = study.results;
  // Names come from the study itself: there is nothing to be wrong about.
  const auto answers = analysis::FindAnswers(r, {.errors = errors});
  TRIPTYCH_CHECK(answers.has_value(), r.study);
  if (r.objectives.size() >= 2) {
    study.front = answers->front;
    const sweep::Column& first = *r.Find(r.objectives[0].column);
    std::ranges::sort(study.front, {}, [&](size_t point) {
      return std::pair(first.numbers[point], point);
    });
    if (answers->knee) study.knee = answers->knee->point;
    study.stability = StabilityOf(*answers);
  }
  for (const analysis::Explained& explained : answers->explained) {
    study.sensitivities.push_back(SensitivityOf(r, explained));
  }
  if (answers->binds) study.bound_maps.push_back(MapOf(*answers->binds));
  return study;
}

}  // namespace triptych::report
