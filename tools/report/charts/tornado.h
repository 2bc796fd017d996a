// How far each of several causes moves a result from its base, largest
// first.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_REPORT_CHARTS_TORNADO_H_
#define TRIPTYCH_TOOLS_REPORT_CHARTS_TORNADO_H_

#include <string>
#include <vector>

#include "tools/report/chart.h"
#include "tools/report/scale.h"

namespace triptych::report {

struct Swing {
  std::string cause;
  double low = 0, high = 0;         // the result at the cause's two ends
  std::string low_text, high_text;  // what these ends are: "64", "512"
  double reach() const { return high > low ? high - low : low - high; }
};

class TornadoChart : public Chart {
 public:
  Svg Draw(std::string_view id) const override;
  std::string Print(const Terminal& terminal) const override;
  DataTable Data() const override;

  Quantity quantity;
  double base = 0;
  std::vector<Swing> swings;  // in any order

 private:
  std::vector<Swing> Sorted() const;
  Extent ExtentOfSwings() const;
};

}  // namespace triptych::report

#endif  // TRIPTYCH_TOOLS_REPORT_CHARTS_TORNADO_H_
