// The answers as text.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "tools/analysis/answers.h"
#include "tools/analysis/levels.h"
#include "tools/cli/table.h"

namespace triptych::analysis {
namespace {

using cli::Percent;
using cli::Table;

std::string CellOf(const sweep::Column& column, size_t point) {
  if (column.is_text()) return column.texts[point];
  const double value = column.numbers[point];
  return std::isnan(value) ? "-" : fmt::format("{:.5g}", value);
}

std::string HeaderOf(const sweep::Column& column) {
  return column.unit.empty() ? column.name
                             : fmt::format("{} [{}]", column.name, column.unit);
}

// The axes that vary, and columns by name that are not among them.
std::vector<const sweep::Column*> ColumnsWith(
    const sweep::Results& results, const std::vector<std::string>& names) {
  std::vector<const sweep::Column*> columns = VaryingAxes(results);
  for (const std::string& name : names) {
    const sweep::Column* column = results.Find(name);
    if (std::ranges::find(columns, column) == columns.end()) {
      columns.push_back(column);
    }
  }
  return columns;
}

std::vector<std::string> Headers(
    const std::vector<const sweep::Column*>& columns) {
  std::vector<std::string> headers;
  for (const sweep::Column* column : columns) {
    headers.push_back(HeaderOf(*column));
  }
  return headers;
}

std::vector<std::string> RowOf(const std::vector<const sweep::Column*>& columns,
                               size_t point) {
  std::vector<std::string> row;
  for (const sweep::Column* column : columns) {
    row.push_back(CellOf(*column, point));
  }
  return row;
}

// How long a point stays on the front, in a word.
std::string HoldsText(const PointStability& point) {
  if (!point.error) return "not validated";
  if (point.p90.alone) return "p90";
  return point.median.alone ? "median" : "no";
}

// Places in the front, the best by the first objective first.
std::vector<size_t> FrontOrder(const sweep::Results& results,
                               const Answers& answers) {
  const sweep::Objective& first = results.objectives[0];
  const auto& numbers = results.Find(first.column)->numbers;
  std::vector<size_t> order(answers.front.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, [&](size_t a, size_t b) {
    const double x = numbers[answers.front[a]], y = numbers[answers.front[b]];
    return first.maximise ? x > y : x < y;
  });
  return order;
}

std::string FrontText(const sweep::Results& results, const Answers& answers,
                      size_t shown) {
  std::string text = fmt::format("Pareto front: {} of {} points",
                                 answers.front.size(), results.points);
  if (answers.hypervolume_share) {
    text += fmt::format(
        "; hypervolume {} of the box from the best to the "
        "worst of each objective",
        Percent(*answers.hypervolume_share));
  } else {
    text += fmt::format(
        "; its hypervolume in {} objectives is not computed, "
        "it would take long",
        results.objectives.size());
  }
  std::vector<std::string> names;
  for (const auto& objective : results.objectives) {
    names.push_back(objective.column);
  }
  const auto columns = ColumnsWith(results, names);
  std::vector<std::string> header = Headers(columns);
  header.insert(header.end(), {"holds at", ""});
  Table table(header);
  std::vector<size_t> order = FrontOrder(results, answers);
  const size_t rows = std::min(shown, order.size());
  for (size_t i = 0; i < order.size(); ++i) {
    const size_t point = answers.front[order[i]];
    const bool knee = answers.knee && answers.knee->point == point;
    if (i >= rows && !knee) continue;  // the knee is shown in any case
    std::vector<std::string> row = RowOf(columns, point);
    row.push_back(HoldsText(answers.stability[order[i]]));
    row.push_back(knee ? "knee" : "");
    table.Add(std::move(row));
  }
  text += fmt::format("\n\n{}", table.Text());
  if (order.size() > rows) {
    text +=
        fmt::format("the best {} of {} by {}\n", rows, order.size(), names[0]);
  }
  return text;
}

// Axes that are left out because they move with another.
std::string FollowersText(const sweep::Results& results) {
  std::map<std::string, std::vector<std::string>> of_leader;
  for (const Follower& follower : Followers(results)) {
    of_leader[follower.leader].push_back(follower.axis);
  }
  std::string text;
  for (const auto& [leader, axes] : of_leader) {
    text += cli::Wrapped(
        fmt::format("Moving with {}: {}.", leader, fmt::join(axes, ", ")), 80,
        "");
    text += "\n";
  }
  return text;
}

size_t Holding(const Answers& answers,
               PointStability::Holds PointStability::*when,
               bool PointStability::Holds::*how) {
  return static_cast<size_t>(std::ranges::count_if(
      answers.stability, [&](const auto& point) { return point.*when.*how; }));
}

std::string StabilityText(const Answers& answers) {
  std::map<std::string, RelativeError> validated;
  std::set<std::string> others;
  for (const PointStability& point : answers.stability) {
    if (point.error) {
      validated.emplace(point.target, *point.error);
    } else {
      others.insert(point.target.empty() ? "the target" : point.target);
    }
  }
  std::string text;
  if (!validated.empty()) {
    using Holds = PointStability::Holds;
    std::vector<std::string> errors;
    for (const auto& [target, error] : validated) {
      errors.push_back(fmt::format("{} {} / {}", target, Percent(error.median),
                                   Percent(error.p90)));
    }
    text += fmt::format(
        "Error of the models (median / p90): {}.\nOf {} points of the front "
        "{} stay on it if every point errs by the median, {} by the p90; {} "
        "and {} if a target errs by one factor for all its points.\n",
        fmt::join(errors, ", "), answers.stability.size(),
        Holding(answers, &PointStability::median, &Holds::alone),
        Holding(answers, &PointStability::p90, &Holds::alone),
        Holding(answers, &PointStability::median, &Holds::by_target),
        Holding(answers, &PointStability::p90, &Holds::by_target));
  }
  if (!others.empty()) {
    text += fmt::format("Not validated, and taken as exact: {}.\n",
                        fmt::join(others, ", "));
  }
  return text;
}

std::string IndexCell(const Explained& explained, const std::string& axis,
                      double SobolIndex::*index) {
  if (!explained.sobol) return "-";
  const auto& axes = explained.sobol->axes;
  const auto place = std::ranges::find(axes, axis) - axes.begin();
  return Percent(explained.sobol->indices.of_input[static_cast<size_t>(place)].*
                 index);
}

// The 95 % interval of an estimate; exact indices have none.
std::string IntervalCell(const Explained& explained, const std::string& axis) {
  if (!explained.sobol) return "";
  const auto& axes = explained.sobol->axes;
  const auto place = std::ranges::find(axes, axis) - axes.begin();
  const SobolIndex& index =
      explained.sobol->indices.of_input[static_cast<size_t>(place)];
  if (index.total_low == index.total_high) return "";
  return fmt::format("{:.1f} .. {:.1f}", 100 * index.total_low,
                     100 * index.total_high);
}

std::string ExplainedText(const Explained& explained) {
  Table table({"axis", "share of variance", "with interactions", "95 %",
               "lowest mean", "at", "highest mean", "at"});
  for (const MainEffect& effect : explained.effects) {
    const auto bar =
        std::ranges::find(explained.tornado, effect.axis, &TornadoBar::axis);
    table.Add({effect.axis, Percent(effect.variance_share),
               IndexCell(explained, effect.axis, &SobolIndex::total),
               IntervalCell(explained, effect.axis),
               fmt::format("{:.4g}", effect.lowest), bar->low_level,
               fmt::format("{:.4g}", effect.highest), bar->high_level});
  }
  std::string text =
      fmt::format("What moves {}:\n\n{}", explained.output, table.Text());
  if (!explained.sobol) {
    text += fmt::format("no exact indices: {}\n", explained.no_sobol);
  }
  return text;
}

// One axis at a time from one point, in the axes that have other points.
std::string FromPointText(const Explained& explained) {
  Table table({"axis", "lowest", "at", "highest", "at"});
  bool any = false;
  for (const TornadoBar& bar : explained.tornado_at) {
    if (bar.points < 2) continue;
    any = true;
    table.Add({bar.axis, fmt::format("{:.4g}", bar.low), bar.low_level,
               fmt::format("{:.4g}", bar.high), bar.high_level});
  }
  if (!any) return "";
  return fmt::format(
      "\n{} from the knee (or else the first point of the "
      "front), one axis at a time:\n\n{}",
      explained.output, table.Text());
}

std::string BindsText(const BindsMap& map) {
  std::vector<std::string> header = {fmt::format("{} \\ {}", map.y, map.x)};
  header.insert(header.end(), map.x_levels.begin(), map.x_levels.end());
  Table table(header);
  for (size_t y = 0; y < map.y_levels.size(); ++y) {
    std::vector<std::string> row = {map.y_levels[y]};
    for (size_t x = 0; x < map.x_levels.size(); ++x) {
      const BindsCell& cell = map.At(x, y);
      row.push_back(cell.points == 0 ? "-"
                                     : fmt::format("{} {:.0f} %", cell.bound,
                                                   100 * cell.share));
    }
    table.Add(std::move(row));
  }
  return fmt::format("What binds most often:\n\n{}", table.Text());
}

std::string BoundText(const sweep::Results& results, const Wished& wished,
                      size_t bound) {
  const BoundCost& cost = wished.choice.bounds[bound];
  std::string text = fmt::format("{}: met by {} points",
                                 ToText(wished.wish.bounds[bound]), cost.met);
  const sweep::Column& ranked = *results.Find(wished.wish.best.column);
  if (cost.without && wished.choice.best.empty()) {
    text += "; without it there would be a point";
  } else if (cost.without) {
    text +=
        fmt::format("; tight: without it {}", CellOf(ranked, *cost.without));
  }
  return text + '\n';
}

std::string WishedText(const sweep::Results& results, const Wished& wished) {
  std::string text = fmt::format(
      "{} {} under {} bounds: {} points meet them\n",
      wished.wish.best.maximise ? "Most" : "Least", wished.wish.best.column,
      wished.wish.bounds.size(), wished.choice.feasible);
  std::vector<std::string> names = {wished.wish.best.column};
  for (size_t b = 0; b < wished.wish.bounds.size(); ++b) {
    text += BoundText(results, wished, b);
    names.push_back(wished.wish.bounds[b].column);
  }
  if (wished.choice.best.empty()) return text;
  const auto columns = ColumnsWith(results, names);
  Table table(Headers(columns));
  for (const size_t point : wished.choice.best) {
    table.Add(RowOf(columns, point));
  }
  return fmt::format("{}\n{}", text, table.Text());
}

}  // namespace

std::string AnswersText(const sweep::Results& results, const Answers& answers,
                        size_t shown) {
  std::vector<std::string> parts;
  if (!results.objectives.empty()) {
    parts.push_back(FrontText(results, answers, shown));
    parts.push_back(StabilityText(answers));
    parts.push_back(FollowersText(results));
  }
  for (const Explained& explained : answers.explained) {
    parts.push_back(ExplainedText(explained) + FromPointText(explained));
  }
  if (answers.binds) parts.push_back(BindsText(*answers.binds));
  for (const Wished& wished : answers.wished) {
    parts.push_back(WishedText(results, wished));
  }
  std::erase(parts, "");
  return fmt::format("{}", fmt::join(parts, "\n"));
}

}  // namespace triptych::analysis
