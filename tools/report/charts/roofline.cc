// SPDX-License-Identifier: Apache-2.0
#include "tools/report/charts/roofline.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tools/report/charts/frame.h"
#include "tools/report/charts/scatter.h"
#include "tools/report/terminal.h"
#include "tools/report/text_width.h"

namespace triptych::report {
namespace {

constexpr double kHeight = 340;

// Text boxes that are taken; labels move until they hit none.
class Labels {
 public:
  explicit Labels(const Area& area) : area_(area) {}

  void Take(Point at, double half) {
    boxes_.push_back({at.x - half, at.y - half, at.x + half, at.y + half});
  }
  // Where a text beside `at` may stand; its baseline's left end. False: there
  // is no room around the point.
  bool Find(Point at, double width, Point& found) {
    for (const double dy : {0.0, 14.0, -14.0, 28.0, -28.0, 42.0, -42.0}) {
      for (const double dx : {9.0, -9.0 - width}) {
        const Area box{at.x + dx, at.y + dy - kFont / 2, at.x + dx + width,
                       at.y + dy + kFont / 2};
        if (!Free(box)) continue;
        boxes_.push_back(box);
        found = {box.left, box.bottom - 2};
        return true;
      }
    }
    return false;
  }

 private:
  bool Free(const Area& box) const {
    if (box.left < area_.left || box.right > area_.right ||
        box.top < area_.top || box.bottom > area_.bottom) {
      return false;
    }
    return std::ranges::none_of(boxes_, [&](const Area& taken) {
      return box.left < taken.right && taken.left < box.right &&
             box.top < taken.bottom && taken.top < box.bottom;
    });
  }

  Area area_;
  std::vector<Area> boxes_;
};

bool IsPositive(double v) { return std::isfinite(v) && v > 0; }

}  // namespace

struct RooflineChart::Scales {
  Scales(const RooflineChart& chart, const Area& box)
      : area(box),
        x(XExtent(chart), true, box.left, box.right),
        y(YExtent(chart), true, box.bottom, box.top) {}

  static Extent XExtent(const RooflineChart& chart) {
    Extent extent;
    for (const RoofPoint& p : chart.points) {
      if (IsPositive(p.y)) extent.Include(p.x, true);
    }
    // Both sides of every ridge.
    for (const Roof& roof : chart.roofs) {
      if (!IsPositive(roof.peak) || !IsPositive(roof.slope)) continue;
      extent.Include(roof.peak / roof.slope * 8, true);
      extent.Include(roof.peak / roof.slope / 8, true);
    }
    return extent;
  }
  static Extent YExtent(const RooflineChart& chart) {
    Extent extent;
    for (const RoofPoint& p : chart.points) {
      // With room for a marker below.
      if (IsPositive(p.x)) extent.Include(p.y / 2, true);
    }
    for (const Roof& roof : chart.roofs) extent.Include(roof.peak * 1.5, true);
    return extent;
  }

