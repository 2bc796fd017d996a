// SPDX-License-Identifier: Apache-2.0
#include "tools/report/charts/stacked_bars.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tools/report/charts/frame.h"
#include "tools/report/terminal.h"
#include "tools/report/text_width.h"

namespace triptych::report {
namespace {

constexpr double kMostLabel = 250, kValueRoom = 76;
constexpr std::string_view kOther = "other";

bool IsPart(double value) { return std::isfinite(value) && value > 0; }

}  // namespace

double StackedBar::total() const {
  double sum = 0;
  for (const auto& [name, value] : parts) sum += IsPart(value) ? value : 0;
  return sum;
}

// Those with the largest share in any bar first.
std::vector<std::string> StackedBarChart::SeriesNames() const {
  std::map<std::string, double> largest;
  for (const StackedBar& bar : bars) {
    const double total = bar.total();
    for (const auto& [name, value] : bar.parts) {
      if (!IsPart(value)) continue;
      largest[name] = std::max(largest[name], value / total);
    }
  }
  std::vector<std::pair<double, std::string>> order;
  for (const auto& [name, share] : largest) order.emplace_back(-share, name);
  std::ranges::sort(order);
  std::vector<std::string> names;
  for (auto& [share, name] : order) names.push_back(std::move(name));
  if (names.size() > kColours) {
    names.resize(kColours - 1);
    names.emplace_back(kOther);
  }
  return names;
}

std::vector<double> StackedBarChart::PartsOf(
    const StackedBar& bar, const std::vector<std::string>& names) const {
  std::vector<double> parts(names.size(), 0);
  for (const auto& [name, value] : bar.parts) {
    if (!IsPart(value)) continue;
    const auto found = std::ranges::find(names, name);
    parts[found == names.end() ? names.size() - 1
                               : static_cast<size_t>(found - names.begin())] +=
        value;
  }
  return parts;
}

Svg StackedBarChart::Draw(std::string_view id) const {
  std::vector<std::string> labels;
  Extent extent;
  for (const StackedBar& bar : bars) {
    labels.push_back(bar.label);
    extent.Include(shares ? 100 : bar.total(), false);
  }
  const std::vector<std::string> names = SeriesNames();
  const double left = LabelWidth(labels, kMostLabel);
  const double top = 4 + LegendHeight(names, left);
  const Area area{
      left, top, kWidth - kValueRoom,
      top + kRow * static_cast<double>(std::max<size_t>(bars.size(), 1))};
  Svg svg(id, kWidth, area.bottom + kXAxisHeight);
  if (names.empty()) {
    DrawNothing(svg, area);
    return svg;
  }
  DrawLegend(svg, names, left, 2, /*markers=*/false);
  const Scale scale(extent, false, area.left, area.right, Fit::kFromZero);
  DrawXAxis(svg, scale,
            shares ? Quantity{"share of " + quantity.name, "%"} : quantity,
            area);
  for (size_t i = 0; i < bars.size(); ++i) {
    const double y = top + kRow * static_cast<double>(i) + (kRow - kBar) / 2;
    const double baseline = y + kBar / 2 + kFont * 0.36;
    const double total = bars[i].total();
    svg.Text({left - kGap, baseline},
             FitText(bars[i].label, kFont, left - kGap), Anchor::kEnd);
    const std::vector<double> parts = PartsOf(bars[i], names);
    double sum = 0;
    for (size_t s = 0; s < parts.size(); ++s) {
      if (parts[s] == 0) continue;
      const double unit = shares ? 100 / total : 1;
      const double from = scale.At(sum * unit);
      sum += parts[s];
      svg.BeginMark(fmt::format("{}, {}: {}, {:.1f} %", bars[i].label, names[s],
                                FormatQuantity(parts[s], quantity.unit),
                                100 * parts[s] / total));
      svg.Rect(from, y, scale.At(sum * unit) - from, kBar,
               FillClass(s) + " part");
      svg.End();
    }
    svg.Text({scale.At(shares ? 100 : total) + 6, baseline},
             FormatQuantity(total, quantity.unit), Anchor::kStart, "value");
  }
  return svg;
}

std::string StackedBarChart::Print(const Terminal& terminal) const {
  const std::vector<std::string> names = SeriesNames();
  if (names.empty()) return fmt::format("{}\n", kNothing);
  double most = 0;
  size_t labels = 0;
  for (const StackedBar& bar : bars) {
    most = std::max(most, bar.total());
    labels = std::max(labels, CountCharacters(bar.label));
  }
  labels = std::min(labels, terminal.columns / 3);
  const size_t room = terminal.columns - labels - 12;
  std::string text, line;
  for (size_t s = 0; s < names.size(); ++s) {
    const std::string entry =
        SeriesGlyph(s, terminal.unicode) + " " + names[s] + "  ";
    if (!line.empty() &&
        CountCharacters(line) + CountCharacters(entry) > terminal.columns) {
      text += line + '\n';
      line.clear();
    }
    line += entry;
  }
  text += line + '\n';
  for (const StackedBar& bar : bars) {
    const std::vector<double> parts = PartsOf(bar, names);
    const double unit =
        static_cast<double>(room) / (shares ? bar.total() : most);
    std::string glyphs;
    double sum = 0;
    size_t drawn = 0;
    for (size_t s = 0; s < parts.size(); ++s) {
      sum += parts[s];
      const auto until = static_cast<size_t>(std::round(sum * unit));
      for (; drawn < until; ++drawn) {
        glyphs += SeriesGlyph(s, terminal.unicode);
      }
    }
    text += fmt::format(
        "{} {} {}\n", Column(bar.label, labels, terminal.unicode),
        Column(FormatQuantity(bar.total(), quantity.unit), 9, terminal.unicode),
        glyphs);
  }
  return text;
}

DataTable StackedBarChart::Data() const {
  std::map<std::string, double> names;
  for (const StackedBar& bar : bars) {
    for (const auto& [name, value] : bar.parts) names[name] += value;
  }
  DataTable table{{"", quantity.name}, {}};
  for (const auto& [name, sum] : names) table.header.push_back(name);
  for (const StackedBar& bar : bars) {
    std::vector<std::string> row{bar.label,
                                 FormatQuantity(bar.total(), quantity.unit)};
    for (const auto& [name, sum] : names) {
      const auto found = bar.parts.find(name);
      row.push_back(found == bar.parts.end()
                        ? "-"
                        : FormatQuantity(found->second, quantity.unit));
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace triptych::report
