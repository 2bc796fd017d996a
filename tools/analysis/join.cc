// SPDX-License-Identifier: Apache-2.0
#include "tools/analysis/join.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "tools/analysis/levels.h"

namespace triptych::analysis {
namespace {

constexpr size_t kNoRow = std::numeric_limits<size_t>::max();
constexpr size_t kAllLevels = std::numeric_limits<size_t>::max();

// The rows of each group, by the level of the joined axis; kNoRow where a
// group has none. Groups are in the order of their first rows.
using Groups = std::vector<std::vector<size_t>>;

Groups GroupsOf(const sweep::Results& results, const sweep::Column& joined,
                const Levels& levels) {
  std::vector<Levels> others;
  for (const sweep::Column* axis : VaryingAxes(results)) {
    if (axis != &joined) others.push_back(LevelsOf(*axis, kAllLevels));
  }
  std::vector<size_t> order(results.points);
  std::iota(order.begin(), order.end(), size_t{0});
  const auto less = [&](size_t a, size_t b) {
    for (const Levels& other : others) {
      const uint32_t x = other.of_point[a], y = other.of_point[b];
      if (x != y) return x < y;
    }
    return false;
  };
  std::ranges::stable_sort(order, less);
  std::vector<std::pair<size_t, std::vector<size_t>>> found;  // by first row
  for (size_t i = 0; i < order.size(); ++i) {
    if (i == 0 || less(order[i - 1], order[i])) {
      found.emplace_back(order[i],
                         std::vector<size_t>(levels.labels.size(), kNoRow));
    }
    const uint32_t level = levels.of_point[order[i]];
    if (level != kNoLevel) found.back().second[level] = order[i];
  }
  std::ranges::sort(found);
  Groups groups;
  for (auto& [first, rows] : found) groups.push_back(std::move(rows));
  return groups;
}

bool HasValue(const sweep::Column& column, size_t row) {
  if (row == kNoRow) return false;
  return column.is_text() ? !column.texts[row].empty()
                          : !std::isnan(column.numbers[row]);
}

bool Same(const sweep::Column& column, size_t a, size_t b) {
  return column.is_text() ? column.texts[a] == column.texts[b]
                          : column.numbers[a] == column.numbers[b];
}

// The row that has a group's value of a column, or kNoRow.
size_t Holder(const sweep::Column& column, const std::vector<size_t>& rows) {
  const auto holder = std::ranges::find_if(
      rows, [&](size_t row) { return HasValue(column, row); });
  return holder == rows.end() ? kNoRow : *holder;
}

bool NeverDiffers(const sweep::Column& column, const Groups& groups) {
  return std::ranges::all_of(groups, [&](const std::vector<size_t>& rows) {
    const size_t holder = Holder(column, rows);
    return std::ranges::all_of(rows, [&](size_t row) {
      return !HasValue(column, row) || Same(column, row, holder);
    });
  });
}

// A column of the values at `rows`.
sweep::Column Picked(const sweep::Column& column, std::string name,
                     const std::vector<size_t>& rows) {
  sweep::Column picked{std::move(name), column.role, column.unit, {}, {}};
  for (const size_t row : rows) {
    if (column.is_text()) {
      picked.texts.push_back(row == kNoRow ? std::string() : column.texts[row]);
    } else {
      picked.numbers.push_back(row == kNoRow
                                   ? std::numeric_limits<double>::quiet_NaN()
                                   : column.numbers[row]);
    }
  }
  return picked;
}

std::string SplitName(const std::string& column, const std::string& level) {
  return fmt::format("{}@{}", column, level);
}

}  // namespace

Result<sweep::Results> JoinOver(const sweep::Results& results,
                                std::string_view axis) {
  const sweep::Column* joined = results.Find(axis);
  if (joined == nullptr || joined->role != sweep::Role::kAxis) {
    return MakeError(ErrorCode::kNotFound,
                     fmt::format("{}: {}: no such axis", results.study, axis));
  }
  const Levels levels = LevelsOf(*joined, kAllLevels);
  const Groups groups = GroupsOf(results, *joined, levels);
  sweep::Results out;
  out.study = results.study;
  out.about = results.about;
  out.points = groups.size();
  out.invalid = results.invalid;
  out.failed = results.failed;
  std::vector<size_t> rows(groups.size());
  for (const sweep::Column& column : results.columns) {
    if (&column == joined) continue;
    if (NeverDiffers(column, groups)) {
      std::ranges::transform(groups, rows.begin(), [&](const auto& group) {
        return Holder(column, group);
      });
      out.columns.push_back(Picked(column, column.name, rows));
      continue;
    }
    for (size_t level = 0; level < levels.labels.size(); ++level) {
      std::ranges::transform(groups, rows.begin(),
                             [&](const auto& group) { return group[level]; });
      out.columns.push_back(
          Picked(column, SplitName(column.name, levels.labels[level]), rows));
    }
  }
  for (const sweep::Objective& objective : results.objectives) {
    if (out.Find(objective.column) != nullptr) {
      out.objectives.push_back(objective);
      continue;
    }
    for (const std::string& label : levels.labels) {
      out.objectives.push_back(
          {SplitName(objective.column, label), objective.maximise});
    }
  }
  return out;
}

}  // namespace triptych::analysis
