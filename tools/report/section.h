// What a report has to say, one section a picture or a few.
//
// A section turns material into blocks and knows no pixels; a page and a
// terminal turn blocks into what is read. To add one, write a file in
// sections/ and its row in sections.cc.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_REPORT_SECTION_H_
#define TRIPTYCH_TOOLS_REPORT_SECTION_H_

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "tools/report/chart.h"
#include "tools/report/material.h"

namespace triptych::report {

struct Paragraph {
  std::string text;
};

// What there is to know of one thing at a glance.
struct Card {
  std::string title, subtitle;
  std::vector<std::pair<std::string, std::string>> facts;
  std::string quote;  // a text that it wrote; may be ""
};

using Block = std::variant<Paragraph, std::vector<Card>, DataTable,
                           std::unique_ptr<Chart>>;
using Blocks = std::vector<Block>;

struct Section {
  std::string_view id;     // unique; ids of its charts begin with it
  std::string_view title;  // "Where the time goes"
  std::string_view lead;   // what it shows and how to read it
  // No blocks: the section does not apply to what there is.
  Blocks (*build)(const Material& material);
};

// In the order of the page.
std::span<const Section> AllSections();

}  // namespace triptych::report

#endif  // TRIPTYCH_TOOLS_REPORT_SECTION_H_
