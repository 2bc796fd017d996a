// A table of values as colours; or of names, one colour each.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_REPORT_CHARTS_HEAT_MAP_H_
#define TRIPTYCH_TOOLS_REPORT_CHARTS_HEAT_MAP_H_

#include <string>
#include <vector>

#include "tools/report/chart.h"
#include "tools/report/scale.h"

namespace triptych::report {

// Steps of a colour ramp, "ramp0" to "ramp9" in page/chart.css.
inline constexpr int kRampSteps = 10;
// The step of `value` between lo and hi; lo == hi is the last.
int RampStep(double value, double lo, double hi);
// Ten boxes of the ramp `prefix` ("ramp", "heat") between two labels, from
// (left, top).
void DrawRamp(Svg& svg, Point at, std::string_view prefix,
              std::string_view from, std::string_view to);

class HeatMap : public Chart {
 public:
  Svg Draw(std::string_view id) const override;
  std::string Print(const Terminal& terminal) const override;
  DataTable Data() const override;

  std::string column_name, row_name;
  std::vector<std::string> columns, rows;  // their labels
  Quantity quantity;
  // Row by row; NaN: nothing is known.
  std::vector<double> cells;
  // If there are any, a cell is the index of one of these.
  std::vector<std::string> categories;

 private:
  std::string TextOf(double value) const;
};

}  // namespace triptych::report

#endif  // TRIPTYCH_TOOLS_REPORT_CHARTS_HEAT_MAP_H_
