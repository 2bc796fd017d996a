// Answers of a small study along its axes, one line for each choice of the
// others.
//
// The knee that a curve names: the least of its x, by the order of its own
// levels, from which on y stays within a quarter of the best y of the curve.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "tools/report/charts/lines.h"
#include "tools/report/sections/sections.h"

namespace triptych::report {
namespace {

using sweep::Column;

constexpr size_t kMostPoints = 400;  // a study for curves, not for clouds
constexpr size_t kMostLines = 10;
constexpr double kWithinBest = 1.25;

std::string TextOf(const Column& column, size_t row) {
  return column.is_text() ? column.texts[row]
                          : fmt::format("{:.6g}", column.numbers[row]);
}

size_t LevelsOf(const Column& column, size_t points) {
  std::set<std::string> levels;
  for (size_t row = 0; row < points; ++row) levels.insert(TextOf(column, row));
  return levels.size();
}

// Log where everything is positive and spans more than a decade.
bool WantsLog(const std::vector<double>& values) {
  const Extent extent = ExtentOf(values, false);
  return !extent.empty() && extent.lo > 0 && extent.hi > 10 * extent.lo;
}

// "batch 1, phase decode": what the other axes are at a point.
std::string LineOf(const std::vector<const Column*>& axes, const Column& x,
                   size_t row) {
  std::string name;
  for (const Column* axis : axes) {
    if (axis == &x) continue;
    name += fmt::format("{}{} {}", name.empty() ? "" : ", ", axis->name,
                        TextOf(*axis, row));
  }
  return name;
}

std::string KneeOf(const LineSeries& line, bool maximise) {
  const auto better = [&](double a, double b) {
    return maximise ? a * kWithinBest >= b : a <= b * kWithinBest;
  };
  double best = line.points.front().y;
  for (const Point& p : line.points) {
    best = maximise ? std::max(best, p.y) : std::min(best, p.y);
  }
  // From the end that is worse.
  std::vector<Point> points = line.points;
  if (better(points.front().y, best) && !better(points.back().y, best)) {
    std::ranges::reverse(points);
  }
  const Point* knee = &points.back();
  for (auto p = points.rbegin(); p != points.rend() && better(p->y, best);
       ++p) {
    knee = &*p;
  }
  return fmt::format("{:.4g}", knee->x);
}

std::unique_ptr<LineChart> CurvesOf(const sweep::Results& results,
                                    const std::vector<const Column*>& axes,
                                    const Column& x, const Column& y,
                                    bool maximise) {
  std::map<std::string, std::vector<Point>> lines;
  for (size_t row = 0; row < results.points; ++row) {
    if (!std::isfinite(x.numbers[row]) || !std::isfinite(y.numbers[row])) {
      continue;
    }
    lines[LineOf(axes, x, row)].push_back({x.numbers[row], y.numbers[row]});
  }
  if (lines.empty() || lines.size() > kMostLines) return nullptr;
  auto chart = std::make_unique<LineChart>();
  chart->title = fmt::format("{}: {} by {}", results.study, y.name, x.name);
  chart->x = {x.name, x.unit, WantsLog(x.numbers)};
  chart->y = {y.name, y.unit, WantsLog(y.numbers)};
  std::string knees;
  for (auto& [name, points] : lines) {
    std::ranges::sort(points, {}, &Point::x);
    chart->series.push_back({name, points});
    knees += fmt::format("{}{}{}", knees.empty() ? "" : "; ",
                         name.empty() ? "" : name + ": ",
                         KneeOf(chart->series.back(), maximise));
  }
  chart->description =
      fmt::format("{} along {}. Within a quarter of the best from: {}", y.name,
                  x.name, knees);
  return chart;
}

}  // namespace

Blocks BuildCurves(const Material& material) {
  Blocks blocks;
  for (const Study& study : material.studies) {
    const sweep::Results& results = study.results;
    if (results.points < 3 || results.points > kMostPoints) continue;
    std::vector<const Column*> axes;
    for (const Column& column : results.columns) {
      if (column.role == sweep::Role::kAxis &&
          LevelsOf(column, results.points) > 1) {
        axes.push_back(&column);
      }
    }
    for (const Column* x : axes) {
      // Two points are no curve.
      if (x->is_text() || LevelsOf(*x, results.points) < 3) continue;
      for (const sweep::Objective& objective : results.objectives) {
        const Column* y = results.Find(objective.column);
        if (y == nullptr || y->is_text()) continue;
        auto chart = CurvesOf(results, axes, *x, *y, objective.maximise);
        if (chart == nullptr) continue;
        Paragraph knee{chart->description + "."};
        DataTable table = chart->Data();
        blocks.emplace_back(std::move(chart));
        blocks.emplace_back(std::move(knee));
        blocks.emplace_back(std::move(table));
      }
    }
  }
  return blocks;
}

}  // namespace triptych::report
