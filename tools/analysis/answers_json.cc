// The answers as JSON.
// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <nlohmann/json.hpp>

#include "tools/analysis/answers.h"
#include "tools/analysis/levels.h"

namespace triptych::analysis {
namespace {

using nlohmann::json;

json NumberOrNull(double value) {
  return std::isfinite(value) ? json(value) : json();
}

json CellOf(const sweep::Column& column, size_t point) {
  if (column.is_text()) return column.texts[point];
  return NumberOrNull(column.numbers[point]);
}

// The columns that say which point it is and how good.
std::vector<const sweep::Column*> PointColumns(const sweep::Results& results) {
  std::vector<const sweep::Column*> columns = VaryingAxes(results);
  for (const sweep::Objective& objective : results.objectives) {
    columns.push_back(results.Find(objective.column));
  }
  return columns;
}

json PointJson(const std::vector<const sweep::Column*>& columns, size_t point) {
  json object = {{"row", point}};
  for (const sweep::Column* column : columns) {
    object[column->name] = CellOf(*column, point);
  }
  return object;
}

json HoldsJson(const PointStability::Holds& holds) {
  return {{"alone", holds.alone}, {"by_target", holds.by_target}};
}

json FrontJson(const sweep::Results& results, const Answers& answers) {
  json front = json::array();
  const auto columns = PointColumns(results);
  for (const PointStability& stability : answers.stability) {
    json point = PointJson(columns, stability.point);
    const bool knee = answers.knee && answers.knee->point == stability.point;
    point["knee"] = knee;
    point["holds"] = {{"median", HoldsJson(stability.median)},
                      {"p90", HoldsJson(stability.p90)}};
    point["error"] = json();
    if (stability.error) {
      point["error"] = {{"median", stability.error->median},
                        {"p90", stability.error->p90}};
    }
    front.push_back(std::move(point));
  }
  return front;
}

json EffectJson(const MainEffect& effect) {
  json levels = json::array();
  for (const LevelMean& level : effect.levels) {
    levels.push_back({{"level", level.level},
                      {"points", level.points},
                      {"mean", level.mean},
                      {"half_width", NumberOrNull(level.half_width)}});
  }
  return {{"axis", effect.axis},
          {"variance_share", effect.variance_share},
          {"levels", levels}};
}

json BarsJson(const std::vector<TornadoBar>& bars) {
  json array = json::array();
  for (const TornadoBar& bar : bars) {
    array.push_back({{"axis", bar.axis},
                     {"low_level", bar.low_level},
                     {"high_level", bar.high_level},
                     {"low", NumberOrNull(bar.low)},
                     {"high", NumberOrNull(bar.high)},
                     {"points", bar.points}});
  }
  return array;
}

json SobolJson(const StudySobol& sobol) {
  json array = json::array();
  for (size_t i = 0; i < sobol.axes.size(); ++i) {
    const SobolIndex& index = sobol.indices.of_input[i];
    array.push_back({{"axis", sobol.axes[i]},
                     {"first", index.first},
                     {"first_low", index.first_low},
                     {"first_high", index.first_high},
                     {"total", index.total},
                     {"total_low", index.total_low},
                     {"total_high", index.total_high}});
  }
  return array;
}

json ExplainedJson(const Explained& explained) {
  json effects = json::array();
  for (const MainEffect& effect : explained.effects) {
    effects.push_back(EffectJson(effect));
  }
  json object = {{"output", explained.output},
                 {"effects", effects},
                 {"tornado", BarsJson(explained.tornado)},
                 {"tornado_from_point", BarsJson(explained.tornado_at)},
                 {"sobol", json()}};
  if (explained.sobol) {
    object["sobol"] = SobolJson(*explained.sobol);
  } else {
    object["no_sobol"] = explained.no_sobol;
  }
  return object;
}

json BindsJson(const BindsMap& map) {
  json cells = json::array();
  for (const BindsCell& cell : map.cells) {
    cells.push_back({{"points", cell.points},
                     {"bound", cell.points == 0 ? json() : json(cell.bound)},
                     {"share", cell.share}});
  }
  return {{"x", map.x},
          {"y", map.y},
          {"x_levels", map.x_levels},
          {"y_levels", map.y_levels},
          {"cells", cells}};
}

json WishedJson(const sweep::Results& results, const Wished& wished) {
  json bounds = json::array(), best = json::array();
  auto columns = PointColumns(results);
  for (size_t b = 0; b < wished.wish.bounds.size(); ++b) {
    const BoundCost& cost = wished.choice.bounds[b];
    bounds.push_back(
        {{"bound", ToText(wished.wish.bounds[b])},
         {"met", cost.met},
         {"slack", NumberOrNull(cost.slack)},
         {"tight", cost.without.has_value()},
         {"without",
          cost.without ? PointJson(columns, *cost.without) : json()}});
  }
  columns.push_back(results.Find(wished.wish.best.column));
  for (const Bound& bound : wished.wish.bounds) {
    columns.push_back(results.Find(bound.column));
  }
  for (const size_t point : wished.choice.best) {
    best.push_back(PointJson(columns, point));
  }
  return {{"column", wished.wish.best.column},
          {"goal", wished.wish.best.maximise ? "maximise" : "minimise"},
          {"feasible", wished.choice.feasible},
          {"bounds", bounds},
          {"best", best}};
}

}  // namespace

json AnswersJson(const sweep::Results& results, const Answers& answers) {
  json explained = json::array(), wishes = json::array();
  for (const Explained& one : answers.explained) {
    explained.push_back(ExplainedJson(one));
  }
  for (const Wished& wished : answers.wished) {
    wishes.push_back(WishedJson(results, wished));
  }
  return {
      {"front", FrontJson(results, answers)},
      {"knee", answers.knee
                   ? PointJson(PointColumns(results), answers.knee->point)
                   : json()},
      {"hypervolume_share",
       answers.hypervolume_share ? json(*answers.hypervolume_share) : json()},
      {"explained", explained},
      {"binds", answers.binds ? BindsJson(*answers.binds) : json()},
      {"wishes", wishes}};
}

}  // namespace triptych::analysis
