// SPDX-License-Identifier: Apache-2.0
#include "tools/report/charts/lines.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tools/report/charts/frame.h"
#include "tools/report/terminal.h"
#include "tools/report/text_width.h"

namespace triptych::report {
namespace {

constexpr double kHeight = 240;

std::vector<std::string> NamesOf(const std::vector<LineSeries>& series) {
  std::vector<std::string> names;
  for (const LineSeries& s : series) names.push_back(s.name);
  return names;
}

}  // namespace

std::string LineChart::XText(double value) const {
  if (levels.empty()) return FormatQuantity(value, x.unit);
  const auto level = static_cast<size_t>(std::max(0.0, value));
  return level < levels.size() ? levels[level] : "";
}

void LineChart::DrawLevels(Svg& svg, const Scale& scale, double top,
                           double bottom) const {
  double taken = -1e9;
  for (size_t i = 0; i < levels.size(); ++i) {
    const double at = scale.At(static_cast<double>(i));
    svg.Line({at, top}, {at, bottom}, "grid");
    const std::string label = FitText(levels[i], kFont, 110);
    taken = DrawTickBelow(svg, at, bottom, label, taken);
  }
}

Svg LineChart::Draw(std::string_view id) const {
  const std::vector<std::string> names = NamesOf(series);
  const double top = kTop + LegendHeight(names, kYAxisWidth);
  const Area area{kYAxisWidth, top, kWidth - 30, top + kHeight};
  Svg svg(id, kWidth, area.bottom + kXAxisHeight);
  Extent along, values;
  for (const LineSeries& s : series) {
    for (const Point& p : s.points) {
      along.Include(p.x, x.log);
      values.Include(p.y, y.log);
    }
  }
  if (values.empty() || along.empty()) {
    DrawNothing(svg, area);
    return svg;
  }
  if (!levels.empty()) {
    // Half a level of room on either side.
    along = {-0.5, static_cast<double>(levels.size()) - 0.5};
  }
  const Scale sx(along, x.log, area.left, area.right,
                 levels.empty() ? Fit::kRound : Fit::kTight);
  const Scale sy(values, y.log, area.bottom, area.top);
  DrawLegend(svg, names, area.left, 2, /*markers=*/true);
  if (levels.empty()) {
    DrawXAxis(svg, sx, x, area);
  } else {
    DrawLevels(svg, sx, area.top, area.bottom);
    svg.Line({area.left, area.bottom}, {area.right, area.bottom}, "axis");
    svg.Text({(area.left + area.right) / 2, area.bottom + 2 * kLine + 4},
             x.name, Anchor::kMiddle);
  }
  DrawYAxis(svg, sy, y, area);
  for (size_t s = 0; s < series.size(); ++s) {
    PathData line;
    for (const Point& p : series[s].points) {
      if (!sx.Shows(p.x) || !sy.Shows(p.y)) continue;
      const Point at{sx.At(p.x), sy.At(p.y)};
      line.empty() ? line.MoveTo(at) : line.LineTo(at);
    }
    svg.Path(line, "line " + LineClass(s));
    for (const Point& p : series[s].points) {
      if (!sx.Shows(p.x) || !sy.Shows(p.y)) continue;
      svg.BeginMark(
          fmt::format("{}{}: {}; {}: {}",
                      series[s].name.empty() ? "" : series[s].name + "; ",
                      x.name, XText(p.x), y.name, FormatQuantity(p.y, y.unit)));
      svg.Path(MarkerPath(static_cast<int>(s), {sx.At(p.x), sy.At(p.y)}, 4),
               FillClass(s) + " point");
      svg.End();
    }
  }
  return svg;
}

// A bar a value: lines of characters say less.
std::string LineChart::Print(const Terminal& terminal) const {
  Extent values;
  for (const LineSeries& s : series) {
    for (const Point& p : s.points) values.Include(p.y, y.log);
  }
  if (values.empty()) return fmt::format("{}\n", kNothing);
  const size_t room = terminal.columns - 28;
  const Scale scale(values, y.log, 0, 1, Fit::kFromZero);
  std::string text = fmt::format("{} by {}\n", y.name, x.name);
  for (const LineSeries& s : series) {
    if (!s.name.empty()) text += s.name + '\n';
    for (const Point& p : s.points) {
      text +=
          fmt::format("{} {} {}\n", Column(XText(p.x), 14, terminal.unicode),
                      Column(FormatQuantity(p.y, y.unit), 11, terminal.unicode),
                      TerminalBar(scale.Shows(p.y) ? scale.At(p.y) : 0, room,
                                  terminal.unicode));
    }
  }
  return text;
}

DataTable LineChart::Data() const {
  DataTable table{{"", x.name, y.name}, {}};
  for (const LineSeries& s : series) {
    for (const Point& p : s.points) {
      table.rows.push_back({s.name, XText(p.x), FormatQuantity(p.y, y.unit)});
    }
  }
  return table;
}

}  // namespace triptych::report
