// SPDX-License-Identifier: Apache-2.0
#include "tools/report/page.h"

#include <fmt/format.h>

#include <type_traits>

#include "kernels/base/text.h"
#include "tools/report/assets.h"
#include "tools/report/terminal.h"

namespace triptych::report {
namespace {

// Tables of thousands of rows are for other tools than a page.
constexpr size_t kMostTableRows = 400;

std::string ChartId(const BuiltSection& built, size_t number) {
  return fmt::format("{}-{}", built.section->id, number);
}

std::string HtmlTable(const DataTable& table, std::string_view caption) {
  std::string html = fmt::format(
      "<div class=\"scroll\" tabindex=\"0\" role=\"region\" "
      "aria-label=\"{0}\"><table aria-label=\"{0}\"><thead><tr>",
      EscapeXml(caption));
  for (const std::string& cell : table.header) {
    html += fmt::format("<th scope=\"col\">{}</th>", EscapeXml(cell));
  }
  html += "</tr></thead>\n<tbody>\n";
  for (size_t r = 0; r < table.rows.size() && r < kMostTableRows; ++r) {
    html += "<tr>";
    for (const std::string& cell : table.rows[r]) {
      html += fmt::format("<td>{}</td>", EscapeXml(cell));
    }
    html += "</tr>\n";
  }
  html += "</tbody></table></div>\n";
  if (table.rows.size() > kMostTableRows) {
    html += fmt::format("<p>{} more rows are left out.</p>\n",
                        table.rows.size() - kMostTableRows);
  }
  return html;
}

std::string HtmlFilters(const Chart& chart, std::string_view id) {
  const std::vector<Filter> filters = chart.Filters();
  if (filters.empty()) return "";
  // Of no use without the script, which shows it.
  std::string html =
      fmt::format("<div class=\"filters\" data-chart=\"{}\" hidden>\n", id);
  for (const Filter& filter : filters) {
    html += fmt::format("<label>{} <select><option value=\"\">all</option>",
                        EscapeXml(filter.name));
    for (size_t i = 0; i < filter.values.size(); ++i) {
      html += fmt::format("<option value=\"{}\">{}</option>", i,
                          EscapeXml(filter.values[i]));
    }
    html += "</select></label>\n";
  }
  return html + "<output></output></div>\n";
}

std::string HtmlChart(const Chart& chart, const std::string& id) {
  return fmt::format(
      "<figure>\n<figcaption><strong>{}</strong><span>{}</span></figcaption>\n"
      "{}<div class=\"scroll\">\n{}</div>\n<details><summary>As a table"
      "</summary>\n{}</details>\n</figure>\n",
      EscapeXml(chart.title), EscapeXml(chart.description),
      HtmlFilters(chart, id),
      chart.Draw(id).Inline(chart.title, chart.description),
      HtmlTable(chart.Data(), chart.title));
}

std::string HtmlCards(const std::vector<Card>& cards) {
  std::string html = "<div class=\"cards\">\n";
  for (const Card& card : cards) {
    html += fmt::format("<article class=\"card\"><h3>{}</h3>",
                        EscapeXml(card.title));
    if (!card.subtitle.empty()) {
      html += fmt::format("<p>{}</p>", EscapeXml(card.subtitle));
    }
    html += "<dl>";
    for (const auto& [name, value] : card.facts) {
      html += fmt::format("<dt>{}</dt><dd>{}</dd>", EscapeXml(name),
                          EscapeXml(value));
    }
    html += "</dl>";
    if (!card.quote.empty()) {
      html += fmt::format("<blockquote tabindex=\"0\">{}</blockquote>",
                          EscapeXml(card.quote));
    }
    html += "</article>\n";
  }
  return html + "</div>\n";
}

std::string HtmlSection(const BuiltSection& built) {
  const Section& section = *built.section;
  std::string html = fmt::format(
      "<section id=\"{0}\" aria-labelledby=\"{0}-heading\">\n"
      "<h2 id=\"{0}-heading\">{1}</h2>\n<p class=\"lead\">{2}</p>\n",
      section.id, EscapeXml(section.title), EscapeXml(section.lead));
  size_t number = 0;
  for (const Block& block : built.blocks) {
    std::visit(
        [&](const auto& b) {
          using T = std::decay_t<decltype(b)>;
          if constexpr (std::is_same_v<T, Paragraph>) {
            html += fmt::format("<p>{}</p>\n", EscapeXml(b.text));
          } else if constexpr (std::is_same_v<T, DataTable>) {
            html += HtmlTable(b, section.title);
          } else if constexpr (std::is_same_v<T, std::vector<Card>>) {
            html += HtmlCards(b);
          } else {
            html += HtmlChart(*b, ChartId(built, ++number));
          }
        },
        block);
  }
  return html + "</section>\n";
}

std::string HtmlHead() {
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, "
      "initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light "
      "dark\">\n<title>Triptych report</title>\n<link rel=\"icon\" "
      "href=\"data:,\">\n<style>\n:root {{\n{0}}}\n"
      "@media (prefers-color-scheme: dark) {{ "
      ":root:not([data-theme=light]) {{\n{1}}} }}\n"
      ":root[data-theme=dark] {{\n{1}}}\n{2}{3}</style>\n</head>\n",
      kLightCss, kDarkCss, kPageCss, kChartCss);
}

std::string HtmlSources(const Material& material) {
  std::string html = "<footer><p>Made by triptych report of</p>\n<ul>\n";
  for (const std::string& source : material.sources) {
    html += fmt::format("<li>{}</li>\n", EscapeXml(source));
  }
  return html + "</ul></footer>\n";
}

std::string TextOfCards(const std::vector<Card>& cards,
                        const Terminal& terminal) {
  DataTable table{{"machine", "what", "value"}, {}};
  for (const Card& card : cards) {
    std::string name = card.title;
    for (const auto& [fact, value] : card.facts) {
      table.rows.push_back({name, fact, value});
      name.clear();
    }
  }
  return PrintTable(table, terminal);
}

}  // namespace

