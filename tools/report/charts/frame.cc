// SPDX-License-Identifier: Apache-2.0
#include "tools/report/charts/frame.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "tools/report/text_width.h"

namespace triptych::report {
namespace {

constexpr double kSwatch = 10;

bool HasLegend(const std::vector<std::string>& names) {
  return names.size() > 1;
}

// Places each name; returns the height of all lines.
double LayOutLegend(
    const std::vector<std::string>& names, double left,
    const std::function<void(size_t, const std::string&, Point)>& place) {
  if (!HasLegend(names)) return 0;
  double x = left, y = 0;
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string name =
        FitText(names[i], kFont, kWidth - left - kSwatch - 3 * kGap);
    const double width = kSwatch + 6 + TextWidth(name, kFont) + 2 * kGap;
    if (x > left && x + width > kWidth) {
      x = left;
      y += kLine + 2;
    }
    place(i, name, {x, y});
    x += width;
  }
  return y + kLine + kGap;
}

}  // namespace

std::string FillClass(size_t series) {
  return fmt::format("fill{}", series % kColours);
}

std::string LineClass(size_t series) {
  return fmt::format("line{}", series % kColours);
}

double DrawTickBelow(Svg& svg, double x, double bottom,
                     const std::string& label, double taken) {
  const double half = TextWidth(label, kFont) / 2;
  // A label wider than the picture begins at its left.
  const double at = std::clamp(x, half, std::max(half, kWidth - half - 1));
  if (at - half < taken + 6) return taken;
  svg.Text({at, bottom + kLine}, label, Anchor::kMiddle, "tick");
  return at + half;
}

double DrawLegend(Svg& svg, const std::vector<std::string>& names, double left,
                  double top, bool markers) {
  return LayOutLegend(
      names, left, [&](size_t i, const std::string& name, Point at) {
        const double middle = top + at.y + kLine / 2;
        if (markers) {
          svg.Path(MarkerPath(static_cast<int>(i), {at.x + kSwatch / 2, middle},
                              kSwatch / 2 - 0.5),
                   FillClass(i));
        } else {
          svg.Rect(at.x, middle - kSwatch / 2, kSwatch, kSwatch, FillClass(i));
        }
        svg.Text({at.x + kSwatch + 6, middle + kFont * 0.36}, name,
                 Anchor::kStart);
      });
}

double LegendHeight(const std::vector<std::string>& names, double left) {
  return LayOutLegend(names, left, [](size_t, const std::string&, Point) {});
}

void DrawXAxis(Svg& svg, const Scale& scale, const Quantity& quantity,
               const Area& area) {
  // A label needs about 70 pixels.
  const int about = std::max(2, static_cast<int>(area.width() / 85));
  double taken = -1e9;
  for (const Tick& tick : scale.Ticks(about, quantity.unit)) {
    const double x = scale.At(tick.value);
    svg.Line({x, area.top}, {x, area.bottom},
             tick.label.empty() ? "grid minor" : "grid");
    if (tick.label.empty()) continue;
    taken = DrawTickBelow(svg, x, area.bottom, tick.label, taken);
  }
  svg.Line({area.left, area.bottom}, {area.right, area.bottom}, "axis");
  svg.Text({(area.left + area.right) / 2, area.bottom + 2 * kLine + 4},
           quantity.name, Anchor::kMiddle);
}

void DrawYAxis(Svg& svg, const Scale& scale, const Quantity& quantity,
               const Area& area) {
  const int about = std::max(2, static_cast<int>(area.height() / 45));
  for (const Tick& tick : scale.Ticks(about, quantity.unit)) {
    const double y = scale.At(tick.value);
    svg.Line({area.left, y}, {area.right, y},
             tick.label.empty() ? "grid minor" : "grid");
    if (tick.label.empty()) continue;
    svg.Text({area.left - 6, y + kFont * 0.36}, tick.label, Anchor::kEnd,
             "tick");
  }
  svg.Line({area.left, area.top}, {area.left, area.bottom}, "axis");
  svg.TextUpwards({kFont, (area.top + area.bottom) / 2}, quantity.name);
}

void DrawNothing(Svg& svg, const Area& area) {
  svg.Text({(area.left + area.right) / 2, (area.top + area.bottom) / 2},
           kNothing, Anchor::kMiddle, "muted");
}

double LabelWidth(const std::vector<std::string>& labels, double most) {
  double width = 0;
  for (const std::string& label : labels) {
    width = std::max(width, TextWidth(label, kFont));
  }
  return std::min(width + kGap, most);
}

}  // namespace triptych::report
