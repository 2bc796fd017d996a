// SPDX-License-Identifier: Apache-2.0
#include "tools/analysis/levels.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace triptych::analysis {
namespace {

template <class T>
std::vector<T> Distinct(std::vector<T> values) {
  std::ranges::sort(values);
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return values;
}

Levels LevelsOfTexts(const std::vector<std::string>& texts) {
  Levels levels;
  levels.labels = Distinct(texts);
  for (const std::string& text : texts) {
    const auto place = std::ranges::lower_bound(levels.labels, text);
    levels.of_point.push_back(
        static_cast<uint32_t>(place - levels.labels.begin()));
  }
  return levels;
}

// The first value of each level. With more than `most` values those are at
// the quantiles of the points, so that equal values stay together.
std::vector<double> Starts(const std::vector<double>& numbers, size_t most,
                           bool& binned) {
  std::vector<double> sorted;
  for (const double number : numbers) {
    if (!std::isnan(number)) sorted.push_back(number);
  }
  std::ranges::sort(sorted);
  std::vector<double> starts = Distinct(sorted);
  binned = starts.size() > most;
  if (!binned) return starts;
  starts.clear();
  for (size_t i = 0; i < most; ++i) {
    starts.push_back(sorted[i * sorted.size() / most]);
  }
  return Distinct(starts);
}

Levels LevelsOfNumbers(const std::vector<double>& numbers, size_t most) {
  Levels levels;
  const auto starts = Starts(numbers, most, levels.binned);
  std::vector<double> ends(starts);
  for (const double number : numbers) {
    if (std::isnan(number)) {
      levels.of_point.push_back(kNoLevel);
      continue;
    }
    const auto next = std::ranges::upper_bound(starts, number);
    const auto level = static_cast<size_t>(next - starts.begin()) - 1;
    levels.of_point.push_back(static_cast<uint32_t>(level));
    ends[level] = std::max(ends[level], number);
  }
  for (size_t i = 0; i < starts.size(); ++i) {
    levels.labels.push_back(
        levels.binned ? fmt::format("{:.4g} .. {:.4g}", starts[i], ends[i])
                      : fmt::format("{}", starts[i]));
  }
  return levels;
}

}  // namespace

Levels LevelsOf(const sweep::Column& column, size_t most) {
  return column.is_text() ? LevelsOfTexts(column.texts)
                          : LevelsOfNumbers(column.numbers, most);
}

std::vector<const sweep::Column*> VaryingAxes(const sweep::Results& results) {
  std::vector<const sweep::Column*> axes;
  for (const sweep::Column& column : results.columns) {
    if (column.role != sweep::Role::kAxis) continue;
    if (LevelsOf(column).labels.size() > 1) axes.push_back(&column);
  }
  return axes;
}

}  // namespace triptych::analysis
