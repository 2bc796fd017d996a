// A picture of numbers: drawn, printed in a terminal, and as a table for
// whoever sees neither. Charts know nothing of machines; sections (section.h)
// fill them.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_REPORT_CHART_H_
#define TRIPTYCH_TOOLS_REPORT_CHART_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "tools/report/svg.h"

namespace triptych::report {

// Cells of text; every row is as long as the header.
struct DataTable {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;
};

// A choice that hides the marks of other values. A mark's keys name a value
// of each filter, in order: "0 2".
struct Filter {
  std::string name;
  std::vector<std::string> values;
};

struct Terminal {
  size_t columns = 80;
  bool unicode = true;
};

class Chart {
 public:
  virtual ~Chart() = default;

  // Of any data: none, one value, values that are not finite (left out).
  virtual Svg Draw(std::string_view id) const = 0;
  // Lines that end, none longer than the terminal.
  virtual std::string Print(const Terminal& terminal) const = 0;
  virtual DataTable Data() const = 0;
  virtual std::vector<Filter> Filters() const { return {}; }

  std::string title;
  std::string description;  // a sentence: what there is to see
};

}  // namespace triptych::report

#endif  // TRIPTYCH_TOOLS_REPORT_CHART_H_
