// What each axis of a study does to an output, and what binds where.
//
// Errors: a column that the study does not have, or of the wrong kind; the
// message says which there are.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_ANALYSIS_EFFECTS_H_
#define TRIPTYCH_TOOLS_ANALYSIS_EFFECTS_H_

#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/result.h"
#include "tools/sweep/results.h"

namespace triptych::analysis {

// A column of numbers by name, for what users name.
Result<const sweep::Column*> NumberColumn(const sweep::Results& results,
                                          std::string_view name);

struct LevelMean {
  std::string level;
  size_t points = 0;
  double mean = 0;
  // Of the 95 % confidence interval of the mean, by Student's t, with the
  // points of the level as a sample of all that the other axes could be. NaN
  // for a single point.
  double half_width = 0;
};

// An axis by itself: the output averaged over everything else.
struct MainEffect {
  std::string axis;
  std::vector<LevelMean> levels;   // those with points
  double lowest = 0, highest = 0;  // of the means
  // Of the variance of the output, what lies between the means: the squared
  // correlation ratio (K. Pearson, 1905). On a complete grid it is the
  // first-order Sobol index over the levels.
  double variance_share = 0;
};

// One for each axis that varies, the largest share first. Points where the
// output is not finite are left out.
Result<std::vector<MainEffect>> MainEffects(const sweep::Results& results,
                                            std::string_view output);

// A bar of a tornado: how far the output goes when one axis goes over its
// levels.
struct TornadoBar {
  std::string axis;
  std::string low_level, high_level;  // where the output is lowest, highest
  double low = 0, high = 0;
  size_t points = 0;  // that the bar rests on; 1 is the base alone
};

// Over the means of the levels; the longest bar first.
std::vector<TornadoBar> Tornado(const std::vector<MainEffect>& effects);

// Over the points that equal the point `base` in every other axis, as a grid
// has them. An axis in which no other point does has a bar of no length.
Result<std::vector<TornadoBar>> TornadoAt(const sweep::Results& results,
                                          std::string_view output, size_t base);

// Which unit binds most points of a cell.
struct BindsCell {
  size_t points = 0;  // 0: none, and no bound
  std::string bound;  // of equally frequent ones the first by alphabet
  double share = 0;   // of the cell's points
};
struct BindsMap {
  std::string x, y;
  std::vector<std::string> x_levels, y_levels;
  std::vector<BindsCell> cells;  // [y][x], row-major
  const BindsCell& At(size_t x_level, size_t y_level) const {
    return cells[y_level * x_levels.size() + x_level];
  }
};

Result<BindsMap> WhatBinds(const sweep::Results& results, std::string_view x,
                           std::string_view y,
                           std::string_view bound = "bound");

}  // namespace triptych::analysis

#endif  // TRIPTYCH_TOOLS_ANALYSIS_EFFECTS_H_
