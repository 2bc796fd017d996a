// SPDX-License-Identifier: Apache-2.0
#include "emulators/optical/source.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace triptych::optical {

float LightOfDrive(const Params& p, float drive) {
  const auto threshold = static_cast<float>(p.source_threshold);
  const float straight = std::max(drive - threshold, 0.0f) / (1 - threshold);
  const auto cubic = static_cast<float>(p.source_cubic);
  return straight - cubic * straight * straight * straight;
}

float Memory(double ratio) {
  if (ratio == 0) return 0;
  return static_cast<float>(std::exp(-2 * std::numbers::pi * ratio));
}

Sources::Sources(const Params& params, size_t count, float full, float rest)
    : p_(params),
      full_(full),
      source_memory_(Memory(params.source_bandwidth_ratio)),
      receiver_memory_(Memory(params.rx_bandwidth_ratio)),
      source_(count, full * LightOfDrive(params, rest / full)),
      received_(source_) {}

void Sources::Shine(std::span<float> levels) {
  for (size_t i = 0; i < levels.size(); ++i) {
    const float light = full_ * LightOfDrive(p_, levels[i] / full_);
    source_[i] += (1 - source_memory_) * (light - source_[i]);
    received_[i] += (1 - receiver_memory_) * (source_[i] - received_[i]);
    levels[i] = received_[i];
  }
}

}  // namespace triptych::optical
