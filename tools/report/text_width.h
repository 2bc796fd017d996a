// How wide a text will be, before any browser has seen it.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_REPORT_TEXT_WIDTH_H_
#define TRIPTYCH_TOOLS_REPORT_TEXT_WIDTH_H_

#include <string>
#include <string_view>

namespace triptych::report {

// Pixels of `utf8` at `size` pixels a line, in the widest of the sans-serif
// faces that a browser would take: what fits there fits in the others.
double TextWidth(std::string_view utf8, double size);

// `utf8`, or as much of its beginning as fits `width` with an ellipsis.
std::string FitText(std::string_view utf8, double size, double width);

// Characters of a valid UTF-8 text: columns in a terminal.
size_t CountCharacters(std::string_view utf8);

}  // namespace triptych::report

#endif  // TRIPTYCH_TOOLS_REPORT_TEXT_WIDTH_H_
