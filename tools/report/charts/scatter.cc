// SPDX-License-Identifier: Apache-2.0
#include "tools/report/charts/scatter.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "tools/report/charts/frame.h"
#include "tools/report/terminal.h"
#include "tools/report/text_width.h"

namespace triptych::report {
namespace {

constexpr double kHeight = 360;

// What tells one drawn mark from another: the square it is in, its series and
// its value of each filter, in one number (FNV-1a).
class Look {
 public:
  void Add(uint64_t part) {
    for (int byte = 0; byte < 8; ++byte) {
      hash_ = (hash_ ^ ((part >> (8 * byte)) & 0xFF)) * 0x100000001B3;
    }
  }
  uint64_t hash() const { return hash_; }

 private:
  uint64_t hash_ = 0xCBF29CE484222325;
};

}  // namespace

struct ScatterChart::Axes {
  Axes(const ScatterChart& chart, const Area& area)
      : x(Of(chart, true), chart.x.log, area.left, area.right),
        y(Of(chart, false), chart.y.log, area.bottom, area.top) {}

  static Extent Of(const ScatterChart& chart, bool horizontal) {
    Extent extent;
    for (size_t i = 0; i < chart.points.size(); ++i) {
      if (!chart.Visible(i)) continue;
      const ScatterPoint& p = chart.points[i];
      // With a diagonal, both axes show the same range.
      if (horizontal || chart.identity_band) extent.Include(p.x, chart.x.log);
      if (!horizontal || chart.identity_band) extent.Include(p.y, chart.y.log);
    }
    return extent;
  }
  Point At(const ScatterPoint& p) const { return {x.At(p.x), y.At(p.y)}; }

