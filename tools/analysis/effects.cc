// SPDX-License-Identifier: Apache-2.0
#include "tools/analysis/effects.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "kernels/base/check.h"
#include "tools/analysis/levels.h"

namespace triptych::analysis {
namespace {

std::string NamesOf(const sweep::Results& results, bool text) {
  std::string names;
  for (const sweep::Column& column : results.columns) {
    if (column.is_text() != text) continue;
    names += (names.empty() ? "" : ", ") + column.name;
  }
  return names.empty() ? "none" : names;
}

Result<const sweep::Column*> AnyColumn(const sweep::Results& results,
                                       std::string_view name) {
  const sweep::Column* column = results.Find(name);
  if (column != nullptr) return column;
  return MakeError(
      ErrorCode::kNotFound,
      fmt::format("{}: {}: no such column; allowed: {}, {}", results.study,
                  name, NamesOf(results, false), NamesOf(results, true)));
}

// The 97.5 % point of Student's distribution: exact for 1 and 2 degrees of
// freedom, else the expansion of Abramowitz and Stegun, 26.7.5, which is
// within 0.2 % of it.
double StudentT975(size_t degrees) {
  if (degrees == 1) return 12.7062;
  if (degrees == 2) return 4.3027;
  constexpr double z = 1.959964;
  constexpr double z2 = z * z;
  const double n = static_cast<double>(degrees);
  const double g1 = z * (z2 + 1) / 4;
  const double g2 = z * ((5 * z2 + 16) * z2 + 3) / 96;
  const double g3 = z * (((3 * z2 + 19) * z2 + 17) * z2 - 15) / 384;
  const double g4 =
      z * ((((79 * z2 + 776) * z2 + 1482) * z2 - 1920) * z2 - 945) / 92160;
  return z + (g1 + (g2 + (g3 + g4 / n) / n) / n) / n;
}

// Count, mean and sum of squared distances from it (B. P. Welford, 1962).
struct Moments {
  size_t count = 0;
  double mean = 0, squares = 0;

