// SPDX-License-Identifier: Apache-2.0
#include "tools/report/charts/bars.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "tools/report/charts/frame.h"
#include "tools/report/terminal.h"
#include "tools/report/text_width.h"

namespace triptych::report {
namespace {

constexpr double kMostLabel = 250, kValueRoom = 96;

std::vector<std::string> LabelsOf(const std::vector<Bar>& bars) {
  std::vector<std::string> labels;
  for (const Bar& bar : bars) labels.push_back(bar.label);
  return labels;
}

}  // namespace

// Not a stable sort: clang takes offence at libstdc++ 12's.
void SortByValue(std::vector<Bar>& bars) {
  std::ranges::sort(bars, {}, [](const Bar& bar) {
    const double key = std::isnan(bar.value) ? HUGE_VAL : -bar.value;
    return std::pair(key, std::string_view(bar.label));
  });
}

Extent BarChart::ExtentOfBars() const {
  Extent extent;
  for (const Bar& bar : bars) {
    extent.Include(bar.value * (1 + bar.error), quantity.log);
    extent.Include(bar.value * (1 - bar.error), quantity.log);
  }
  return extent;
}

std::string BarChart::TextOf(const Bar& bar) const {
  std::string text = FormatQuantity(bar.value, quantity.unit);
  if (bar.error > 0) text += fmt::format(" ±{:.0f} %", 100 * bar.error);
  return text;
}

bool BarChart::HasHatching() const {
  return std::ranges::any_of(bars, [](const Bar& b) { return b.hatched > 0; });
}

void BarChart::DrawBar(Svg& svg, const Bar& bar, const Scale& scale,
                       double top) const {
  std::string tip = fmt::format("{}: {}", bar.label, TextOf(bar));
  if (bar.hatched > 0 && !hatching.empty()) {
    tip += fmt::format("; {:.0f} % {}", 100 * bar.hatched, hatching);
  }
  if (!bar.note.empty()) tip += "; " + bar.note;
  const double middle = top + kBar / 2;
  svg.BeginMark(tip);
  double end = scale.At(scale.log() ? scale.lo() : 0);
  if (scale.Shows(bar.value)) {
    const double x = scale.At(bar.value);
    if (scale.log()) {
      svg.Line({end, middle}, {x, middle}, "stem");
      svg.Path(MarkerPath(static_cast<int>(bar.series), {x, middle}, 6),
               FillClass(bar.series));
      end = x + 8;
    } else {
      const double from = std::min(x, end), width = std::abs(x - end);
      svg.Rect(from, top, width, kBar, FillClass(bar.series));
      const double hatched = width * std::clamp(bar.hatched, 0.0, 1.0);
      if (hatched > 0) {
        svg.HatchedRect(from + width - hatched, top, hatched, kBar);
      }
      end = std::max(x, end);
    }
    // Where it is wider than the point it belongs to.
    if (bar.error > (scale.log() ? 0.1 : 0.0)) {
      const double lo = bar.value * (1 - bar.error);
      const double a = scale.At(scale.Shows(lo) ? lo : scale.lo());
      const double b = scale.At(bar.value * (1 + bar.error));
      svg.Line({a, middle}, {b, middle}, "whisker");
      svg.Line({a, middle - 4}, {a, middle + 4}, "whisker");
      svg.Line({b, middle - 4}, {b, middle + 4}, "whisker");
      end = std::max({end, a, b});
    }
  }
  svg.Text({end + 6, middle + kFont * 0.36}, TextOf(bar), Anchor::kStart,
           "value");
  svg.End();
}

Svg BarChart::Draw(std::string_view id) const {
  const double left = LabelWidth(LabelsOf(bars), kMostLabel);
  const bool legend = HasHatching() && !hatching.empty();
  const double top = legend ? kLine + kGap : 4;
  const double rows =
      kRow * static_cast<double>(std::max<size_t>(bars.size(), 1));
  const Area area{left, top, kWidth - kValueRoom, top + rows};
  Svg svg(id, kWidth, area.bottom + kXAxisHeight);
  if (bars.empty()) {
    DrawNothing(svg, area);
    return svg;
  }
  if (legend) {
    svg.Rect(left, 3, 10, 10, "fill7");
    svg.HatchedRect(left, 3, 10, 10);
    svg.Text({left + 16, 12}, "hatched: " + hatching, Anchor::kStart);
  }
  const Scale scale(ExtentOfBars(), quantity.log, area.left, area.right,
                    Fit::kFromZero);
  DrawXAxis(svg, scale, quantity, area);
  for (size_t i = 0; i < bars.size(); ++i) {
    const double y = top + kRow * static_cast<double>(i) + (kRow - kBar) / 2;
    svg.Text({left - kGap, y + kBar / 2 + kFont * 0.36},
             FitText(bars[i].label, kFont, left - kGap), Anchor::kEnd);
    DrawBar(svg, bars[i], scale, y);
  }
  if (scale.lo() < 0 && scale.hi() > 0) {
    svg.Line({scale.At(0), area.top}, {scale.At(0), area.bottom}, "axis");
  }
  return svg;
}

std::string BarChart::Print(const Terminal& terminal) const {
  if (bars.empty()) return fmt::format("{}\n", kNothing);
  size_t labels = 0, values = 0;
  for (const Bar& bar : bars) {
    labels = std::max(labels, CountCharacters(bar.label));
    values = std::max(values, CountCharacters(TextOf(bar)));
  }
  labels = std::min(labels, terminal.columns / 3);
  const size_t room =
      terminal.columns - std::min(terminal.columns - 8, labels + values + 3);
  const Scale scale(ExtentOfBars(), quantity.log, 0, 1, Fit::kFromZero);
  std::string text;
  for (const Bar& bar : bars) {
    // Bars to the left have their sign in the value.
    const double length =
        !scale.Shows(bar.value) ? 0
        : scale.log()
            ? scale.At(bar.value)
            : std::abs(bar.value) / std::max(std::abs(scale.lo()), scale.hi());
    text +=
        fmt::format("{} {} {}\n", Column(bar.label, labels, terminal.unicode),
                    Column(TextOf(bar), values, terminal.unicode),
                    TerminalBar(length, room, terminal.unicode));
  }
  return text;
}

DataTable BarChart::Data() const {
  DataTable table{{"", quantity.name}, {}};
  const bool hatch = HasHatching();
  if (hatch) table.header.push_back(hatching);
  for (const Bar& bar : bars) {
    table.rows.push_back({bar.label, TextOf(bar)});
    if (hatch) {
      table.rows.back().push_back(fmt::format("{:.0f} %", 100 * bar.hatched));
    }
  }
  return table;
}

}  // namespace triptych::report
