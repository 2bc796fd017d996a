// Values along one axis, joined by lines.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_REPORT_CHARTS_LINES_H_
#define TRIPTYCH_TOOLS_REPORT_CHARTS_LINES_H_

#include <string>
#include <vector>

#include "tools/report/chart.h"
#include "tools/report/scale.h"

namespace triptych::report {

struct LineSeries {
  std::string name;
  std::vector<Point> points;  // in the order they are joined
};

// Where `levels` are given, x counts them from 0: the axis shows their names.
class LineChart : public Chart {
 public:
  Svg Draw(std::string_view id) const override;
  std::string Print(const Terminal& terminal) const override;
  DataTable Data() const override;

  Quantity x, y;
  std::vector<LineSeries> series;
  std::vector<std::string> levels;

 private:
  std::string XText(double value) const;
  void DrawLevels(Svg& svg, const Scale& scale, double top,
                  double bottom) const;
};

}  // namespace triptych::report

#endif  // TRIPTYCH_TOOLS_REPORT_CHARTS_LINES_H_