  void Add(double value) {
    ++count;
    const double before = value - mean;
    mean += before / static_cast<double>(count);
    squares += before * (value - mean);
  }
  double half_width() const {
    if (count < 2) return std::numeric_limits<double>::quiet_NaN();
    const double n = static_cast<double>(count);
    return StudentT975(count - 1) * std::sqrt(squares / (n - 1) / n);
  }
};

MainEffect EffectOf(const sweep::Column& axis,
                    const std::vector<double>& output) {
  const Levels levels = LevelsOf(axis);
  std::vector<Moments> moments(levels.labels.size());
  Moments all;
  for (size_t i = 0; i < output.size(); ++i) {
    if (!std::isfinite(output[i]) || levels.of_point[i] == kNoLevel) continue;
    moments[levels.of_point[i]].Add(output[i]);
    all.Add(output[i]);
  }
  MainEffect effect;
  effect.axis = axis.name;
  double within = 0;
  for (size_t i = 0; i < moments.size(); ++i) {
    const Moments& level = moments[i];
    if (level.count == 0) continue;
    effect.levels.push_back(
        {levels.labels[i], level.count, level.mean, level.half_width()});
    within += level.squares;
  }
  const auto [lowest, highest] =
      std::ranges::minmax_element(effect.levels, {}, &LevelMean::mean);
  if (lowest != effect.levels.end()) {
    effect.lowest = lowest->mean;
    effect.highest = highest->mean;
  }
  // Rounding may leave a little less than nothing.
  if (all.squares > 0) {
    effect.variance_share = std::max(0.0, 1 - within / all.squares);
  }
  return effect;
}

void LongestFirst(std::vector<TornadoBar>& bars) {
  std::ranges::stable_sort(bars, [](const auto& a, const auto& b) {
    return a.high - a.low > b.high - b.low;
  });
}

// Two points in one axis; a value that neither has is one value.
bool SameLevel(const sweep::Column& axis, size_t a, size_t b) {
  if (axis.is_text()) return axis.texts[a] == axis.texts[b];
  const double x = axis.numbers[a], y = axis.numbers[b];
  return x == y || (std::isnan(x) && std::isnan(y));
}

std::string LevelText(const sweep::Column& axis, size_t point) {
  return axis.is_text() ? axis.texts[point]
                        : fmt::format("{}", axis.numbers[point]);
}

}  // namespace

Result<const sweep::Column*> NumberColumn(const sweep::Results& results,
                                          std::string_view name) {
  TRIPTYCH_ASSIGN(const sweep::Column* column, AnyColumn(results, name));
  if (!column->is_text()) return column;
  return MakeError(
      ErrorCode::kInvalid,
      fmt::format("{}: {}: holds texts; allowed are columns of numbers: {}",
                  results.study, name, NamesOf(results, false)));
}

Result<std::vector<MainEffect>> MainEffects(const sweep::Results& results,
                                            std::string_view output) {
  TRIPTYCH_ASSIGN(const sweep::Column* column, NumberColumn(results, output));
  std::vector<MainEffect> effects;
  for (const sweep::Column* axis : VaryingAxes(results)) {
    effects.push_back(EffectOf(*axis, column->numbers));
  }
  std::ranges::stable_sort(effects, [](const auto& a, const auto& b) {
    return a.variance_share > b.variance_share;
  });
  return effects;
}

std::vector<TornadoBar> Tornado(const std::vector<MainEffect>& effects) {
  std::vector<TornadoBar> bars;
  for (const MainEffect& effect : effects) {
    TornadoBar bar{effect.axis, "", "", effect.lowest, effect.highest, 0};
    for (const LevelMean& level : effect.levels) {
      if (bar.low_level.empty() && level.mean == bar.low) {
        bar.low_level = level.level;
      }
      if (bar.high_level.empty() && level.mean == bar.high) {
        bar.high_level = level.level;
      }
      bar.points += level.points;
    }
    bars.push_back(bar);
  }
  LongestFirst(bars);
  return bars;
}

Result<std::vector<TornadoBar>> TornadoAt(const sweep::Results& results,
                                          std::string_view output,
                                          size_t base) {
  TRIPTYCH_ASSIGN(const sweep::Column* column, NumberColumn(results, output));
  TRIPTYCH_CHECK(base < results.points, "base", base);
  const auto axes = VaryingAxes(results);
  std::vector<TornadoBar> bars;
  for (const sweep::Column* axis : axes) {
    const std::string level = LevelText(*axis, base);
    const double value = column->numbers[base];
    bars.push_back({axis->name, level, level, value, value, 1});
  }
  for (size_t i = 0; i < results.points; ++i) {
    size_t differing = 0, which = 0;
    for (size_t a = 0; a < axes.size() && differing < 2; ++a) {
      if (SameLevel(*axes[a], i, base)) continue;
      ++differing;
      which = a;
    }
    const double value = column->numbers[i];
    if (differing != 1 || !std::isfinite(value)) continue;
    TornadoBar& bar = bars[which];
    ++bar.points;
    if (value < bar.low) {
      bar.low = value;
      bar.low_level = LevelText(*axes[which], i);
    }
    if (value > bar.high) {
      bar.high = value;
      bar.high_level = LevelText(*axes[which], i);
    }
  }
  LongestFirst(bars);
  return bars;
}

Result<BindsMap> WhatBinds(const sweep::Results& results, std::string_view x,
                           std::string_view y, std::string_view bound) {
  TRIPTYCH_ASSIGN(const sweep::Column* x_axis, AnyColumn(results, x));
  TRIPTYCH_ASSIGN(const sweep::Column* y_axis, AnyColumn(results, y));
  TRIPTYCH_ASSIGN(const sweep::Column* column, AnyColumn(results, bound));
  if (!column->is_text() && results.points > 0) {
    return MakeError(
        ErrorCode::kInvalid,
        fmt::format("{}: {}: holds numbers; allowed are columns of texts: {}",
                    results.study, bound, NamesOf(results, true)));
  }
  const Levels x_levels = LevelsOf(*x_axis), y_levels = LevelsOf(*y_axis);
  BindsMap map{
      x_axis->name, y_axis->name, x_levels.labels, y_levels.labels, {}};
  std::vector<std::map<std::string, size_t>> counts(map.x_levels.size() *
                                                    map.y_levels.size());
  for (size_t i = 0; i < results.points; ++i) {
    const uint32_t cx = x_levels.of_point[i], cy = y_levels.of_point[i];
    if (cx == kNoLevel || cy == kNoLevel) continue;
    ++counts[cy * map.x_levels.size() + cx][column->texts[i]];
  }
  for (const auto& count : counts) {
    BindsCell cell;
    size_t most = 0;
    for (const auto& [text, times] : count) {
      cell.points += times;
      if (times <= most) continue;
      most = times;
      cell.bound = text;
    }
    if (cell.points > 0) {
      cell.share = static_cast<double>(most) / static_cast<double>(cell.points);
    }
    map.cells.push_back(std::move(cell));
  }
  return map;
}

}  // namespace triptych::analysis
