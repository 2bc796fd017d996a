// SPDX-License-Identifier: Apache-2.0
#include "tools/analysis/levels.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

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

bool Varies(const sweep::Column& column) {
  return column.is_text() ? !Distinct(column.texts, 1)
                          : !Distinct(column.numbers, 1);
}

// A value of any column, to look it up by; every NaN is the same one.
using Value = std::pair<double, std::string_view>;
Value ValueOf(const sweep::Column& column, size_t point) {
  if (column.is_text()) return {0, column.texts[point]};
  const double number = column.numbers[point];
  return std::isnan(number) ? Value{0, "none"} : Value{number, ""};
}

// Ends at the first point that tells the two apart: mostly one of the first.
bool Together(const sweep::Column& a, const sweep::Column& b) {
  std::map<Value, Value> b_of, a_of;
  const size_t points = std::max(a.numbers.size(), a.texts.size());
  for (size_t i = 0; i < points; ++i) {
    const Value x = ValueOf(a, i), y = ValueOf(b, i);
    if (b_of.try_emplace(x, y).first->second != y) return false;
    if (a_of.try_emplace(y, x).first->second != x) return false;
  }
  return true;
}

}  // namespace

Levels LevelsOf(const sweep::Column& column, size_t most) {
  return column.is_text() ? LevelsOfTexts(column.texts)
                          : LevelsOfNumbers(column.numbers, most);
}

std::vector<Follower> Followers(const sweep::Results& results) {
  std::vector<Follower> followers;
  std::vector<const sweep::Column*> leaders;
  for (const sweep::Column& column : results.columns) {
    if (column.role != sweep::Role::kAxis || !Varies(column)) continue;
    const auto leader = std::ranges::find_if(
        leaders, [&](const auto* other) { return Together(*other, column); });
    if (leader == leaders.end()) {
      leaders.push_back(&column);
    } else {
      followers.push_back({column.name, (*leader)->name});
    }
  }
  return followers;
}

std::vector<const sweep::Column*> VaryingAxes(const sweep::Results& results) {
  const std::vector<Follower> followers = Followers(results);
  std::vector<const sweep::Column*> axes;
  for (const sweep::Column& column : results.columns) {
    if (column.role == sweep::Role::kAxis && Varies(column) &&
        std::ranges::find(followers, column.name, &Follower::axis) ==
            followers.end()) {
      axes.push_back(&column);
    }
  }
  return axes;
}

}  // namespace triptych::analysis
