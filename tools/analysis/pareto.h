// Which points of a study no other point beats.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_ANALYSIS_PARETO_H_
#define TRIPTYCH_TOOLS_ANALYSIS_PARETO_H_

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <vector>

#include "tools/sweep/results.h"

namespace triptych::analysis {

// Points that no other beats in the first two objectives of `results`, in
// increasing order; of equal points the first. A point without a number is
// on no front.
inline std::vector<size_t> ParetoFront(const sweep::Results& results) {
  const auto cost = [&](size_t objective) {
    const sweep::Objective& o = results.objectives[objective];
    std::vector<double> values = results.Find(o.column)->numbers;
    if (o.maximise) {
      for (double& value : values) value = -value;
    }
    return values;
  };
  const std::vector<double> a = cost(0), b = cost(1);
  std::vector<size_t> order(results.points);
  std::iota(order.begin(), order.end(), size_t{0});
  std::erase_if(order,
                [&](size_t i) { return std::isnan(a[i]) || std::isnan(b[i]); });
  std::ranges::sort(order, [&](size_t i, size_t j) {
    if (a[i] != a[j]) return a[i] < a[j];
    return b[i] != b[j] ? b[i] < b[j] : i < j;
  });
  std::vector<size_t> front;
  for (const size_t i : order) {
    if (front.empty() || b[i] < b[front.back()]) front.push_back(i);
  }
  std::ranges::sort(front);
  return front;
}

}  // namespace triptych::analysis

#endif  // TRIPTYCH_TOOLS_ANALYSIS_PARETO_H_
