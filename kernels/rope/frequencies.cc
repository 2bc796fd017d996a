// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <numbers>

#include "kernels/rope/rope.h"

namespace triptych {
namespace {

// The factor of one frequency: 1 for fast ones, 1 / spec.factor for slow ones.
double StretchOf(double inv_freq, const RopeFrequencies& spec) {
  if (spec.factor == 1) return 1;
  const double wavelength = 2 * std::numbers::pi / inv_freq;  // tokens
  const double turns = spec.original_context / wavelength;
  const double stays =
      std::clamp((turns - spec.low_freq_factor) /
                     (spec.high_freq_factor - spec.low_freq_factor),
                 0.0, 1.0);
  return stays + (1 - stays) / spec.factor;
}

}  // namespace

std::vector<float> InverseFrequencies(size_t dims,
                                      const RopeFrequencies& spec) {
  std::vector<float> result(dims / 2);
  for (size_t i = 0; i < result.size(); ++i) {
    const double share = 2 * static_cast<double>(i) / static_cast<double>(dims);
    const double inv_freq = std::pow(spec.theta, -share);
    result[i] = static_cast<float>(inv_freq * StretchOf(inv_freq, spec));
  }
  return result;
}

}  // namespace triptych
