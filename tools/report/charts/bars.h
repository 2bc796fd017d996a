// Horizontal bars, one a row.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_REPORT_CHARTS_BARS_H_
#define TRIPTYCH_TOOLS_REPORT_CHARTS_BARS_H_

#include <string>
#include <vector>

#include "tools/report/chart.h"
#include "tools/report/scale.h"

namespace triptych::report {

struct Bar {
  std::string label;
  double value = 0;    // may be negative, may be NaN: "-"
  double hatched = 0;  // of the value, 0 to 1: what rests on assumptions
  double error = 0;    // relative, to both sides; 0: none is known
  std::string note;    // more for the hover; may be ""
  size_t series = 0;   // its colour
};

// The largest first, of equal ones in the order of their labels; what is no
// number last.
void SortByValue(std::vector<Bar>& bars);

// On a log scale a bar has no length that means anything: there a value is a
// point.
class BarChart : public Chart {
 public:
  Svg Draw(std::string_view id) const override;
  std::string Print(const Terminal& terminal) const override;
  DataTable Data() const override;

  Quantity quantity;
  std::vector<Bar> bars;
  std::string hatching;  // what a hatched part says, for the legend

 private:
  Extent ExtentOfBars() const;
  std::string TextOf(const Bar& bar) const;
  bool HasHatching() const;
  void DrawBar(Svg& svg, const Bar& bar, const Scale& scale, double top) const;
};

}  // namespace triptych::report

#endif  // TRIPTYCH_TOOLS_REPORT_CHARTS_BARS_H_
