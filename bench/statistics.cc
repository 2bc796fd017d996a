// SPDX-License-Identifier: Apache-2.0
#include "bench/statistics.h"

#include <algorithm>
#include <cmath>

#include "kernels/base/check.h"
#include "kernels/base/rng.h"

namespace triptych::bench {

double Best(std::span<const double> values) {
  TRIPTYCH_CHECK(!values.empty());
  return *std::ranges::min_element(values);
}

double Median(std::vector<double> values) {
  TRIPTYCH_CHECK(!values.empty());
  const auto middle = values.begin() + values.size() / 2;
  std::ranges::nth_element(values, middle);
  if (values.size() % 2 == 1) return *middle;
  return (*std::max_element(values.begin(), middle) + *middle) / 2;
}

Ratio RatioOf(std::span<const double> ours, std::span<const double> theirs,
              uint64_t seed) {
  TRIPTYCH_CHECK(ours.size() == theirs.size(), "ours", ours.size(), "theirs",
                 theirs.size());
  Ratio ratio;
  ratio.of_best = Best(theirs) / Best(ours);
  std::vector<double> pairs(ours.size());
  for (size_t i = 0; i < pairs.size(); ++i) pairs[i] = theirs[i] / ours[i];
  ratio.of_pairs = Median(pairs);

  // The 25th from either end of a thousand leaves 2.5 % outside on each side.
  constexpr size_t kResamples = 1000, kOutside = 25;
  Rng rng(seed);
  std::vector<double> medians(kResamples), drawn(pairs.size());
  for (double& median : medians) {
    for (double& d : drawn) {
      d = pairs[rng.Below(static_cast<uint32_t>(pairs.size()))];
    }
    median = Median(drawn);
  }
  std::ranges::sort(medians);
  ratio.low = medians[kOutside - 1];
  ratio.high = medians[kResamples - kOutside];
  return ratio;
}

Summary SummaryOf(std::span<const Ratio> ratios) {
  TRIPTYCH_CHECK(!ratios.empty());
  Summary summary;
  double logs = 0;
  for (size_t i = 0; i < ratios.size(); ++i) {
    const double counted = ratios[i].counted();
    logs += std::log(counted);
    summary.undecided += ratios[i].decided() ? 0 : 1;
    if (counted < ratios[summary.worst].counted()) summary.worst = i;
  }
  summary.geometric_mean = std::exp(logs / static_cast<double>(ratios.size()));
  return summary;
}

}  // namespace triptych::bench
