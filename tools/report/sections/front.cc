// Points of a study by two of its objectives.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "tools/analysis/dominance.h"
#include "tools/report/charts/scatter.h"
#include "tools/report/sections/sections.h"

namespace triptych::report {
namespace {

using sweep::Column;

// What a colour stands for: "target" or "bound" if the study has it, else its
// first axis of texts; null if there is none.
const Column* ColourOf(const sweep::Results& r) {
  for (const char* name : {"target", "bound"}) {
    const Column* column = r.Find(name);
    if (column != nullptr && column->is_text()) return column;
  }
  const auto found = std::ranges::find_if(r.columns, [](const Column& c) {
    return c.role == sweep::Role::kAxis && c.is_text();
  });
  return found == r.columns.end() ? nullptr : &*found;
}

struct Categories {
  std::vector<std::string> names;
  std::vector<size_t> of_point;
};

Categories CategoriesOf(const Column& column) {
  std::map<std::string, size_t> seen;
  for (const std::string& text : column.texts) seen.emplace(text, 0);
  Categories categories;
  for (auto& [text, index] : seen) {
    index = categories.names.size();
    categories.names.push_back(text);
  }
  for (const std::string& text : column.texts) {
    categories.of_point.push_back(seen[text]);
  }
  return categories;
}

// The axes' values of one point.
std::string Describe(const sweep::Results& r, size_t point) {
  std::string text;
  for (const Column& c : r.columns) {
    if (c.role != sweep::Role::kAxis && c.name != "bound") continue;
    text += fmt::format("{}{} = {}", text.empty() ? "" : ", ", c.name,
                        c.is_text() ? c.texts[point]
                                    : FormatQuantity(c.numbers[point], c.unit));
  }
  return text;
}

Quantity QuantityOf(const sweep::Results& r, const sweep::Objective& o) {
  const Column& column = *r.Find(o.column);
  const Extent extent = ExtentOf(column.numbers, true);
  const bool positive =
      std::ranges::none_of(column.numbers, [](double v) { return v <= 0; });
  // More than a decade and a half is for a log scale.
  return {
      fmt::format("{} ({} is better)", o.column, o.maximise ? "more" : "less"),
      column.unit, positive && !extent.empty() && extent.hi > 30 * extent.lo};
}

// The charts live as long as the material they were made of.
void AddFilters(const sweep::Results& r, ScatterChart& chart) {
  std::vector<std::vector<size_t>> values;
  for (const Column& column : r.columns) {
    const bool wanted = column.role == sweep::Role::kAxis ||
                        column.name == "bound" || column.name == "target";
    if (!wanted || !column.is_text()) continue;
    Categories categories = CategoriesOf(column);
    if (categories.names.size() < 2) continue;
    chart.filters.push_back({column.name, std::move(categories.names)});
    values.push_back(std::move(categories.of_point));
  }
  chart.value_of = [values = std::move(values)](size_t point, size_t filter) {
    return values[filter][point];
  };
}

// By these two objectives alone, in the order of the first: what a line in a
// plane can show.
std::vector<size_t> FrontOfTwo(const sweep::Results& r,
                               const sweep::Objective& a,
                               const sweep::Objective& b) {
  const auto &x = r.Find(a.column)->numbers, &y = r.Find(b.column)->numbers;
  std::vector<size_t> points;
  analysis::Costs costs{.width = 2, .values = {}};
  for (size_t i = 0; i < r.points; ++i) {
    if (!std::isfinite(x[i]) || !std::isfinite(y[i])) continue;
    points.push_back(i);
    costs.values.push_back(a.maximise ? -x[i] : x[i]);
    costs.values.push_back(b.maximise ? -y[i] : y[i]);
  }
  std::vector<size_t> front;
  for (const size_t row : analysis::NonDominated(costs)) {
    front.push_back(points[row]);
  }
  std::ranges::sort(front, {},
                    [&](size_t point) { return std::pair(x[point], point); });
  return front;
}

std::unique_ptr<Chart> FrontOf(const Study& study, size_t second) {
  const sweep::Results& r = study.results;
  auto chart = std::make_unique<ScatterChart>();
  const sweep::Objective &a = r.objectives[0], &b = r.objectives[second];
  chart->title = fmt::format("{}: {} against {}", r.study, a.column, b.column);
  chart->description =
      fmt::format("{} points{}; {} are on the front", r.points,
                  r.invalid + r.failed > 0
                      ? fmt::format(" ({} more are invalid, {} failed)",
                                    r.invalid, r.failed)
                      : "",
                  study.front.size());
  if (r.objectives.size() > 2) {
    chart->description += " of all objectives; the line is that of these two";
  }
  chart->x = QuantityOf(r, a);
  chart->y = QuantityOf(r, b);
  Categories colours;
  if (const Column* column = ColourOf(r)) colours = CategoriesOf(*column);
  chart->series =
      colours.names.empty() ? std::vector<std::string>{""} : colours.names;
  const auto &x = r.Find(a.column)->numbers, &y = r.Find(b.column)->numbers;
  for (size_t i = 0; i < r.points; ++i) {
    const size_t series = colours.names.empty() ? 0 : colours.of_point[i];
    chart->points.push_back({x[i], y[i], static_cast<uint32_t>(series)});
  }
  chart->describe = [&r](size_t point) { return Describe(r, point); };
  AddFilters(r, *chart);
  chart->front_name = "Pareto front";
  chart->front = FrontOfTwo(r, a, b);
  if (r.objectives.size() == 2 && study.knee != SIZE_MAX) {
    chart->knee = study.knee;
  }
  return chart;
}

}  // namespace

Blocks BuildFront(const Material& material) {
  Blocks blocks;
  for (const Study& study : material.studies) {
    if (study.results.objectives.size() < 2) continue;
    if (!study.results.about.empty()) {
      blocks.emplace_back(Paragraph{study.results.about});
    }
    for (size_t o = 1; o < study.results.objectives.size(); ++o) {
      blocks.emplace_back(FrontOf(study, o));
    }
    if (!study.stability.empty()) {
      blocks.emplace_back(Paragraph{study.stability});
    }
  }
  return blocks;
}

}  // namespace triptych::report