  Scale x, y;
};

bool ScatterChart::Visible(size_t point) const {
  const ScatterPoint& p = points[point];
  return std::isfinite(p.x) && std::isfinite(p.y) && (!x.log || p.x > 0) &&
         (!y.log || p.y > 0);
}

std::vector<size_t> ScatterChart::Drawn() const {
  const Axes axes(*this, {0, 0, kWidth, kHeight});
  const std::unordered_set<size_t> kept(front.begin(), front.end());
  std::vector<size_t> drawn;
  for (size_t i = 0; i < points.size() && drawn.size() <= most_marks; ++i) {
    if (Visible(i)) drawn.push_back(i);
  }
  if (drawn.size() <= most_marks) return drawn;
  for (double side = 1; side < kWidth; side *= 1.5) {
    drawn.clear();
    std::unordered_set<uint64_t> taken;
    for (size_t i = 0; i < points.size(); ++i) {
      if (!Visible(i)) continue;
      const Point at = axes.At(points[i]);
      Look look;
      // A clamped point may lie a pixel outside.
      look.Add(static_cast<uint64_t>((at.x + 2) / side));
      look.Add(static_cast<uint64_t>((at.y + 2) / side));
      look.Add(points[i].series);
      for (size_t f = 0; f < filters.size(); ++f) look.Add(value_of(i, f));
      const bool first = taken.insert(look.hash()).second;
      if (first || kept.contains(i)) drawn.push_back(i);
      // A larger square is needed whatever follows.
      if (drawn.size() > most_marks + front.size()) break;
    }
    if (drawn.size() <= most_marks + front.size()) break;
  }
  return drawn;
}

std::string ScatterChart::TipOf(size_t point) const {
  const ScatterPoint& p = points[point];
  std::string tip =
      fmt::format("{}: {}; {}: {}", x.name, FormatQuantity(p.x, x.unit), y.name,
                  FormatQuantity(p.y, y.unit));
  if (p.series < series.size() && !series[p.series].empty()) {
    tip = series[p.series] + "; " + tip;
  }
  if (describe) tip += "; " + describe(point);
  return tip;
}

void ScatterChart::DrawIdentity(Svg& svg, const Axes& axes) const {
  const double lo = axes.x.lo(), hi = axes.x.hi();
  const auto line = [&](double factor, std::string_view classes) {
    // Clipped where it leaves the area.
    const double from = std::max(lo, lo / factor);
    const double to = std::min(hi, hi / factor);
    svg.Line({axes.x.At(from), axes.y.At(from * factor)},
             {axes.x.At(to), axes.y.At(to * factor)}, classes);
  };
  line(1, "identity");
  if (*identity_band <= 0 || *identity_band >= 1) return;
  line(1 + *identity_band, "identity band");
  line(1 - *identity_band, "identity band");
}

void ScatterChart::DrawFront(Svg& svg, const Axes& axes) const {
  PathData line;
  for (const size_t i : front) {
    if (!Visible(i)) continue;
    const Point at = axes.At(points[i]);
    line.empty() ? line.MoveTo(at) : line.LineTo(at);
  }
  svg.Path(line, "front");
  if (!knee || !Visible(*knee)) return;
  const Point at = axes.At(points[*knee]);
  svg.BeginMark("knee: " + TipOf(*knee));
  svg.Path(MarkerPath(0, at, 9), "knee");
  const bool right = at.x > kWidth - 120;
  svg.Text({at.x + (right ? -12 : 12), at.y - 10}, "knee",
           right ? Anchor::kEnd : Anchor::kStart, "strong label");
  svg.End();
}

Svg ScatterChart::Draw(std::string_view id) const {
  const double top = kTop + LegendHeight(series, kYAxisWidth);
  const Area area{kYAxisWidth, top, kWidth - 20, top + kHeight};
  Svg svg(id, kWidth, area.bottom + kXAxisHeight);
  const std::vector<size_t> drawn = Drawn();
  if (drawn.empty()) {
    DrawNothing(svg, area);
    return svg;
  }
  const Axes axes(*this, area);
  DrawLegend(svg, series, area.left, 2, /*markers=*/true);
  DrawXAxis(svg, axes.x, x, area);
  DrawYAxis(svg, axes.y, y, area);
  if (identity_band) DrawIdentity(svg, axes);
  const std::unordered_set<size_t> in_front(front.begin(), front.end());
  const double radius = drawn.size() > 400 ? 3 : 4.5;
  // Those of the front last, so that none hides them.
  for (const bool of_front : {false, true}) {
    if (of_front) DrawFront(svg, axes);
    for (const size_t i : drawn) {
      if (in_front.contains(i) != of_front) continue;
      std::string keys;
      for (size_t f = 0; f < filters.size(); ++f) {
        keys += fmt::format("{}{}", f > 0 ? " " : "", value_of(i, f));
      }
      const size_t s = points[i].series;
      svg.BeginMark((of_front ? front_name + ": " : "") + TipOf(i), keys);
      svg.Path(MarkerPath(static_cast<int>(s), axes.At(points[i]),
                          of_front ? radius + 1.5 : radius),
               FillClass(s) + (of_front ? " point on-front" : " point"));
      svg.End();
    }
  }
  if (drawn.size() < points.size()) {
    svg.Text({area.right, area.bottom + 2 * kLine + 4},
             fmt::format("{} of {} points drawn", drawn.size(), points.size()),
             Anchor::kEnd, "muted");
  }
  return svg;
}

std::string ScatterChart::Print(const Terminal& terminal) const {
  constexpr size_t kRows = 18, kMargin = 10;
  Canvas canvas(terminal.columns - kMargin - 1, kRows);
  // From the middle of the first character to that of the last.
  const Axes axes(*this, {0, 0, static_cast<double>(canvas.columns() - 1),
                          static_cast<double>(kRows - 1)});
  const auto put = [&](size_t i, const std::string& glyph) {
    const Point at = axes.At(points[i]);
    const auto cell = [](double v, size_t most) {
      return static_cast<size_t>(
          std::clamp(std::round(v), 0.0, static_cast<double>(most - 1)));
    };
    canvas.Put(cell(at.x, canvas.columns()), cell(at.y, kRows), glyph);
  };
  bool any = false;
  for (size_t i = 0; i < points.size(); ++i) {
    if (!Visible(i)) continue;
    any = true;
    put(i, front.empty() ? SeriesGlyph(points[i].series, terminal.unicode)
                         : (terminal.unicode ? "·" : "."));
  }
  if (!any) return fmt::format("{}\n", kNothing);
  for (const size_t i : front) {
    if (Visible(i)) put(i, SeriesGlyph(points[i].series, terminal.unicode));
  }
  if (knee && Visible(*knee)) put(*knee, "K");

  const std::string bar = terminal.unicode ? "│" : "|";
  std::string text = y.name + '\n';
  for (size_t row = 0; row < kRows; ++row) {
    std::string label;
    if (row == 0) label = FormatQuantity(axes.y.hi(), y.unit);
    if (row == kRows - 1) label = FormatQuantity(axes.y.lo(), y.unit);
    text +=
        Column(label, kMargin, terminal.unicode) + bar + canvas.Row(row) + '\n';
  }
  std::string rule = terminal.unicode ? "└" : "+";
  for (size_t i = 0; i < canvas.columns(); ++i) {
    rule += terminal.unicode ? "─" : "-";
  }
  const std::string lo = FormatQuantity(axes.x.lo(), x.unit);
  const std::string hi = FormatQuantity(axes.x.hi(), x.unit);
  const size_t used = CountCharacters(lo) + CountCharacters(hi);
  text += std::string(kMargin, ' ') + rule + '\n';
  text +=
      std::string(kMargin + 1, ' ') + lo +
      Column("", canvas.columns() - std::min(canvas.columns(), used), true) +
      hi + '\n';
  text += std::string(kMargin + 1, ' ') + x.name + '\n';
  for (size_t s = 0; s < series.size(); ++s) {
    if (series[s].empty()) continue;
    text +=
        fmt::format("  {} {}\n", SeriesGlyph(s, terminal.unicode), series[s]);
  }
  if (knee) text += "  K knee\n";
  return text;
}

DataTable ScatterChart::Data() const {
  constexpr size_t kMostRows = 100;
  const size_t all = front.empty() ? points.size() : front.size();
  DataTable table{{"", x.name, y.name, "point"}, {}};
  for (size_t row = 0; row < std::min(all, kMostRows); ++row) {
    const size_t i = front.empty() ? row : front[row];
    const ScatterPoint& p = points[i];
    table.rows.push_back({p.series < series.size() ? series[p.series] : "",
                          FormatQuantity(p.x, x.unit),
                          FormatQuantity(p.y, y.unit),
                          describe ? describe(i) : ""});
  }
  if (all > kMostRows) {
    table.rows.push_back(
        {fmt::format("and {} more", all - kMostRows), "", "", ""});
  }
  return table;
}

}  // namespace triptych::report
