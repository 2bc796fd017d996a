// What all charts have around their data: axes, a legend, margins.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_REPORT_CHARTS_FRAME_H_
#define TRIPTYCH_TOOLS_REPORT_CHARTS_FRAME_H_

#include <string>
#include <string_view>
#include <vector>

#include "tools/report/scale.h"
#include "tools/report/svg.h"

namespace triptych::report {

// Pixels. The font size is that of page/chart.css.
inline constexpr double kWidth = 720, kFont = 12, kLine = 16, kGap = 8;
// Rows of bars, and the bar in one.
inline constexpr double kRow = 24, kBar = 16;
// Colours there are; a series beyond them takes its turn again.
inline constexpr size_t kColours = 8;

// The part of a chart that data are drawn in.
struct Area {
  double left = 0, top = 0, right = 0, bottom = 0;
  double width() const { return right - left; }
  double height() const { return bottom - top; }
};

// "fill3", "line3".
std::string FillClass(size_t series);
std::string LineClass(size_t series);

// A label under `x`, moved to stay in the drawing, unless it would touch the
// one before it, which ends at `taken`. Returns where the last one ends.
double DrawTickBelow(Svg& svg, double x, double bottom,
                     const std::string& label, double taken);

// Swatches (markers, if `markers`) and names in as many lines as they need,
// from (left, top); returns the height. Nothing for one series: what it is,
// the title says.
double DrawLegend(Svg& svg, const std::vector<std::string>& names, double left,
                  double top, bool markers);
double LegendHeight(const std::vector<std::string>& names, double left);

// Grid lines, labels below (left of) the area, and the quantity's name.
void DrawXAxis(Svg& svg, const Scale& scale, const Quantity& quantity,
               const Area& area);
void DrawYAxis(Svg& svg, const Scale& scale, const Quantity& quantity,
               const Area& area);
// Half of a label stands above its tick at the top.
inline constexpr double kTop = 9;
inline constexpr double kXAxisHeight = 42, kYAxisWidth = 100;

// "there is nothing to show", in the middle of the area.
void DrawNothing(Svg& svg, const Area& area);
inline constexpr std::string_view kNothing = "nothing to show";

// Labels left of rows: as wide as the widest, at most `most`.
double LabelWidth(const std::vector<std::string>& labels, double most);

}  // namespace triptych::report

#endif  // TRIPTYCH_TOOLS_REPORT_CHARTS_FRAME_H_
