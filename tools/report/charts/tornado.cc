// SPDX-License-Identifier: Apache-2.0
#include "tools/report/charts/tornado.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tools/report/charts/frame.h"
#include "tools/report/terminal.h"
#include "tools/report/text_width.h"

namespace triptych::report {
namespace {

constexpr double kMostLabel = 230;

bool IsKnown(const Swing& s) {
  return std::isfinite(s.low) && std::isfinite(s.high);
}

}  // namespace

std::vector<Swing> TornadoChart::Sorted() const {
  std::vector<Swing> sorted;
  std::ranges::copy_if(swings, std::back_inserter(sorted), IsKnown);
  std::ranges::sort(sorted, [](const Swing& a, const Swing& b) {
    return a.reach() != b.reach() ? a.reach() > b.reach() : a.cause < b.cause;
  });
  return sorted;
}

Extent TornadoChart::ExtentOfSwings() const {
  Extent extent;
  extent.Include(base, quantity.log);
  for (const Swing& s : swings) {
    if (!IsKnown(s)) continue;
    extent.Include(s.low, quantity.log);
    extent.Include(s.high, quantity.log);
  }
  return extent;
}

Svg TornadoChart::Draw(std::string_view id) const {
  const std::vector<Swing> sorted = Sorted();
  std::vector<std::string> labels;
  for (const Swing& s : sorted) labels.push_back(s.cause);
  const double left = LabelWidth(labels, kMostLabel);
  const std::vector<std::string> ends = {"lowest value", "highest value"};
  const double top = 4 + LegendHeight(ends, left);
  const Area area{
      left, top, kWidth - 30,
      top + kRow * static_cast<double>(std::max<size_t>(sorted.size(), 1))};
  Svg svg(id, kWidth, area.bottom + kXAxisHeight);
  if (sorted.empty()) {
    DrawNothing(svg, area);
    return svg;
  }
  DrawLegend(svg, ends, left, 2, /*markers=*/false);
  const Scale scale(ExtentOfSwings(), quantity.log, area.left, area.right);
  DrawXAxis(svg, scale, quantity, area);
  // A base that the scale cannot show: bars begin at its end.
  const double middle = scale.At(scale.Shows(base) ? base : scale.lo());
  for (size_t i = 0; i < sorted.size(); ++i) {
    const Swing& s = sorted[i];
    const double y = top + kRow * static_cast<double>(i) + (kRow - kBar) / 2;
    svg.Text({left - kGap, y + kBar / 2 + kFont * 0.36},
             FitText(s.cause, kFont, left - kGap), Anchor::kEnd);
    // The longer one first: both may be on one side.
    std::vector<size_t> order = {0, 1};
    const double values[] = {s.low, s.high};
    const std::string* texts[] = {&s.low_text, &s.high_text};
    if (std::abs(s.high - base) > std::abs(s.low - base)) order = {1, 0};
    for (const size_t end : order) {
      if (!scale.Shows(values[end])) continue;
      const double x = scale.At(values[end]);
      svg.BeginMark(fmt::format("{} = {}: {}", s.cause, *texts[end],
                                FormatQuantity(values[end], quantity.unit)));
      svg.Rect(std::min(x, middle), y, std::abs(x - middle), kBar,
               FillClass(end));
      svg.End();
    }
  }
  svg.Line({middle, area.top}, {middle, area.bottom}, "axis");
  return svg;
}

std::string TornadoChart::Print(const Terminal& terminal) const {
  const std::vector<Swing> sorted = Sorted();
  if (sorted.empty()) return fmt::format("{}\n", kNothing);
  size_t labels = 0;
  for (const Swing& s : sorted) {
    labels = std::max(labels, CountCharacters(s.cause));
  }
  labels = std::min(labels, terminal.columns / 3);
  const size_t room = terminal.columns - labels - 27;
  std::string text;
  const double most = sorted.front().reach();
  for (const Swing& s : sorted) {
    text += fmt::format(
        "{} {} {} {}\n", Column(s.cause, labels, terminal.unicode),
        Column(FormatQuantity(s.low, quantity.unit), 11, terminal.unicode),
        Column(FormatQuantity(s.high, quantity.unit), 11, terminal.unicode),
        TerminalBar(most > 0 ? s.reach() / most : 0, room, terminal.unicode));
  }
  return text;
}

DataTable TornadoChart::Data() const {
  DataTable table{{"", "lowest", quantity.name + " there", "highest",
                   quantity.name + " there"},
                  {}};
  for (const Swing& s : Sorted()) {
    table.rows.push_back({s.cause, s.low_text,
                          FormatQuantity(s.low, quantity.unit), s.high_text,
                          FormatQuantity(s.high, quantity.unit)});
  }
  return table;
}

}  // namespace triptych::report
