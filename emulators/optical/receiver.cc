// SPDX-License-Identifier: Apache-2.0
#include "emulators/optical/receiver.h"

#include <cmath>
#include <numbers>

#include "kernels/base/rng.h"

namespace triptych::optical {
namespace {

constexpr double kElementaryChargeC = 1.602176634e-19;  // SI, exact

double FromDb(double db) { return std::pow(10.0, db / 10); }

}  // namespace

NoiseBudget MakeNoiseBudget(const Params& p, int64_t copies) {
  const double bandwidth_hz = p.noise_bandwidth_ratio * p.vector_rate.value;
  const double darkest = 1 / p.plane_contrast;
  const double source_a = p.responsivity_a_per_w * p.laser_power_mw * 1e-3 *
                          FromDb(-p.optics_loss_db) /
                          static_cast<double>(p.plane_cols);
  const double swing_a = source_a * (1 - darkest);
  const auto n = static_cast<double>(copies);
  const double tia_a = p.tia_noise_pa_per_sqrt_hz * 1e-12;
  const double shot = 2 * kElementaryChargeC * bandwidth_hz;
  const bool split = p.plane_rails == "split";

  NoiseBudget budget;
  budget.signal_a = n * swing_a * (p.two_pass() ? 1 : 0.5);
  budget.thermal_a2 =
      tia_a * tia_a * bandwidth_hz + shot * 2 * p.dark_current_na * 1e-9;
  budget.shot_a2 = shot * n * source_a;
  // Sources are independent: variances of copies add, as those of sources.
  budget.rin_a2 =
      FromDb(p.laser_rin_db_per_hz) * bandwidth_hz * n * swing_a * swing_a;
  budget.light_floor = split ? 2 * darkest : 1 + darkest;
  budget.light_slope = split ? 1 - darkest : 0;
  return budget;
}

std::array<uint32_t, 2> MakeRunKey(uint64_t seed, uint64_t position) {
  const auto words =
      Rng(seed, /*stream=*/0x6C69676874 /* "light" */).At(position);
  return {words[0], words[1]};
}

void AddNoise(const NoiseKey& key, std::span<const float> sigma,
              std::span<float> values) {
  // Four words make four normals (Box and Muller).
  for (size_t j = 0; j < values.size(); j += 4) {
    const std::array<uint32_t, 4> words = Philox(
        {static_cast<uint32_t>(j / 4), key.vector, key.tile_pass, key.node},
        key.run);
    std::array<double, 4> normal;
    for (size_t pair = 0; pair < 4; pair += 2) {
      const double radius = std::sqrt(-2 * std::log(ToUnit(words[pair])));
      const double angle = 2 * std::numbers::pi * ToUnit(words[pair + 1]);
      normal[pair] = radius * std::cos(angle);
      normal[pair + 1] = radius * std::sin(angle);
    }
    for (size_t i = 0; i < 4 && j + i < values.size(); ++i) {
      values[j + i] += sigma[j + i] * static_cast<float>(normal[i]);
    }
  }
}

}  // namespace triptych::optical
