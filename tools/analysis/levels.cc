// SPDX-License-Identifier: Apache-2.0
#include "tools/analysis/levels.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <set>

namespace triptych::analysis {
namespace {

// The distinct values, rising; nothing if there are more than `most`. Columns
// are long and levels few: no sorting of them all.
template <class T>
std::optional<std::vector<T>> Distinct(const std::vector<T>& values,
                                       size_t most) {
  std::set<T> distinct;
  const T* last = nullptr;
  for (const T& value : values) {
    if (value != value || (last != nullptr && *last == value)) continue;  // NaN
    last = &value;
    distinct.insert(value);
    if (distinct.size() > most) return std::nullopt;
  }
  return std::vector<T>(distinct.begin(), distinct.end());
}

Levels LevelsOfTexts(const std::vector<std::string>& texts) {
  Levels levels;
  levels.labels = *Distinct(texts, std::numeric_limits<size_t>::max());
  for (const std::string& text : texts) {
    const auto place = std::ranges::lower_bound(levels.labels, text);
    levels.of_point.push_back(
        static_cast<uint32_t>(place - levels.labels.begin()));
  }
  return levels;
}

// The first value of each of `count` ranges: at the quantiles of the points,
// so that equal values stay together.
std::vector<double> RangeStarts(const std::vector<double>& numbers,
                                size_t count) {
  std::vector<double> sorted, starts;
  for (const double number : numbers) {
    if (!std::isnan(number)) sorted.push_back(number);
  }
  std::ranges::sort(sorted);
  for (size_t i = 0; i < count; ++i) {
    const double start = sorted[i * sorted.size() / count];
    if (starts.empty() || start > starts.back()) starts.push_back(start);
  }
  return starts;
}

Levels LevelsOfNumbers(const std::vector<double>& numbers, size_t most) {
  Levels levels;
  const auto distinct = Distinct(numbers, most);
  levels.binned = !distinct;
  const auto starts = distinct ? *distinct : RangeStarts(numbers, most);
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
    if (column.is_text() ? !Distinct(column.texts, 1)
                         : !Distinct(column.numbers, 1)) {
      axes.push_back(&column);
    }
  }
  return axes;
}

}  // namespace triptych::analysis
