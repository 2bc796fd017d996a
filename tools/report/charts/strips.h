// Lanes of time: what each of several parts does when.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_REPORT_CHARTS_STRIPS_H_
#define TRIPTYCH_TOOLS_REPORT_CHARTS_STRIPS_H_

#include <string>
#include <vector>

#include "tools/report/chart.h"
#include "tools/report/scale.h"

namespace triptych::report {

struct Slice {
  double begin = 0, end = 0;
  size_t series = 0;
  double busy = 1;  // of its time, where several pieces of work were merged
};

struct Lane {
  std::string name;
  std::vector<Slice> slices;  // in order of time
};

class StripChart : public Chart {
 public:
  Svg Draw(std::string_view id) const override;
  std::string Print(const Terminal& terminal) const override;
  DataTable Data() const override;

  Quantity time;
  std::vector<Lane> lanes;
  std::vector<std::string> series;

 private:
  Extent ExtentOfTime() const;
  // Busy time of each series in one lane.
  std::vector<double> BusyOf(const Lane& lane) const;
  void DrawLane(Svg& svg, const Lane& lane, const Scale& scale,
                double top) const;
};

}  // namespace triptych::report

#endif  // TRIPTYCH_TOOLS_REPORT_CHARTS_STRIPS_H_
