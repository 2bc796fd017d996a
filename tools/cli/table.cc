// SPDX-License-Identifier: Apache-2.0
#include "tools/cli/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace triptych::cli {

std::string Table::Text() const {
  std::vector<size_t> widths(rows_.front().size(), 0);
  for (const auto& row : rows_) {
    for (size_t c = 0; c < row.size(); ++c) {
      widths[c] = std::max(widths[c], row[c].size());
    }
  }
  std::string text;
  for (size_t r = 0; r < rows_.size(); ++r) {
    for (size_t c = 0; c < rows_[r].size(); ++c) {
      text += c == 0 ? fmt::format("{:<{}}", rows_[r][c], widths[c])
                     : fmt::format("  {:>{}}", rows_[r][c], widths[c]);
    }
    text += '\n';
    if (r > 0) continue;
    size_t total = 0;
    for (const size_t width : widths) total += width + 2;
    text += std::string(total - 2, '-') + '\n';
  }
  return text;
}

std::string Si(double value, const std::string& unit) {
  if (value == 0) return "0 " + unit;
  static constexpr const char* kPrefixes[] = {"f", "p", "n", "u", "m", "",
                                              "k", "M", "G", "T", "P", "E"};
  constexpr int kOnes = 5;
  int step = static_cast<int>(std::floor(std::log10(std::abs(value)) / 3));
  step = std::clamp(step, -kOnes, 6);
  const double scaled = value / std::pow(1000.0, step);
  const int digits = std::abs(scaled) < 10 ? 2 : std::abs(scaled) < 100 ? 1 : 0;
  return fmt::format("{:.{}f} {}{}", scaled, digits, kPrefixes[step + kOnes],
                     unit);
}

std::string Percent(double fraction) {
  return fmt::format("{:.1f} %", 100 * fraction);
}

}  // namespace triptych::cli
