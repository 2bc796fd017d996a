// A report as one HTML page, as pictures, and as text.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_REPORT_PAGE_H_
#define TRIPTYCH_TOOLS_REPORT_PAGE_H_

#include <string>
#include <string_view>
#include <vector>

#include "tools/report/chart.h"
#include "tools/report/section.h"

namespace triptych::report {

// A section that has something to say.
struct BuiltSection {
  const Section* section = nullptr;
  Blocks blocks;
};
// The blocks may point into `material`, which has to outlive them.
std::vector<BuiltSection> BuildSections(const Material& material);

// A page that needs nothing else: no network, no other file.
std::string HtmlPage(const Material& material,
                     const std::vector<BuiltSection>& sections);

// Each chart as an SVG file of its own, in light colours.
struct Picture {
  std::string id;  // "roofline-2": unique, fit for a file's name
  std::string section, title;
  std::string svg;
};
std::vector<Picture> Pictures(const std::vector<BuiltSection>& sections);

// For a terminal; lines are no longer than it is wide.
std::string TextReport(const std::vector<BuiltSection>& sections,
                       const Terminal& terminal);

// `style` with each var(--name) replaced by what `colours` says of --name:
// drawing programs know no custom properties.
std::string ResolveColours(std::string_view style, std::string_view colours);

}  // namespace triptych::report

#endif  // TRIPTYCH_TOOLS_REPORT_PAGE_H_
