// SPDX-License-Identifier: Apache-2.0
#include "tools/report/charts/grid_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "kernels/base/check.h"
#include "tools/report/charts/frame.h"
#include "tools/report/charts/heat_map.h"
#include "tools/report/terminal.h"
#include "tools/report/text_width.h"

namespace triptych::report {
namespace {

constexpr double kMostPitch = 46, kPart = 0.56;  // a place's side / the pitch

double Most(const std::vector<double>& values) {
  const Extent extent = ExtentOf(values, false);
  return extent.empty() ? 0 : extent.hi;
}

}  // namespace

double GridMap::Hottest() const { return std::max(Most(right), Most(down)); }

void GridMap::DrawPlace(Svg& svg, size_t i, Point at, double size,
                        double most) const {
  const bool works = std::isfinite(places[i]);
  std::string tip = names[i];
  if (works) {
    tip += fmt::format(", {}: {}", place.name,
                       FormatQuantity(places[i], place.unit));
  }
  svg.BeginMark(tip);
  std::string classes = "place other";
  if (works && places[i] <= 0) classes = "place idle";
  if (works && places[i] > 0) {
    classes = fmt::format("place ramp{}", RampStep(places[i], 0, most));
  }
  svg.Rect(at.x, at.y, size, size, classes);
  svg.End();
}

// An arrow in the gap to the next place, as wide as it is full.
void GridMap::DrawRoads(Svg& svg, size_t i, Point at, double size, double pitch,
                        double most) const {
  const double gap = pitch - size, half = size / 2;
  const auto road_tip = [&](double load, std::string_view way) {
    return fmt::format("{} {}: {}", names[i], way,
                       FormatQuantity(load, road.unit));
  };
  const auto arrow = [&](double load, std::string_view way, Point from,
                         Point along) {
    if (!std::isfinite(load) || load <= 0) return;
    const double width = 1.5 + 0.8 * (gap / 2 - 1.5) * load / most;
    const Point side{-along.y * width, along.x * width};
    const Point tip{from.x + along.x * (gap - 2), from.y + along.y * (gap - 2)};
    const Point foot{from.x + along.x * 2, from.y + along.y * 2};
    svg.BeginMark(road_tip(load, way));
    svg.Path(PathData()
                 .MoveTo({foot.x + side.x, foot.y + side.y})
                 .LineTo(tip)
                 .LineTo({foot.x - side.x, foot.y - side.y})
                 .Close(),
             fmt::format("heat{}", RampStep(load, 0, most)));
    svg.End();
  };
  arrow(right[i], "to the right", {at.x + size, at.y + half}, {1, 0});
  arrow(down[i], "down", {at.x + half, at.y + size}, {0, 1});
}

Svg GridMap::Draw(std::string_view id) const {
  TRIPTYCH_CHECK(
      places.size() == columns * rows && names.size() == places.size() &&
          right.size() == places.size() && down.size() == places.size(),
      "places", places.size());
  const double margin = 26, top = 2 * (kLine + kGap) + margin;
  const double pitch = std::min(
      kMostPitch, (kWidth - 2 * margin) /
                      static_cast<double>(std::max<size_t>(columns, 1)));
  const double size = pitch * kPart;
  const double height =
      top + pitch * static_cast<double>(std::max<size_t>(rows, 1)) + 8;
  Svg svg(id, kWidth, height);
  if (places.empty()) {
    DrawNothing(svg, {0, 0, kWidth, height});
    return svg;
  }
  const double most_place = Most(places), most_road = Hottest();
  svg.Text({margin, kFont}, place.name, Anchor::kStart);
  DrawRamp(svg, {kWidth / 2, 1}, "ramp", "0",
           FormatQuantity(most_place, place.unit));
  svg.Text({margin, kLine + kGap + kFont}, road.name, Anchor::kStart);
  DrawRamp(svg, {kWidth / 2, kLine + kGap + 1}, "heat", "0",
           FormatQuantity(most_road, road.unit));
  for (size_t c = 0; c < columns; ++c) {
    svg.Text({margin + pitch * static_cast<double>(c) + size / 2, top - 6},
             std::to_string(c), Anchor::kMiddle, "tick");
  }
  for (size_t r = 0; r < rows; ++r) {
    const double y = top + pitch * static_cast<double>(r);
    svg.Text({margin - 6, y + size / 2 + kFont * 0.36}, std::to_string(r),
             Anchor::kEnd, "tick");
    for (size_t c = 0; c < columns; ++c) {
      const size_t i = r * columns + c;
      const Point at{margin + pitch * static_cast<double>(c), y};
      DrawRoads(svg, i, at, size, pitch, most_road);
      DrawPlace(svg, i, at, size, most_place);
    }
  }
  return svg;
}

// Places as shades; the roads' totals below.
std::string GridMap::Print(const Terminal& terminal) const {
  if (places.empty()) return fmt::format("{}\n", kNothing);
  HeatMap map;
  map.column_name = "column";
  map.row_name = "row";
  map.quantity = place;
  map.cells = places;
  for (size_t c = 0; c < columns; ++c) map.columns.push_back(std::to_string(c));
  for (size_t r = 0; r < rows; ++r) map.rows.push_back(std::to_string(r));
  std::string text = place.name + ", " + map.Print(terminal);
  for (const auto& [way, loads] :
       {std::pair("right", &right), std::pair("down", &down)}) {
    // What is not a number is less than any.
    const auto busiest = std::ranges::max_element(*loads, {}, [](double load) {
      return std::isfinite(load) ? load : -1;
    });
    text += fmt::format("{}, {}: at most {} ({})\n", road.name, way,
                        FormatQuantity(*busiest, road.unit),
                        names[static_cast<size_t>(busiest - loads->begin())]);
  }
  return text;
}

DataTable GridMap::Data() const {
  DataTable table{
      {"place", place.name, road.name + ", right", road.name + ", down"}, {}};
  for (size_t i = 0; i < places.size(); ++i) {
    table.rows.push_back({names[i], FormatQuantity(places[i], place.unit),
                          FormatQuantity(right[i], road.unit),
                          FormatQuantity(down[i], road.unit)});
  }
  return table;
}

}  // namespace triptych::report
