// What moves the objectives of a study, and what binds where.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tools/report/charts/bars.h"
#include "tools/report/charts/heat_map.h"
#include "tools/report/charts/lines.h"
#include "tools/report/charts/tornado.h"
#include "tools/report/sections/sections.h"

namespace triptych::report {
namespace {

std::unique_ptr<Chart> TornadoOf(const Study& study, const Sensitivity& s) {
  auto chart = std::make_unique<TornadoChart>();
  chart->title =
      fmt::format("{}: what moves {}", study.results.study, s.objective);
  chart->description = fmt::format(
      "The least and the greatest mean of {} over the values of each axis, and "
      "where; the line is the mean of all, {}",
      s.objective, FormatQuantity(s.base, s.unit));
  chart->quantity = {s.objective, s.unit};
  chart->base = s.base;
  for (const AxisSwing& swing : s.swings) {
    chart->swings.push_back(
        {swing.axis, swing.low, swing.high, swing.low_level, swing.high_level});
  }
  return chart;
}

std::unique_ptr<Chart> EffectOf(const Study& study, const Sensitivity& s,
                                const Effect& effect) {
  auto chart = std::make_unique<LineChart>();
  chart->title = fmt::format("{}: {} by {}", study.results.study, s.objective,
                             effect.axis);
  chart->description = "Mean at each level, over all other axes";
  chart->x = {effect.axis, ""};
  chart->y = {"mean " + s.objective, s.unit};
  chart->levels = effect.levels;
  LineSeries line;
  for (size_t i = 0; i < effect.means.size(); ++i) {
    line.points.push_back({static_cast<double>(i), effect.means[i]});
  }
  chart->series.push_back(std::move(line));
  return chart;
}

std::unique_ptr<Chart> IndicesOf(const Study& study, const Sensitivity& s) {
  auto chart = std::make_unique<BarChart>();
  chart->title = fmt::format("{}: total Sobol indices of {}",
                             study.results.study, s.objective);
  chart->description =
      "The share of the variance that is left when all other axes are known: "
      "exact over the levels of a grid, else estimated, with 95 % intervals";
  chart->quantity = {"total index", "%"};
  for (const SobolIndex& index : s.indices) {
    chart->bars.push_back(
        {.label = index.axis,
         .value = 100 * index.total,
         .error = index.total > 0 ? index.total_error / index.total : 0,
         .note = fmt::format("first order {:.1f} % ±{:.1f} %",
                             100 * index.first, 100 * index.first_error)});
  }
  SortByValue(chart->bars);
  return chart;
}

std::unique_ptr<Chart> MapOf(const Study& study, const BoundMap& map) {
  auto chart = std::make_unique<HeatMap>();
  chart->title = fmt::format("{}: what binds", study.results.study);
  chart->description =
      fmt::format("The unit that binds most of the points at each {} and {}",
                  map.column_axis, map.row_axis);
  chart->column_name = map.column_axis;
  chart->row_name = map.row_axis;
  chart->columns = map.columns;
  chart->rows = map.rows;
  chart->cells = map.cells;
  chart->categories = map.bounds;
  return chart;
}

// The axis that moves the objective most.
const Effect* StrongestOf(const Sensitivity& s) {
  const auto range = [](const Effect& e) {
    const Extent extent = ExtentOf(e.means, false);
    return extent.empty() ? 0.0 : extent.hi - extent.lo;
  };
  const auto found = std::ranges::max_element(s.effects, {}, range);
  return found == s.effects.end() ? nullptr : &*found;
}

}  // namespace

Blocks BuildSensitivity(const Material& material) {
  Blocks blocks;
  for (const Study& study : material.studies) {
    for (const Sensitivity& s : study.sensitivities) {
      if (!s.swings.empty()) blocks.emplace_back(TornadoOf(study, s));
      if (!s.indices.empty()) blocks.emplace_back(IndicesOf(study, s));
      if (const Effect* effect = StrongestOf(s)) {
        blocks.emplace_back(EffectOf(study, s, *effect));
      }
    }
    for (const BoundMap& map : study.bound_maps) {
      blocks.emplace_back(MapOf(study, map));
    }
  }
  return blocks;
}

}  // namespace triptych::report
