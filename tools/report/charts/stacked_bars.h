// Horizontal bars made of parts, one bar a row; the parts of one name have
// one colour in all rows.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_REPORT_CHARTS_STACKED_BARS_H_
#define TRIPTYCH_TOOLS_REPORT_CHARTS_STACKED_BARS_H_

#include <map>
#include <string>
#include <vector>

#include "tools/report/chart.h"
#include "tools/report/scale.h"

namespace triptych::report {

struct StackedBar {
  std::string label;
  std::map<std::string, double> parts;  // those that are not positive: left out
  double total() const;
};

// Names beyond the colours are one part, "other".
class StackedBarChart : public Chart {
 public:
  Svg Draw(std::string_view id) const override;
  std::string Print(const Terminal& terminal) const override;
  DataTable Data() const override;

  Quantity quantity;  // of the total; never log
  std::vector<StackedBar> bars;
  // Every bar has the same length: what counts is how it is divided.
  bool shares = false;

 private:
  std::vector<std::string> SeriesNames() const;
  // By series: the last may be "other".
  std::vector<double> PartsOf(const StackedBar& bar,
                              const std::vector<std::string>& names) const;
};

}  // namespace triptych::report

#endif  // TRIPTYCH_TOOLS_REPORT_CHARTS_STACKED_BARS_H_
