// SPDX-License-Identifier: Apache-2.0
#include "emulators/optical/counters.h"

#include <string>

namespace triptych::optical {

Readings ReadingsOf(const Params& params, std::span<const double> counters) {
  Readings readings;
  const auto cores = static_cast<double>(params.cores);
  for (size_t i = kLoad; i <= kStall; ++i) {
    if (i == kCalibrate && !params.drifts()) continue;
    readings.time.push_back(
        {std::string(kCounterNames[i]), counters[i] * 1e-12 / cores});
  }
  for (size_t i = kFirstError; i < kCounters; ++i) {
    readings.errors.push_back({std::string(kCounterNames[i]), counters[i]});
  }
  if (counters[kConversions] > 0) {
    readings.others.push_back({"clip_rate", "clip rate", "%",
                               counters[kClipped] / counters[kConversions]});
  }
  if (counters[kMacs] > 0) {
    readings.others.push_back({"detected_photons_per_mac", "photons/MAC", "",
                               counters[kElectrons] / counters[kMacs]});
  }
  return readings;
}

}  // namespace triptych::optical
