// Plain tables for a terminal.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_CLI_TABLE_H_
#define TRIPTYCH_TOOLS_CLI_TABLE_H_

#include <string>
#include <string_view>
#include <vector>

namespace triptych::cli {

// Rows of cells under a header; columns as wide as their widest cell. Columns
// of numbers are flush right, others flush left.
class Table {
 public:
  explicit Table(std::vector<std::string> header) : rows_{std::move(header)} {}
  void Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  std::string Text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

// `text` in lines of at most `width` columns, each after `indent`; its own
// line ends stay.
std::string Wrapped(std::string_view text, size_t width,
                    const std::string& indent);

// Three significant digits and an SI prefix: "1.23 ms", "45.6 uJ", "7.00 GB".
std::string Si(double value, const std::string& unit);
// "12.3 %" of 0.123.
std::string Percent(double fraction);

}  // namespace triptych::cli

#endif  // TRIPTYCH_TOOLS_CLI_TABLE_H_
