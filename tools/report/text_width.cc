// SPDX-License-Identifier: Apache-2.0
#include "tools/report/text_width.h"

#include <array>
#include <cstdint>

namespace triptych::report {
namespace {

// Advance widths of ' ' to '~' in DejaVu Sans, thousandths of the size, as
// Chromium's measureText gives them. Of the faces that the style sheet names
// it is the widest.
constexpr std::array<uint16_t, 95> kAdvance = {
    318, 401, 460, 838, 636,  950, 780, 275, 390, 390, 500, 838, 318, 361,
    318, 337, 636, 636, 636,  636, 636, 636, 636, 636, 636, 636, 337, 337,
    838, 838, 838, 531, 1000, 684, 686, 698, 770, 632, 575, 775, 752, 295,
    295, 656, 557, 863, 748,  787, 603, 787, 695, 635, 611, 732, 684, 989,
    685, 611, 685, 390, 337,  390, 838, 500, 500, 613, 635, 550, 635, 615,
    352, 635, 634, 278, 278,  579, 278, 974, 634, 612, 635, 635, 411, 521,
    392, 634, 592, 818, 592,  592, 525, 636, 337, 636, 838};
// Of the few others that charts write ("µ", "×", "…") the widest.
constexpr double kOther = 1000;

bool StartsCharacter(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
}

double AdvanceOf(char c) {
  const auto code = static_cast<unsigned char>(c);
  return code >= 32 && code < 127 ? kAdvance[code - 32u] : kOther;
}

}  // namespace

double TextWidth(std::string_view utf8, double size) {
  double thousandths = 0;
  for (const char c : utf8) {
    if (StartsCharacter(c)) thousandths += AdvanceOf(c);
  }
  return thousandths * size / 1000;
}

std::string FitText(std::string_view utf8, double size, double width) {
  if (TextWidth(utf8, size) <= width) return std::string(utf8);
  const double most = width - kOther * size / 1000;
  double used = 0;
  size_t end = 0;
  for (size_t i = 0; i < utf8.size(); ++i) {
    if (!StartsCharacter(utf8[i])) continue;
    end = i;
    used += AdvanceOf(utf8[i]) * size / 1000;
    if (used > most) break;
  }
  return std::string(utf8.substr(0, end)) + "…";
}

size_t CountCharacters(std::string_view utf8) {
  size_t count = 0;
  for (const char c : utf8) count += StartsCharacter(c) ? 1 : 0;
  return count;
}

}  // namespace triptych::report
