// Points of two quantities, up to millions of them.
//
// A page of a million marks opens nowhere: of the points that fall into one
// small square and look alike, the first is drawn. Squares grow until few
// enough are left, so that the same data always give the same picture. Points
// of the front are always drawn.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_REPORT_CHARTS_SCATTER_H_
#define TRIPTYCH_TOOLS_REPORT_CHARTS_SCATTER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tools/report/chart.h"
#include "tools/report/scale.h"

namespace triptych::report {

struct ScatterPoint {
  double x = 0, y = 0;  // not finite: not shown
  uint32_t series = 0;
};

class ScatterChart : public Chart {
 public:
  Svg Draw(std::string_view id) const override;
  std::string Print(const Terminal& terminal) const override;
  // The front, or the first points where there is none.
  DataTable Data() const override;
  std::vector<Filter> Filters() const override { return filters; }

  // Indices of the points that a drawing shows, in increasing order.
  std::vector<size_t> Drawn() const;

  Quantity x, y;
  std::vector<ScatterPoint> points;
  std::vector<std::string> series;  // their names
  // What a point is, in words; asked for drawn points only.
  std::function<std::string(size_t point)> describe;
  std::vector<Filter> filters;
  std::function<size_t(size_t point, size_t filter)> value_of;

  std::vector<size_t> front;  // points on a line, in its order
  std::string front_name;     // "Pareto front"
  std::optional<size_t> knee;
  // Draws y = x, and y = x (1 +- band): both axes measure the same.
  std::optional<double> identity_band;
  size_t most_marks = 2000;

 private:
  struct Axes;
  std::string TipOf(size_t point) const;
  bool Visible(size_t point) const;
  void DrawIdentity(Svg& svg, const Axes& axes) const;
  void DrawFront(Svg& svg, const Axes& axes) const;
};

}  // namespace triptych::report

#endif  // TRIPTYCH_TOOLS_REPORT_CHARTS_SCATTER_H_
