// SPDX-License-Identifier: Apache-2.0
#include "emulators/optical/detector.h"

#include <algorithm>
#include <cmath>

#include "emulators/optical/receiver.h"
#include "emulators/optical/transfer.h"
#include "kernels/base/units.h"
#include "rtl/rtl_constants.h"

namespace triptych::optical {

double DacMismatch(const Params& p, const Encoding& encoding,
                   const Tile& tile) {
  if (encoding.bits == 0 || p.dac_unit_sigma == 0) return 0;
  // Unit elements of one code.
  const double units =
      std::exp2(rtl::kDacBits - static_cast<double>(encoding.bits));
  const double unit = 1 / (encoding.steps * units);
  const double on = (std::exp2(encoding.bits) - 1) * units;  // at x = 1
  const double sigma2 = p.dac_unit_sigma * p.dac_unit_sigma;
  return sigma2 * on * unit * unit / static_cast<double>(tile.copies);
}

double AdcMismatch(const Params& p) {
  if (p.adc_bits == 0) return 0;
  const Scale scale(static_cast<int>(p.adc_bits), 1);
  const double variance = p.adc_unit_sigma * p.adc_unit_sigma * scale.middle /
                          (scale.steps() * scale.steps());
  return p.two_pass() ? variance / 2 : variance;
}

Detector::Detector(const Params& params, const Encoding& encoding,
                   const Tile& tile, const PlaneWeights& plane,
                   const TileWeights& weights)
    : p_(params),
      rms_(weights.rms),
      full_scale_(params.adc_fixed_fraction * plane.largest_gain *
                  static_cast<double>(tile.k)),
      saturation_(static_cast<float>(params.rx_saturation *
                                     static_cast<double>(tile.k))),
      gain_(std::span(plane.gain)
                .subspan(static_cast<size_t>(tile.n0),
                         static_cast<size_t>(tile.n))) {
  if (p_.rx_offset_sigma > 0) offset_ = ReceiverOffsets(p_, tile.col, tile.n);
  if (p_.post_correction != "none" && p_.adc_bits > 0) {
    post_.emplace(p_, tile, gain_);
  }
  const auto n = static_cast<size_t>(tile.n);
  const size_t size = RoundUp(n, kNoiseBlock);
  correction_.resize(size);
  for (AlignedVector<float>* column : {&scale_, &constant_, &shot_, &rin_}) {
    column->resize(size);
  }
  const float* gain = plane.gain.data() + tile.n0;
  for (size_t j = 0; j < n; ++j) {
    if (!weights.sum.empty()) {
      correction_[j] = encoding.middle_digit() * weights.sum[j];
    }
    scale_[j] = plane.unit * encoding.unit() * gain[j];
  }
  if (p_.physical_noise && p_.noisy()) {
    AddPhysicalNoise(encoding, tile, plane, weights);
  }
  if (!p_.bit_true() && p_.noisy()) AddMismatch(encoding, tile, plane, weights);
}

void Detector::AddPhysicalNoise(const Encoding& encoding, const Tile& tile,
                                const PlaneWeights& plane,
                                const TileWeights& weights) {
  const NoiseBudget budget = MakeNoiseBudget(p_, tile.copies);
  const auto k = static_cast<double>(tile.k);
  const bool exact = p_.exact_light();
  if (exact) {
    light_correction_.resize(scale_.size());
    light_scale_.resize(scale_.size());
    light_floor_ = budget.light_floor;
  }
  // x is a, or half of 1 + a.
  const double x_of_a = encoding.two_pass ? 1 : 0.5;
  for (size_t j = 0; j < weights.mean_abs.size(); ++j) {
    const double to_units =
        plane.gain[static_cast<size_t>(tile.n0) + j] / budget.signal_a;
    const double units2 = to_units * to_units;
    const double mean_abs = weights.mean_abs[j];
    const double shot = budget.shot_a2 * units2;
    constant_[j] = static_cast<float>(budget.thermal_a2 * units2);
    rin_[j] = static_cast<float>(budget.rin_a2 * weights.mean_sq[j] * units2);
    if (!exact) {
      shot_[j] = static_cast<float>(
          shot * (budget.light_floor + budget.light_slope * mean_abs));
      continue;
    }
    shot_[j] = static_cast<float>(shot);
    // Light is slope * sum x |w|, and what a = 0 shines comes for itself.
    const double steps = std::lround(k * mean_abs / plane.unit);
    light_correction_[j] =
        encoding.middle_digit() * static_cast<int32_t>(steps);
    light_scale_[j] = static_cast<float>(budget.light_slope * x_of_a *
                                         plane.unit * encoding.unit());
    constant_[j] += static_cast<float>(shot * budget.light_slope *
                                       (1 - x_of_a) * k * mean_abs);
  }
}

void Detector::AddMismatch(const Encoding& encoding, const Tile& tile,
                           const PlaneWeights& plane,
                           const TileWeights& weights) {
  const double of_x = DacMismatch(p_, encoding, tile);
  for (size_t j = 0; of_x > 0 && j < weights.mean_sq.size(); ++j) {
    const double gain = plane.gain[static_cast<size_t>(tile.n0) + j];
    shot_[j] += static_cast<float>(of_x * weights.mean_sq[j] * gain * gain);
  }
  adc_variance_ = AdcMismatch(p_);
}

NoiseOfVector Detector::NoiseOf(const LightSums& light, float largest,
                                float full_scale, const float* light_of) const {
  const double further = p_.output_sigma * largest;
  const double adc = adc_variance_ * full_scale * full_scale;
  return {.light = static_cast<float>(light.x * light_floor_),
          .light2 = static_cast<float>(light.x2),
          .extra = static_cast<float>(further * further + adc),
          .light_of = light_of};
}

float Detector::FullScale(const LightSums& light, float largest) const {
  if (p_.adc_full_scale == "row_max") return largest;
  if (p_.adc_full_scale == "row_sigma") {
    return static_cast<float>(p_.adc_clip_sigma * rms_ * std::sqrt(light.a2));
  }
  return static_cast<float>(full_scale_);
}

void Detector::Distort(size_t from, float full_scale, const Drift* drift,
                       std::span<float> y) const {
  for (size_t j = 0; j < y.size(); ++j) {
    if (saturation_ > 0) {
      const float limit = saturation_ * gain_[from + j];
      y[j] = std::clamp(y[j], -limit, limit);
    }
    float offset = offset_.empty() ? 0 : offset_[from + j];
    if (drift != nullptr) offset += drift->offset[from + j];
    y[j] += offset * full_scale;
  }
}

bool Detector::NeedsLargest(const Params& params) {
  return params.adc_full_scale == "row_max" ||
         (params.output_sigma > 0 && params.noisy());
}

}  // namespace triptych::optical
