// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TESTS_EMULATORS_OPTICAL_SLOPE_H_
#define TRIPTYCH_TESTS_EMULATORS_OPTICAL_SLOPE_H_

#include <cmath>
#include <span>
#include <utility>

namespace triptych {

// Of the straight line through the logarithms of (x, y), by least squares;
// at least two points, all positive.
inline double LogLogSlope(std::span<const std::pair<double, double>> points) {
  double n = 0, sum_x = 0, sum_y = 0, sum_xx = 0, sum_xy = 0;
  for (const auto& point : points) {
    const double x = std::log(point.first), y = std::log(point.second);
    n += 1;
    sum_x += x;
    sum_y += y;
    sum_xx += x * x;
    sum_xy += x * y;
  }
  return (n * sum_xy - sum_x * sum_y) / (n * sum_xx - sum_x * sum_x);
}

}  // namespace triptych

#endif  // TRIPTYCH_TESTS_EMULATORS_OPTICAL_SLOPE_H_
