// Plain tables for a terminal.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_CLI_TABLE_H_
#define TRIPTYCH_TOOLS_CLI_TABLE_H_

#include <string>
#include <vector>

namespace triptych::cli {

// Rows of cells under a header; columns as wide as their widest cell. The
// first column is flush left, the others flush right.
class Table {
 public:
  explicit Table(std::vector<std::string> header)
      : rows_{std::move(header)} {}
  void Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  std::string Text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

// Three significant digits and an SI prefix: "1.23 ms", "45.6 uJ", "7 GB".
std::string Si(double value, const std::string& unit);
std::string Percent(double fraction);

}  // namespace triptych::cli

#endif  // TRIPTYCH_TOOLS_CLI_TABLE_H_
