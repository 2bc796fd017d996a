// SPDX-License-Identifier: Apache-2.0
#include "tools/cli/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace triptych::cli {

namespace {

// Numbers align at their ends, words at their beginnings.
bool IsNumeric(const std::string& cell) {
  return cell.empty() || cell == "-" || cell.find_first_of("0123456789") <= 1;
}

}  // namespace

std::string Table::Text() const {
  const size_t columns = rows_.front().size();
  std::vector<size_t> widths(columns, 0);
  std::vector<bool> numeric(columns, true);
  for (size_t r = 0; r < rows_.size(); ++r) {
    for (size_t c = 0; c < rows_[r].size(); ++c) {
      widths[c] = std::max(widths[c], rows_[r][c].size());
      if (r > 0 && !IsNumeric(rows_[r][c])) numeric[c] = false;
    }
  }
  std::string text;
  for (size_t r = 0; r < rows_.size(); ++r) {
    std::string line;
    for (size_t c = 0; c < rows_[r].size(); ++c) {
      if (c > 0) line += "  ";
      line += numeric[c] ? fmt::format("{:>{}}", rows_[r][c], widths[c])
                         : fmt::format("{:<{}}", rows_[r][c], widths[c]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
    if (r > 0) continue;
    size_t total = 0;
    for (const size_t width : widths) total += width + 2;
    text += std::string(total - 2, '-') + '\n';
  }
  return text;
}

std::string Wrapped(std::string_view text, size_t width,
                    const std::string& indent) {
  std::string out;
  size_t column = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find_first_of(" \n", at), text.size());
    const std::string_view word = text.substr(at, end - at);
    if (column > 0 && column + 1 + word.size() > width) {
      out += '\n';
      column = 0;
    }
    out += column == 0 ? indent : " ";
    out += word;
    column += word.size() + 1;
    if (end < text.size() && text[end] == '\n') {
      out += '\n';
      column = 0;
    }
    at = end + 1;
  }
  return out;
}

std::string Si(double value, const std::string& unit) {
  if (value == 0 || !std::isfinite(value)) {
    return fmt::format("{} {}", value, unit);
  }
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
