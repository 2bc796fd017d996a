// Roofs of bandwidth and peak, and points that stand under them, both axes
// logarithmic.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_REPORT_CHARTS_ROOFLINE_H_
#define TRIPTYCH_TOOLS_REPORT_CHARTS_ROOFLINE_H_

#include <string>
#include <vector>

#include "tools/report/chart.h"
#include "tools/report/scale.h"

namespace triptych::report {

struct Roof {
  std::string name;
  double peak = 0, slope = 0;  // y <= min(peak, slope * x)
};

struct RoofPoint {
  std::string name;
  double x = 0, y = 0;
  size_t roof = 0;  // the one it stands under
  std::string note;
};

class RooflineChart : public Chart {
 public:
  Svg Draw(std::string_view id) const override;
  std::string Print(const Terminal& terminal) const override;
  DataTable Data() const override;

  Quantity x, y;  // both log
  std::vector<Roof> roofs;
  std::vector<RoofPoint> points;

 private:
  struct Scales;
  double RoofAt(const RoofPoint& point) const;
  void DrawRoof(Svg& svg, size_t roof, const Scales& scales) const;
  void DrawPoints(Svg& svg, const Scales& scales) const;
};

}  // namespace triptych::report

#endif  // TRIPTYCH_TOOLS_REPORT_CHARTS_ROOFLINE_H_