std::vector<BuiltSection> BuildSections(const Material& material) {
  std::vector<BuiltSection> built;
  for (const Section& section : AllSections()) {
    Blocks blocks = section.build(material);
    if (!blocks.empty()) built.push_back({&section, std::move(blocks)});
  }
  return built;
}

std::string HtmlPage(const Material& material,
                     const std::vector<BuiltSection>& sections) {
  std::string html = HtmlHead();
  html +=
      "<body>\n<a class=\"skip\" href=\"#content\">To the content</a>\n"
      "<header class=\"top\"><h1>Triptych report</h1>"
      "<button id=\"theme\" type=\"button\" hidden></button></header>\n"
      "<nav aria-label=\"Sections\"><ul>\n";
  for (const BuiltSection& built : sections) {
    html += fmt::format("<li><a href=\"#{}\">{}</a></li>\n", built.section->id,
                        EscapeXml(built.section->title));
  }
  html += "</ul></nav>\n<main id=\"content\">\n";
  for (const BuiltSection& built : sections) html += HtmlSection(built);
  html += "</main>\n" + HtmlSources(material);
  html += fmt::format(
      "<div id=\"tip\" role=\"status\" aria-live=\"polite\" hidden></div>\n"
      "<script>\n{}</script>\n</body>\n</html>\n",
      kPageJs);
  return html;
}

std::vector<Picture> Pictures(const std::vector<BuiltSection>& sections) {
  const std::string style = ResolveColours(kChartCss, kLightCss);
  std::vector<Picture> pictures;
  for (const BuiltSection& built : sections) {
    size_t number = 0;
    for (const Block& block : built.blocks) {
      const auto* chart = std::get_if<std::unique_ptr<Chart>>(&block);
      if (chart == nullptr) continue;
      const std::string id = ChartId(built, ++number);
      pictures.push_back({id, std::string(built.section->id), (*chart)->title,
                          (*chart)->Draw(id).Standalone(
                              (*chart)->title, (*chart)->description, style)});
    }
  }
  return pictures;
}

std::string TextReport(const std::vector<BuiltSection>& sections,
                       const Terminal& terminal) {
  std::string text;
  const auto heading = [&](std::string_view title, char rule) {
    text += Column(title, terminal.columns, terminal.unicode);
    text.erase(text.find_last_not_of(' ') + 1);
    text += '\n' + std::string(std::min(title.size(), terminal.columns), rule) +
            '\n';
  };
  for (const BuiltSection& built : sections) {
    if (!text.empty()) text += '\n';
    heading(built.section->title, '=');
    for (const Block& block : built.blocks) {
      text += '\n';
      std::visit(
          [&](const auto& b) {
            using T = std::decay_t<decltype(b)>;
            if constexpr (std::is_same_v<T, Paragraph>) {
              text += Wrap(b.text, terminal.columns);
            } else if constexpr (std::is_same_v<T, DataTable>) {
              text += PrintTable(b, terminal);
            } else if constexpr (std::is_same_v<T, std::vector<Card>>) {
              text += TextOfCards(b, terminal);
            } else {
              heading(b->title, '-');
              text += CutLines(b->Print(terminal), terminal);
            }
          },
          block);
    }
  }
  return terminal.unicode ? text : ToAscii(text);
}

std::string ResolveColours(std::string_view style, std::string_view colours) {
  constexpr std::string_view kOpen = "var(";
  std::string resolved;
  while (true) {
    const size_t at = style.find(kOpen);
    resolved += style.substr(0, at);
    if (at == std::string_view::npos) return resolved;
    const size_t close = style.find(')', at);
    const std::string name(
        style.substr(at + kOpen.size(), close - at - kOpen.size()));
    const size_t value = colours.find(name + ": ");
    if (value != std::string_view::npos) {
      const size_t from = value + name.size() + 2;
      resolved += colours.substr(from, colours.find(';', from) - from);
    }
    style.remove_prefix(close + 1);
  }
}

}  // namespace triptych::report
