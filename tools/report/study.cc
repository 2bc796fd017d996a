// SPDX-License-Identifier: Apache-2.0
#include "tools/report/study.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "tools/analysis/pareto.h"
#include "tools/report/fields.h"
#include "tools/report/scale.h"

namespace triptych::report {
namespace {

using sweep::Column;
using sweep::Results;
using sweep::Role;

Result<Column> ReadColumn(const nlohmann::json& json, size_t points) {
  Fields f(json);
  f.Require("name").Require("role");
  Column column{.name = f.Text("name"), .unit = f.Text("unit")};
  const std::string role = f.Text("role");
  column.numbers = f.Numbers("numbers");
  column.texts = f.Texts("texts");
  TRIPTYCH_TRY(f.status());
  if (role == "axis") {
    column.role = Role::kAxis;
  } else if (role == "derived") {
    column.role = Role::kDerived;
  } else if (role != "measure") {
    return MakeError(ErrorCode::kCorrupt,
                     fmt::format("role: \"{}\" is not allowed; allowed axis, "
                                 "measure, derived",
                                 role));
  }
  if (column.numbers.size() + column.texts.size() != points) {
    return MakeError(
        ErrorCode::kCorrupt,
        fmt::format("{}: {} values; allowed {}, one a point", column.name,
                    column.numbers.size() + column.texts.size(), points));
  }
  return column;
}

// The distinct values of an axis, in order, and which of them each point has.
struct Levels {
  std::vector<std::string> names;
  std::vector<size_t> of_point;
};

Levels LevelsOf(const Column& column, size_t points) {
  Levels levels;
  levels.of_point.resize(points);
  const auto number = [&](const auto& values, const auto& name) {
    std::map<typename std::decay_t<decltype(values)>::value_type, size_t> seen;
    for (const auto& value : values) seen.emplace(value, 0);
    for (auto& [value, level] : seen) {
      level = levels.names.size();
      levels.names.push_back(name(value));
    }
    for (size_t i = 0; i < points; ++i) levels.of_point[i] = seen[values[i]];
  };
  if (column.is_text()) {
    number(column.texts, [](const std::string& text) { return text; });
  } else {
    // NaN has no place in an order: a level of its own, below all others.
    std::vector<double> values = column.numbers;
    for (double& v : values) v = std::isnan(v) ? -HUGE_VAL : v;
    number(values, [&](double v) {
      return std::isinf(v) ? "-" : FormatQuantity(v, column.unit);
    });
  }
  return levels;
}

// Axes that take more values than a picture has room for are random designs;
// their effect is for analyses with a model.
constexpr size_t kMostLevels = 40;

std::vector<const Column*> AxesOf(const Results& results) {
  std::vector<const Column*> axes;
  for (const Column& column : results.columns) {
    if (column.role == Role::kAxis) axes.push_back(&column);
  }
  return axes;
}

// From the first to the last level; names have no order: from the level of
// the least mean to that of the greatest.
AxisSwing SwingOf(const Effect& effect, bool names) {
  size_t low = 0, high = effect.means.size() - 1;
  for (size_t i = 0; names && i < effect.means.size(); ++i) {
    if (effect.means[i] < effect.means[low]) low = i;
    if (effect.means[i] > effect.means[high]) high = i;
  }
  return {effect.axis, effect.levels[low], effect.levels[high],
          effect.means[low], effect.means[high]};
}

Sensitivity SensitivityOf(const Results& results, const Column& objective) {
  Sensitivity s{.objective = objective.name, .unit = objective.unit};
  double sum = 0, count = 0;
  for (const double value : objective.numbers) {
    if (!std::isfinite(value)) continue;
    sum += value;
    ++count;
  }
  s.base = count > 0 ? sum / count : kUnknown;
  for (const Column* axis : AxesOf(results)) {
    const Levels levels = LevelsOf(*axis, results.points);
    const size_t n = levels.names.size();
    if (n < 2 || n > kMostLevels) continue;
    std::vector<double> sums(n, 0), counts(n, 0);
    for (size_t i = 0; i < results.points; ++i) {
      if (!std::isfinite(objective.numbers[i])) continue;
      sums[levels.of_point[i]] += objective.numbers[i];
      ++counts[levels.of_point[i]];
    }
    Effect effect{axis->name, levels.names, {}};
    for (size_t level = 0; level < n; ++level) {
      effect.means.push_back(counts[level] > 0 ? sums[level] / counts[level]
                                               : kUnknown);
    }
    s.swings.push_back(SwingOf(effect, axis->is_text()));
    s.effects.push_back(std::move(effect));
  }
  return s;
}

// Over the first two axes of numbers: the bound that most points of a cell
// have, the first in the alphabet of equally many.
std::vector<BoundMap> BoundMapsOf(const Results& results) {
  const Column* bound = results.Find("bound");
  std::vector<const Column*> axes;
  for (const Column* axis : AxesOf(results)) {
    if (axis->is_text()) continue;
    const size_t levels = LevelsOf(*axis, results.points).names.size();
    if (levels >= 2 && levels <= kMostLevels) axes.push_back(axis);
  }
  if (bound == nullptr || !bound->is_text() || axes.size() < 2) return {};
  const Levels columns = LevelsOf(*axes[0], results.points);
  const Levels rows = LevelsOf(*axes[1], results.points);
  const Levels bounds = LevelsOf(*bound, results.points);
  const size_t width = columns.names.size(), kinds = bounds.names.size();
  std::vector<size_t> counts(width * rows.names.size() * kinds, 0);
  for (size_t i = 0; i < results.points; ++i) {
    const size_t cell = rows.of_point[i] * width + columns.of_point[i];
    ++counts[cell * kinds + bounds.of_point[i]];
  }
  BoundMap map{axes[0]->name, axes[1]->name, columns.names,
               rows.names,    bounds.names,  {}};
  for (size_t cell = 0; cell < width * rows.names.size(); ++cell) {
    const auto first = counts.begin() + static_cast<ptrdiff_t>(cell * kinds);
    const auto most =
        std::max_element(first, first + static_cast<ptrdiff_t>(kinds));
    map.cells.push_back(*most > 0 ? static_cast<double>(most - first)
                                  : kUnknown);
  }
  return {map};
}

// The point of a front that is furthest from the line between its ends, each
// objective scaled to what the front spans.
size_t KneeOf(const Results& results, const std::vector<size_t>& front) {
  if (front.size() < 3) return SIZE_MAX;
  const Column& a = *results.Find(results.objectives[0].column);
  const Column& b = *results.Find(results.objectives[1].column);
  const size_t first = front.front(), last = front.back();
  const double da = a.numbers[last] - a.numbers[first];
  const double db = b.numbers[last] - b.numbers[first];
  size_t knee = SIZE_MAX;
  double furthest = 0;
  for (const size_t i : front) {
    const double x = (a.numbers[i] - a.numbers[first]) / da;
    const double y = (b.numbers[i] - b.numbers[first]) / db;
    if (std::abs(x - y) <= furthest) continue;
    furthest = std::abs(x - y);
    knee = i;
  }
  return knee;
}

}  // namespace

Result<Results> ReadResults(const nlohmann::json& document) {
  Fields f(document);
  f.Require("study").Require("columns").Require("points");
  Results results{.study = f.Text("study"), .about = f.Text("about")};
  const auto count = [&](const char* key) {
    const double n = f.Number(key);
    return std::isfinite(n) && n > 0 ? static_cast<size_t>(n) : size_t{0};
  };
  results.points = count("points");
  results.invalid = count("invalid");
  results.failed = count("failed");
  for (const nlohmann::json& json : f.Array("columns")) {
    TRIPTYCH_ASSIGN(Column column, ReadColumn(json, results.points));
    results.columns.push_back(std::move(column));
  }
  for (const nlohmann::json& json : f.Array("objectives")) {
    Fields objective(json);
    const std::string name = objective.Require("column").Text("column");
    const Column* column = results.Find(name);
    if (column == nullptr || (column->is_text())) {
      objective.Keep(MakeError(
          ErrorCode::kCorrupt,
          fmt::format("objectives: \"{}\" is no column of numbers", name)));
    }
    f.Keep(objective.status());
    results.objectives.push_back({name, json.value("maximise", false)});
  }
  TRIPTYCH_TRY(f.status());
  return results;
}

bool IsDatabase(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string head(15, '\0');
  file.read(head.data(), static_cast<std::streamsize>(head.size()));
  return file && head == "SQLite format 3";
}

Result<Results> ReadDatabase(const std::string& path) {
  return MakeError(ErrorCode::kUnsupported,
                   path + ": a database; allowed are results as JSON");
}

Study Analyse(Results results) {
  Study study{.results = std::move(results)};
  const Results& r = study.results;
  if (r.objectives.size() >= 2) {
    study.front = analysis::ParetoFront(r);
    const Column& first = *r.Find(r.objectives[0].column);
    std::ranges::sort(study.front, {}, [&](size_t point) {
      return std::pair(first.numbers[point], point);
    });
    study.knee = KneeOf(r, study.front);
  }
  for (const sweep::Objective& objective : r.objectives) {
    study.sensitivities.push_back(SensitivityOf(r, *r.Find(objective.column)));
  }
  study.bound_maps = BoundMapsOf(r);
  return study;
}

}  // namespace triptych::report
