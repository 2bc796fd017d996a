// SPDX-License-Identifier: Apache-2.0
#include "emulators/optical/error_budget.h"

#include <cmath>

#include "emulators/optical/receiver.h"

namespace triptych::optical {
namespace {

constexpr double kMeanA = 0.125, kMeanW = 0.25;

// A converter of `bits` over [-scale, scale], or [0, scale].
struct Quantiser {
  int64_t bits;
  double scale;
  bool is_signed;
  double unit_sigma;

  double step() const {
    const auto magnitude = static_cast<double>(bits - (is_signed ? 1 : 0));
    return scale / (std::exp2(magnitude) - 1);
  }
  double Rounding() const { return bits == 0 ? 0 : step() * step() / 12; }
  double Mismatch() const {
    if (bits == 0) return 0;
    const double worst =
        unit_sigma * std::exp2(static_cast<double>(bits) / 2) / 2 * step();
    return worst * worst;
  }
};

// In units of sum a w, of a vector with this mean square.
double FullScale(const Params& p, double inputs, double mean_square) {
  const double sigma = std::sqrt(mean_square);
  if (p.adc_full_scale == "row_max") return 3 * sigma;
  if (p.adc_full_scale == "row_sigma") return p.adc_clip_sigma * sigma;
  return p.adc_fixed_fraction * inputs;
}

}  // namespace

std::vector<ErrorTerm> ErrorBudgetOf(const Params& p) {
  const auto inputs = static_cast<double>(p.plane_rows);
  const double a2 = kMeanA * kMeanA, w2 = kMeanW * kMeanW;
  const double square = inputs * a2 * w2;
  const auto passes = static_cast<double>(p.passes());

  // With two passes an input's sign is which of them it is in.
  const Quantiser dac{p.dac_bits, 1, !p.two_pass(), p.dac_unit_sigma};
  const Quantiser plane{p.plane_bits, 1, true, 0};
  const Quantiser adc{p.adc_bits, FullScale(p, inputs, square), true,
                      p.adc_unit_sigma};
  NoiseBudget::Terms noise;
  double signal2 = 1;
  if (p.physical_noise) {
    // A tile as large as the plane is there once.
    const NoiseBudget budget = MakeNoiseBudget(p, 1);
    // x of receiver.h: an input falls into one of two passes, or is offset.
    const double mean_x = p.two_pass() ? kMeanA / 2 : 0.5;
    const double mean_x2 = p.two_pass() ? a2 / 2 : (1 + a2) / 4;
    noise = budget.Variance(inputs * mean_x, inputs * mean_x2, kMeanW, w2);
    signal2 = budget.signal_a * budget.signal_a;
  }
  const double further = 3 * p.output_sigma;
  return {
      {"DAC rounding", inputs * w2 * dac.Rounding() / square},
      {"DAC mismatch", inputs * w2 * dac.Mismatch() / square},
      {"weight rounding", inputs * a2 * plane.Rounding() / square},
      {"shot noise", passes * noise.shot / signal2 / square},
      {"thermal noise", passes * noise.thermal / signal2 / square},
      {"laser intensity noise", passes * noise.rin / signal2 / square},
      {"ADC rounding", passes * adc.Rounding() / square},
      {"ADC mismatch", passes * adc.Mismatch() / square},
      {"further noise", passes * further * further},
  };
}

}  // namespace triptych::optical
