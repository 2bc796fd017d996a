// Amounts of noise against the formulas.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/optical/receiver.h"

#include <doctest/doctest.h>

#include <cmath>
#include <utility>
#include <vector>

#include "tests/emulators/optical/slope.h"

namespace triptych::optical {
namespace {

// Round numbers, so that what is expected can be worked out on paper.
Params RoundNumbers() {
  Params p;
  p.plane_cols = 1000;
  p.laser_power_mw = 20;
  p.optics_loss_db = 10;         // a tenth
  p.responsivity_a_per_w = 0.5;  // I0 = 0.5 * 20e-3 / 10 / 1000 = 1 uA
  p.plane_contrast = 1e9;        // no floor to speak of
  p.vector_rate = Hertz(1e9);
  p.noise_bandwidth_ratio = 0.5;    // B = 0.5 GHz
  p.tia_noise_pa_per_sqrt_hz = 10;  // 1e-22 * 0.5e9 = 5e-14 A^2
  p.dark_current_na = 0;
  p.laser_rin_db_per_hz = -140;  // 1e-14 * 0.5e9 = 5e-6
  return p;
}
constexpr double kCharge = 1.602176634e-19;

TEST_CASE("Shot, thermal and laser noise are what the formulas say") {
  Params p = RoundNumbers();
  p.plane_rails = "complementary";
  const NoiseBudget budget = MakeNoiseBudget(p, 1);
  const NoiseBudget::Terms terms = budget.Variance(100, 40, 0.3, 0.1);
  CHECK(budget.signal_a == doctest::Approx(1e-6));
  CHECK(terms.thermal == doctest::Approx(5e-14));
  // 100 uA on both rails together: 2 q I B.
  CHECK(terms.shot == doctest::Approx(2 * kCharge * 100e-6 * 0.5e9));
  CHECK(terms.rin == doctest::Approx(5e-6 * 1e-12 * 40 * 0.1));
}

TEST_CASE("Split rails lose the light that no weight asks for") {
  Params p = RoundNumbers();
  p.plane_rails = "split";
  const double split = MakeNoiseBudget(p, 1).Variance(100, 40, 0.3, 0.1).shot;
  CHECK(split == doctest::Approx(2 * kCharge * 30e-6 * 0.5e9));
  // A finite contrast lets some of it through again: 2 / 20 + 0.95 * 0.3.
  p.plane_contrast = 20;
  CHECK(MakeNoiseBudget(p, 1).Variance(100, 40, 0.3, 0.1).shot ==
        doctest::Approx(2 * kCharge * 38.5e-6 * 0.5e9));
}

TEST_CASE("Offset encoding halves the signal; copies add up") {
  Params p = RoundNumbers();
  p.encoding = "offset";
  CHECK(MakeNoiseBudget(p, 1).signal_a == doctest::Approx(0.5e-6));
  const NoiseBudget one = MakeNoiseBudget(p, 1), four = MakeNoiseBudget(p, 4);
  CHECK(four.signal_a == doctest::Approx(4 * one.signal_a));
  CHECK(four.shot_a2 == doctest::Approx(4 * one.shot_a2));
  CHECK(four.rin_a2 == doctest::Approx(4 * one.rin_a2));
  CHECK(four.thermal_a2 == doctest::Approx(one.thermal_a2));
}

TEST_CASE("Dark current is noise without light") {
  Params p = RoundNumbers();
  p.dark_current_na = 500;  // two diodes: 1 uA
  CHECK(MakeNoiseBudget(p, 1).thermal_a2 ==
        doctest::Approx(5e-14 + 2 * kCharge * 1e-6 * 0.5e9));
}

// The 1/K law: with shot noise alone, the light per multiply-add that a given
// signal-to-noise ratio takes falls as 1/K.
TEST_CASE("Photons per multiply-add for one SNR fall as 1/K") {
  Params p = RoundNumbers();
  p.tia_noise_pa_per_sqrt_hz = 0;
  p.laser_rin_db_per_hz = -200;
  p.plane_rails = "split";
  const auto power_for_snr = [&](double k) {
    // Inputs and weights as before; the largest output grows with K.
    const auto snr = [&](double mw) {
      p.laser_power_mw = mw;
      const NoiseBudget b = MakeNoiseBudget(p, 1);
      const double a2 = b.Variance(0.3 * k, 0.1 * k, 0.3, 0.1).sum();
      return b.signal_a * 0.05 * k / std::sqrt(a2);
    };
    double low = 1e-9, high = 1e6;
    for (int i = 0; i < 200; ++i) {
      const double middle = std::sqrt(low * high);
      (snr(middle) < 100 ? low : high) = middle;
    }
    return low;
  };
  std::vector<std::pair<double, double>> power;  // by inputs
  for (double k = 256; k <= 8192; k *= 2) {
    power.emplace_back(k, power_for_snr(k));
  }
  CHECK(LogLogSlope(power) == doctest::Approx(-1).epsilon(0.03));
}

}  // namespace
}  // namespace triptych::optical
