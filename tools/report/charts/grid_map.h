// A grid of places with one-way roads between neighbours: how much each
// place does, and how full each road is.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_REPORT_CHARTS_GRID_MAP_H_
#define TRIPTYCH_TOOLS_REPORT_CHARTS_GRID_MAP_H_

#include <string>
#include <vector>

#include "tools/report/chart.h"
#include "tools/report/scale.h"

namespace triptych::report {

// Vectors hold a value a place, row by row. Roads lead right and down; those
// of the last column and row lead around to the first.
class GridMap : public Chart {
 public:
  Svg Draw(std::string_view id) const override;
  std::string Print(const Terminal& terminal) const override;
  DataTable Data() const override;

  size_t columns = 0, rows = 0;
  Quantity place, road;
  std::vector<double> places;  // NaN: it is of another kind
  std::vector<std::string> names;
  std::vector<double> right, down;

 private:
  double Hottest() const;
  void DrawPlace(Svg& svg, size_t i, Point at, double size, double most) const;
  void DrawRoads(Svg& svg, size_t i, Point at, double size, double pitch,
                 double most) const;
};

}  // namespace triptych::report

#endif  // TRIPTYCH_TOOLS_REPORT_CHARTS_GRID_MAP_H_
