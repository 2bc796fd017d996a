// SPDX-License-Identifier: Apache-2.0
#include "emulators/optical/receiver.h"

#include <cmath>

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
  budget.electrons_per_a2 =
      1 / (shot * kElementaryChargeC * p.vector_rate.value);
  budget.light_floor = split ? 2 * darkest : 1 + darkest;
  budget.light_slope = split ? 1 - darkest : 0;
  return budget;
}

}  // namespace triptych::optical
