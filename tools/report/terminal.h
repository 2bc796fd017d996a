// Characters as a drawing surface, for terminals without pictures.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_REPORT_TERMINAL_H_
#define TRIPTYCH_TOOLS_REPORT_TERMINAL_H_

#include <string>
#include <string_view>
#include <vector>

#include "tools/report/chart.h"

namespace triptych::report {

// The columns of stdout (80 if it is no terminal), Unicode where the locale
// of the environment is UTF-8.
Terminal TerminalOfEnvironment();

// A character for each of `utf8`: "µ" becomes "u", one without a likeness "?".
std::string ToAscii(std::string_view utf8);

// `text` in exactly `columns`: filled with blanks, or cut with an ellipsis.
std::string Column(std::string_view text, size_t columns, bool unicode);

// `fraction` of `columns`, in eighths of a character where there is Unicode.
std::string TerminalBar(double fraction, size_t columns, bool unicode);

// The character of the series `i` in a plot.
std::string SeriesGlyph(size_t series, bool unicode);

// One character a cell; (0, 0) is at the top left. Later ones hide earlier.
class Canvas {
 public:
  Canvas(size_t columns, size_t rows)
      : columns_(columns),
        rows_(rows, std::vector<std::string>(columns, " ")) {}
  size_t columns() const { return columns_; }
  size_t rows() const { return rows_.size(); }
  void Put(size_t column, size_t row, std::string glyph) {
    rows_[row][column] = std::move(glyph);
  }
  // A row without the blanks at its end.
  std::string Row(size_t row) const;

 private:
  size_t columns_;
  std::vector<std::vector<std::string>> rows_;
};

// Each line of `text`, cut where the terminal ends.
std::string CutLines(std::string_view text, const Terminal& terminal);

// Words in lines of at most `columns`, unless a word is longer.
std::string Wrap(std::string_view text, size_t columns);

// Columns as wide as their widest cell. Of those that do not fit the terminal
// the first is cut if it holds texts; the others are left out, and named.
std::string PrintTable(const DataTable& table, const Terminal& terminal);

}  // namespace triptych::report

#endif  // TRIPTYCH_TOOLS_REPORT_TERMINAL_H_
