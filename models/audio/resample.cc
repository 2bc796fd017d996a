// SPDX-License-Identifier: Apache-2.0
#include "models/audio/resample.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "kernels/base/check.h"

namespace triptych {
namespace {

constexpr double kCrossings = 32;  // of the sinc, a side

// The low pass at `x` samples from its middle; `cutoff` 1 passes all.
double Filter(double x, double cutoff) {
  const double t = x * cutoff;
  if (std::abs(t) >= kCrossings) return 0;
  const double window = 0.5 + 0.5 * std::cos(std::numbers::pi * t / kCrossings);
  if (t == 0) return cutoff;
  return cutoff * window * std::sin(std::numbers::pi * t) /
         (std::numbers::pi * t);
}

}  // namespace

std::vector<float> Resample(std::span<const float> samples, int64_t from_hz,
                            int64_t to_hz) {
  TRIPTYCH_CHECK(from_hz > 0 && to_hz > 0, from_hz, to_hz);
  if (from_hz == to_hz) return {samples.begin(), samples.end()};
  const double step = static_cast<double>(from_hz) / static_cast<double>(to_hz);
  const double cutoff = std::min(1.0, 1 / step);
  const double reach = kCrossings / cutoff;
  const auto last = static_cast<double>(samples.size()) - 1;
  std::vector<float> out(static_cast<size_t>(
      std::llround(static_cast<double>(samples.size()) / step)));
  for (size_t n = 0; n < out.size(); ++n) {
    const double at = static_cast<double>(n) * step;
    const auto first =
        static_cast<size_t>(std::max(0.0, std::ceil(at - reach)));
    const double end = std::min(last, std::floor(at + reach));
    double sum = 0;
    for (size_t i = first; static_cast<double>(i) <= end; ++i) {
      sum += static_cast<double>(samples[i]) *
             Filter(at - static_cast<double>(i), cutoff);
    }
    out[n] = static_cast<float>(sum);
  }
  return out;
}

}  // namespace triptych
