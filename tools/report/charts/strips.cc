// SPDX-License-Identifier: Apache-2.0
#include "tools/report/charts/strips.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tools/report/charts/frame.h"
#include "tools/report/terminal.h"
#include "tools/report/text_width.h"

namespace triptych::report {
namespace {

constexpr double kMostLabel = 140;
constexpr double kFinest = 0.4;  // pixels; a thinner slice joins its neighbour

}  // namespace

Extent StripChart::ExtentOfTime() const {
  Extent extent;
  for (const Lane& lane : lanes) {
    for (const Slice& slice : lane.slices) {
      extent.Include(slice.begin, false);
      extent.Include(slice.end, false);
    }
  }
  return extent;
}

std::vector<double> StripChart::BusyOf(const Lane& lane) const {
  std::vector<double> busy(series.size(), 0);
  for (const Slice& slice : lane.slices) {
    if (!std::isfinite(slice.begin) || !std::isfinite(slice.end)) continue;
    busy[slice.series] += (slice.end - slice.begin) * slice.busy;
  }
  return busy;
}

// One path a series, and one mark: a rectangle a slice would be megabytes.
// The height of a slice is how busy it was.
void StripChart::DrawLane(Svg& svg, const Lane& lane, const Scale& scale,
                          double top) const {
  std::vector<PathData> paths(series.size());
  std::vector<double> drawn(series.size(), -1e9);
  for (const Slice& slice : lane.slices) {
    if (!scale.Shows(slice.begin) || !scale.Shows(slice.end)) continue;
    const double from = std::max(scale.At(slice.begin), drawn[slice.series]);
    const double width = std::max(scale.At(slice.end) - from, kFinest);
    if (from + width - drawn[slice.series] < kFinest) continue;
    const double height = kBar * std::clamp(slice.busy, 0.08, 1.0);
    paths[slice.series].Box(from, top + kBar - height, width, height);
    drawn[slice.series] = from + width;
  }
  const std::vector<double> busy = BusyOf(lane);
  const double all = scale.hi() - scale.lo();
  for (size_t s = 0; s < series.size(); ++s) {
    if (paths[s].empty()) continue;
    svg.BeginMark(fmt::format(
        "{}, {}: busy {}, {:.1f} % of the time", lane.name, series[s],
        FormatQuantity(busy[s], time.unit), 100 * busy[s] / all));
    svg.Path(paths[s], FillClass(s));
    svg.End();
  }
}

Svg StripChart::Draw(std::string_view id) const {
  std::vector<std::string> labels;
  for (const Lane& lane : lanes) labels.push_back(lane.name);
  const double left = LabelWidth(labels, kMostLabel);
  const double top = 4 + LegendHeight(series, left);
  const Area area{
      left, top, kWidth - 30,
      top + kRow * static_cast<double>(std::max<size_t>(lanes.size(), 1))};
  Svg svg(id, kWidth, area.bottom + kXAxisHeight);
  const Extent extent = ExtentOfTime();
  if (extent.empty()) {
    DrawNothing(svg, area);
    return svg;
  }
  const Scale scale(extent, false, area.left, area.right, Fit::kTight);
  DrawLegend(svg, series, left, 2, /*markers=*/false);
  DrawXAxis(svg, scale, time, area);
  for (size_t i = 0; i < lanes.size(); ++i) {
    const double y = top + kRow * static_cast<double>(i) + (kRow - kBar) / 2;
    svg.Text({left - kGap, y + kBar / 2 + kFont * 0.36},
             FitText(lanes[i].name, kFont, left - kGap), Anchor::kEnd);
    svg.Rect(left, y, area.width(), kBar, "lane");
    DrawLane(svg, lanes[i], scale, y);
  }
  return svg;
}

std::string StripChart::Print(const Terminal& terminal) const {
  const Extent extent = ExtentOfTime();
  if (extent.empty()) return fmt::format("{}\n", kNothing);
  size_t labels = 0;
  for (const Lane& lane : lanes) {
    labels = std::max(labels, CountCharacters(lane.name));
  }
  labels = std::min(labels, terminal.columns / 4);
  const size_t room = terminal.columns - labels - 1;
  const Scale scale(extent, false, 0, static_cast<double>(room), Fit::kTight);
  std::string text;
  for (const Lane& lane : lanes) {
    Canvas canvas(room, 1);
    for (const Slice& slice : lane.slices) {
      if (!scale.Shows(slice.begin) || !scale.Shows(slice.end)) continue;
      const auto at = [&](double t) {
        return static_cast<size_t>(
            std::clamp(scale.At(t), 0.0, static_cast<double>(room - 1)));
      };
      for (size_t c = at(slice.begin); c <= at(slice.end); ++c) {
        canvas.Put(c, 0, SeriesGlyph(slice.series, terminal.unicode));
      }
    }
    text += Column(lane.name, labels, terminal.unicode) + ' ' + canvas.Row(0) +
            '\n';
  }
  text += fmt::format("  {}: {} to {}\n", time.name,
                      FormatQuantity(scale.lo(), time.unit),
                      FormatQuantity(scale.hi(), time.unit));
  for (size_t s = 0; s < series.size(); ++s) {
    text +=
        fmt::format("  {} {}\n", SeriesGlyph(s, terminal.unicode), series[s]);
  }
  return text;
}

DataTable StripChart::Data() const {
  DataTable table{{""}, {}};
  for (const std::string& name : series) table.header.push_back(name);
  for (const Lane& lane : lanes) {
    std::vector<std::string> row{lane.name};
    for (const double busy : BusyOf(lane)) {
      row.push_back(FormatQuantity(busy, time.unit));
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace triptych::report
