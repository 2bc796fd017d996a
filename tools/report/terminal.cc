// SPDX-License-Identifier: Apache-2.0
#include "tools/report/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "tools/report/text_width.h"

namespace triptych::report {
namespace {

constexpr size_t kUsualColumns = 80, kFewestColumns = 40;

bool LocaleIsUtf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    std::string text = value;
    std::ranges::transform(text, text.begin(), [](unsigned char c) {
      return static_cast<char>(std::tolower(c));
    });
    return text.find("utf-8") != std::string::npos ||
           text.find("utf8") != std::string::npos;
  }
  return false;
}

// The first `count` characters.
std::string_view Beginning(std::string_view utf8, size_t count) {
  size_t at = 0;
  while (at < utf8.size() && CountCharacters(utf8.substr(0, at + 1)) <= count) {
    ++at;
  }
  return utf8.substr(0, at);
}

std::vector<size_t> WidthsOf(const DataTable& table) {
  std::vector<size_t> widths;
  for (size_t c = 0; c < table.header.size(); ++c) {
    size_t width = CountCharacters(table.header[c]);
    for (const auto& row : table.rows) {
      width = std::max(width, CountCharacters(row[c]));
    }
    widths.push_back(width);
  }
  return widths;
}

bool IsNumeric(const DataTable& table, size_t column) {
  return std::ranges::all_of(table.rows, [&](const auto& row) {
    const std::string& cell = row[column];
    return cell.empty() || cell == "-" || cell.find_first_of("0123456789") <= 1;
  });
}

}  // namespace

Terminal TerminalOfEnvironment() {
  Terminal terminal{kUsualColumns, LocaleIsUtf8()};
  winsize size{};
  if (isatty(STDOUT_FILENO) != 0 &&
      ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    terminal.columns = std::max<size_t>(size.ws_col, kFewestColumns);
  }
  return terminal;
}

std::string ToAscii(std::string_view utf8) {
  static constexpr std::pair<std::string_view, char> kLikenesses[] = {
      {"µ", 'u'}, {"±", '~'}, {"…", '.'}, {"×", 'x'}, {"·", '.'}};
  std::string ascii;
  while (!utf8.empty()) {
    const std::string_view character = Beginning(utf8, 1);
    char likeness = character.size() == 1 ? character[0] : '?';
    for (const auto& [other, like] : kLikenesses) {
      if (character == other) likeness = like;
    }
    ascii += likeness;
    utf8.remove_prefix(character.size());
  }
  return ascii;
}

std::string Column(std::string_view text, size_t columns, bool unicode) {
  const size_t count = CountCharacters(text);
  if (count <= columns)
    return std::string(text) + std::string(columns - count, ' ');
  if (columns < 3) return std::string(Beginning(text, columns));
  return unicode ? std::string(Beginning(text, columns - 1)) + "…"
                 : std::string(Beginning(text, columns - 2)) + "..";
}

std::string TerminalBar(double fraction, size_t columns, bool unicode) {
  static constexpr std::array<const char*, 8> kEighths = {"",  "▏", "▎", "▍",
                                                          "▌", "▋", "▊", "▉"};
  if (!(fraction > 0)) return "";
  const double eighths =
      std::round(std::min(fraction, 1.0) * static_cast<double>(columns) * 8);
  const auto whole = static_cast<size_t>(eighths) / 8;
  if (!unicode) {
    return std::string(std::max<size_t>(whole, 1), '#');
  }
  std::string bar;
  for (size_t i = 0; i < whole; ++i) bar += "█";
  bar += kEighths[static_cast<size_t>(eighths) % 8];
  return bar.empty() ? kEighths[1] : bar;
}

std::string SeriesGlyph(size_t series, bool unicode) {
  static constexpr std::array<const char*, 8> kUnicode = {"●", "■", "▲", "◆",
                                                          "▼", "✚", "○", "□"};
  static constexpr std::array<const char*, 8> kAscii = {"o", "x", "+", "*",
                                                        "v", "%", "@", "&"};
  return (unicode ? kUnicode : kAscii)[series % kUnicode.size()];
}

std::string Canvas::Row(size_t row) const {
  std::string line;
  for (const std::string& glyph : rows_[row]) line += glyph;
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

std::string CutLines(std::string_view text, const Terminal& terminal) {
  std::string cut;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string line =
        Column(text.substr(0, end), terminal.columns, terminal.unicode);
    line.erase(line.find_last_not_of(' ') + 1);
    cut += line + '\n';
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return cut;
}

std::string Wrap(std::string_view text, size_t columns) {
  std::string wrapped;
  size_t used = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    const size_t width = CountCharacters(text.substr(0, end));
    if (used > 0 && used + 1 + width > columns) {
      wrapped += '\n';
      used = 0;
    }
    wrapped += used > 0 ? " " : "";
    used += width + (used > 0 ? 1 : 0);
    wrapped += text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return wrapped + '\n';
}

std::string PrintTable(const DataTable& table, const Terminal& terminal) {
  constexpr size_t kLeastText = 20;  // columns that are worth a cut text
  std::vector<size_t> widths = WidthsOf(table);
  size_t shown = 0, total = 0;
  while (shown < widths.size() &&
         (shown == 0 || total + widths[shown] <= terminal.columns)) {
    total += widths[shown++] + 2;
  }
  if (shown < widths.size() && !IsNumeric(table, shown) &&
      total + kLeastText <= terminal.columns) {
    widths[shown] = terminal.columns - total;
    total += widths[shown++] + 2;
  }
  std::string text;
  const auto line = [&](const std::vector<std::string>& row) {
    std::string out;
    for (size_t c = 0; c < shown; ++c) {
      const size_t width = std::min(widths[c], terminal.columns);
      std::string cell = Column(row[c], width, terminal.unicode);
      if (IsNumeric(table, c) && CountCharacters(row[c]) <= width) {
        cell = std::string(width - CountCharacters(row[c]), ' ') + row[c];
      }
      out += (c > 0 ? "  " : "") + cell;
    }
    out.erase(out.find_last_not_of(' ') + 1);
    text += out + '\n';
  };
  line(table.header);
  text += std::string(std::min(total - 2, terminal.columns), '-') + '\n';
  for (const auto& row : table.rows) line(row);
  if (shown < widths.size()) {
    std::string left;
    for (size_t c = shown; c < widths.size(); ++c) {
      left += (left.empty() ? "" : ", ") + table.header[c];
    }
    text += Wrap("(too narrow for: " + left + ")", terminal.columns);
  }
  return text;
}

}  // namespace triptych::report