  Area area;
  Scale x, y;
};

double RooflineChart::RoofAt(const RoofPoint& point) const {
  const Roof& roof = roofs[point.roof];
  return std::min(roof.peak, roof.slope * point.x);
}

void RooflineChart::DrawRoof(Svg& svg, size_t index,
                             const Scales& scales) const {
  const Roof& roof = roofs[index];
  if (!IsPositive(roof.peak) || !IsPositive(roof.slope)) return;
  // From where it enters the area, by its left or its lower side.
  const double start = std::max(scales.x.lo(), scales.y.lo() / roof.slope);
  const double ridge =
      std::clamp(roof.peak / roof.slope, start, std::max(start, scales.x.hi()));
  svg.BeginMark(fmt::format(
      "{}: peak {}, {} up to {}", roof.name, FormatQuantity(roof.peak, y.unit),
      FormatQuantity(roof.slope, "B/s"), FormatQuantity(ridge, x.unit)));
  svg.Path(PathData()
               .MoveTo({scales.x.At(start),
                        scales.y.At(std::min(roof.peak, roof.slope * start))})
               .LineTo({scales.x.At(ridge),
                        scales.y.At(std::min(roof.peak, roof.slope * ridge))})
               .LineTo({scales.area.right,
                        scales.y.At(
                            std::min(roof.peak, roof.slope * scales.x.hi()))}),
           "roof " + LineClass(index));
  svg.End();
}

void RooflineChart::DrawPoints(Svg& svg, const Scales& scales) const {
  Labels labels(scales.area);
  std::vector<Point> at(points.size());
  const auto shown = [&](size_t i) {
    return IsPositive(points[i].x) && IsPositive(points[i].y);
  };
  for (size_t i = 0; i < points.size(); ++i) {
    if (!shown(i)) continue;
    at[i] = {scales.x.At(points[i].x), scales.y.At(points[i].y)};
    labels.Take(at[i], 6);
  }
  for (size_t i = 0; i < points.size(); ++i) {
    if (!shown(i)) continue;
    const RoofPoint& p = points[i];
    svg.BeginMark(fmt::format(
        "{}: {} at {}, {} of the roof{}", p.name, FormatQuantity(p.y, y.unit),
        FormatQuantity(p.x, x.unit), FormatQuantity(100 * p.y / RoofAt(p), "%"),
        p.note.empty() ? "" : "; " + p.note));
    svg.Path(MarkerPath(static_cast<int>(p.roof), at[i], 5),
             FillClass(p.roof) + " point");
    svg.End();
    Point text;
    // The legend has the names of machines.
    if (roofs.size() > 1 && p.name == roofs[p.roof].name) continue;
    if (labels.Find(at[i], TextWidth(p.name, kFont), text)) {
      svg.Text(text, p.name, Anchor::kStart, "label");
    }
  }
}

Svg RooflineChart::Draw(std::string_view id) const {
  std::vector<std::string> names;
  for (const Roof& roof : roofs) names.push_back(roof.name);
  const double top = kTop + LegendHeight(names, kYAxisWidth);
  const Area area{kYAxisWidth, top, kWidth - 20, top + kHeight};
  Svg svg(id, kWidth, area.bottom + kXAxisHeight);
  if (roofs.empty()) {
    DrawNothing(svg, area);
    return svg;
  }
  const Scales scales(*this, area);
  DrawLegend(svg, names, area.left, 2, /*markers=*/true);
  DrawXAxis(svg, scales.x, x, area);
  DrawYAxis(svg, scales.y, y, area);
  for (size_t i = 0; i < roofs.size(); ++i) DrawRoof(svg, i, scales);
  DrawPoints(svg, scales);
  return svg;
}

// The roofs are drawn as dots under the points of a scatter.
std::string RooflineChart::Print(const Terminal& terminal) const {
  ScatterChart scatter;
  scatter.x = x;
  scatter.y = y;
  if (roofs.empty()) return scatter.Print(terminal);
  const Scales scales(*this, {0, 0, 1, 1});
  for (size_t r = 0; r < roofs.size(); ++r) {
    scatter.series.push_back(roofs[r].name);
    for (const RoofPoint& p : points) {
      if (p.roof != r) continue;
      scatter.front.push_back(scatter.points.size());
      scatter.points.push_back({p.x, p.y, static_cast<uint32_t>(r)});
    }
    const double step = std::pow(scales.x.hi() / scales.x.lo(),
                                 1 / static_cast<double>(terminal.columns));
    for (double v = scales.x.lo(); v <= scales.x.hi(); v *= step) {
      const double roof = std::min(roofs[r].peak, roofs[r].slope * v);
      if (roof < scales.y.lo()) continue;
      scatter.points.push_back({v, roof, static_cast<uint32_t>(r)});
    }
  }
  std::string text = scatter.Print(terminal);
  for (const RoofPoint& p : points) {
    text += fmt::format("  {}: {} of the roof\n", p.name,
                        FormatQuantity(100 * p.y / RoofAt(p), "%"));
    text += fmt::format("    at {}{}\n", FormatQuantity(p.x, x.unit),
                        p.note.empty() ? "" : ", " + p.note);
  }
  return text;
}

DataTable RooflineChart::Data() const {
  DataTable table{{"", "under", x.name, y.name, "of the roof", "bound"}, {}};
  for (const RoofPoint& p : points) {
    table.rows.push_back({p.name, roofs[p.roof].name,
                          FormatQuantity(p.x, x.unit),
                          FormatQuantity(p.y, y.unit),
                          FormatQuantity(100 * p.y / RoofAt(p), "%"), p.note});
  }
  return table;
}

}  // namespace triptych::report
