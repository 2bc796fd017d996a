// SPDX-License-Identifier: Apache-2.0
#include "tools/report/charts/heat_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "kernels/base/check.h"
#include "tools/report/charts/frame.h"
#include "tools/report/terminal.h"
#include "tools/report/text_width.h"

namespace triptych::report {
namespace {

constexpr double kMostLabel = 140, kRampBox = 16;

}  // namespace

int RampStep(double value, double lo, double hi) {
  if (!(hi > lo)) return kRampSteps - 1;
  const double position = (value - lo) / (hi - lo);
  return std::clamp(static_cast<int>(position * kRampSteps), 0, kRampSteps - 1);
}

void DrawRamp(Svg& svg, Point at, std::string_view prefix,
              std::string_view from, std::string_view to) {
  svg.Text({at.x, at.y + kFont - 1}, from, Anchor::kStart, "tick");
  double x = at.x + TextWidth(from, kFont) + 6;
  for (int i = 0; i < kRampSteps; ++i, x += kRampBox) {
    svg.Rect(x, at.y, kRampBox, kFont, fmt::format("{}{}", prefix, i));
  }
  svg.Text({x + 6, at.y + kFont - 1}, to, Anchor::kStart, "tick");
}

std::string HeatMap::TextOf(double value) const {
  if (!std::isfinite(value)) return "-";
  if (categories.empty()) return FormatQuantity(value, quantity.unit);
  return categories[static_cast<size_t>(value)];
}

Svg HeatMap::Draw(std::string_view id) const {
  TRIPTYCH_CHECK(cells.size() == columns.size() * rows.size(), "cells",
                 cells.size());
  const double left = LabelWidth(rows, kMostLabel) + 24;
  const double top =
      8 + (categories.empty() ? kLine + kGap : LegendHeight(categories, left));
  const double room = kWidth - left - 10;
  const auto n = static_cast<double>(std::max<size_t>(columns.size(), 1));
  const double w = std::min(72.0, room / n);
  const double h = std::clamp(w * 0.6, 18.0, 30.0);
  const Area area{
      left, top, left + w * n,
      top + h * static_cast<double>(std::max<size_t>(rows.size(), 1))};
  Svg svg(id, kWidth, area.bottom + kXAxisHeight);
  const Extent extent = ExtentOf(cells, false);
  if (extent.empty()) {
    DrawNothing(svg, {0, top, kWidth, area.bottom});
    return svg;
  }
  if (categories.empty()) {
    DrawRamp(svg, {left, 4}, "ramp", TextOf(extent.lo), TextOf(extent.hi));
  } else {
    DrawLegend(svg, categories, left, 2, /*markers=*/false);
  }
  for (size_t r = 0; r < rows.size(); ++r) {
    const double y = top + h * static_cast<double>(r);
    svg.Text({left - 6, y + h / 2 + kFont * 0.36},
             FitText(rows[r], kFont, left - 30), Anchor::kEnd, "tick");
    for (size_t c = 0; c < columns.size(); ++c) {
      const double value = cells[r * columns.size() + c];
      if (!std::isfinite(value)) continue;
      const double x = left + w * static_cast<double>(c);
      svg.BeginMark(fmt::format("{} {}, {} {}: {}", column_name, columns[c],
                                row_name, rows[r], TextOf(value)));
      svg.Rect(x, y, w, h,
               categories.empty()
                   ? fmt::format("cell ramp{}",
                                 RampStep(value, extent.lo, extent.hi))
                   : "cell " + FillClass(static_cast<size_t>(value)));
      svg.End();
    }
  }
  double taken = -1e9;
  for (size_t c = 0; c < columns.size(); ++c) {
    const double x = left + w * (static_cast<double>(c) + 0.5);
    taken = DrawTickBelow(svg, x, area.bottom, columns[c], taken);
  }
  svg.Text({(area.left + area.right) / 2, area.bottom + 2 * kLine + 4},
           column_name, Anchor::kMiddle);
  svg.TextUpwards({kFont, (area.top + area.bottom) / 2}, row_name);
  return svg;
}

std::string HeatMap::Print(const Terminal& terminal) const {
  static constexpr std::array<const char*, kRampSteps> kShades = {
      "·", "·", "░", "░", "▒", "▒", "▓", "▓", "█", "█"};
  static constexpr std::array<const char*, kRampSteps> kAscii = {
      ".", ".", ":", "-", "=", "+", "*", "%", "#", "@"};
  const Extent extent = ExtentOf(cells, false);
  if (extent.empty()) return fmt::format("{}\n", kNothing);
  size_t labels = 0;
  for (const std::string& row : rows) {
    labels = std::max(labels, CountCharacters(row));
  }
  const size_t shown =
      std::min(columns.size(), (terminal.columns - labels - 1) / 2);
  std::string text =
      fmt::format("{} (down), {} (across)\n", row_name, column_name);
  for (size_t r = 0; r < rows.size(); ++r) {
    text += Column(rows[r], labels, terminal.unicode) + ' ';
    for (size_t c = 0; c < shown; ++c) {
      const double value = cells[r * columns.size() + c];
      std::string glyph = " ";
      if (std::isfinite(value) && !categories.empty()) {
        glyph = SeriesGlyph(static_cast<size_t>(value), terminal.unicode);
      } else if (std::isfinite(value)) {
        const auto step =
            static_cast<size_t>(RampStep(value, extent.lo, extent.hi));
        glyph = terminal.unicode ? kShades[step] : kAscii[step];
      }
      text += glyph + ' ';
    }
    text += '\n';
  }
  for (size_t i = 0; i < categories.size(); ++i) {
    text += fmt::format("  {} {}\n", SeriesGlyph(i, terminal.unicode),
                        categories[i]);
  }
  if (categories.empty()) {
    text += fmt::format("  {} to {}\n", TextOf(extent.lo), TextOf(extent.hi));
  }
  return text;
}

DataTable HeatMap::Data() const {
  DataTable table{{row_name + " \\ " + column_name}, {}};
  for (const std::string& column : columns) table.header.push_back(column);
  for (size_t r = 0; r < rows.size(); ++r) {
    std::vector<std::string> row{rows[r]};
    for (size_t c = 0; c < columns.size(); ++c) {
      row.push_back(TextOf(cells[r * columns.size() + c]));
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace triptych::report
