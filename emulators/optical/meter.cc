// SPDX-License-Identifier: Apache-2.0
#include "emulators/optical/meter.h"

#include <algorithm>
#include <cmath>

namespace triptych::optical {
namespace {

double Square(double x) { return x * x; }

}  // namespace

BlockMeter::BlockMeter(const Params& params, const Encoding& encoding,
                       const TileView& tile, const Block& block,
                       ConstMatView<float> a, std::span<const float> scale,
                       Counts& counts)
    : p_(params),
      encoding_(encoding),
      tile_(tile),
      block_(block),
      a_(a),
      scale_(scale),
      counts_(counts),
      budget_(MakeNoiseBudget(params, tile.tile.copies)),
      dac_mismatch_(params.noisy() && !params.dac_correct
                        ? DacMismatch(params, encoding, tile.tile)
                        : 0),
      adc_mismatch_(params.noisy() ? AdcMismatch(params) : 0),
      drifted_(tile.drift != nullptr ? block.cols : 0) {
  if (p_.adc_bits > 0) {
    adc_step2_ = Square(1 / Scale(static_cast<int>(p_.adc_bits), 1).steps());
  }
}

void BlockMeter::Received(size_t vector, size_t pass, const Row& row) {
  scale2_ = Square(scale_[vector]);
  if (pass == 0) CountInputs(vector);
  const double full_scale2 = Square(row.full_scale);
  const bool converted = p_.adc_bits > 0;
  // Nothing shines: nothing is converted either.
  const bool read = !converted || row.full_scale > 0;
  if (converted && read) {
    counts_[kConversions] += static_cast<double>(block_.cols);
  }
  const bool noisy = p_.physical_noise && p_.noisy();
  for (size_t j = 0; j < block_.cols; ++j) {
    const size_t of_tile = block_.from + j;
    const double gain = tile_.plane.gain[block_.col + j];
    const NoiseBudget::Terms noise = NoiseOf(of_tile, row);
    counts_[kElectrons] += noise.shot * budget_.electrons_per_a2;
    if (!read) continue;
    // Square outputs that a square unit of gain a w is worth, and of w.
    const double worth = scale2_ * Square(tile_.plane.scale[block_.col + j]);
    const double worth_w = worth * gain * gain;
    const double mean_sq = tile_.weights.mean_sq[of_tile];
    if (noisy) {
      const double of_a2 = worth_w / Square(budget_.signal_a);
      counts_[kShotNoise] += noise.shot * of_a2;
      counts_[kThermalNoise] += noise.thermal * of_a2;
      counts_[kIntensityNoise] += noise.rin * of_a2;
    }
    counts_[kDacMismatch] += worth_w * dac_mismatch_ * row.light.x * mean_sq;
    if (p_.plane_bits > 0) {
      counts_[kWeightRounding] +=
          worth_w * row.light.a2 * Square(tile_.plane.unit) / 12;
    }
    counts_[kAdcRounding] += worth * full_scale2 * adc_step2_ / 12;
    counts_[kAdcMismatch] += worth * full_scale2 * adc_mismatch_;
    counts_[kFurtherNoise] +=
        p_.noisy() ? worth * Square(p_.output_sigma * row.largest) : 0;
    const double most = std::min(
        converted ? double{row.full_scale} : HUGE_VAL,
        p_.rx_saturation > 0
            ? p_.rx_saturation * static_cast<double>(tile_.tile.k) * gain
            : HUGE_VAL);
    const double beyond = std::abs(double{row.y[j]}) - most;
    if (beyond > 0) counts_[kClipping] += worth * Square(beyond);
  }
  if (tile_.drift != nullptr && read) CountDrift(pass, row);
}

// What depends on inputs alone, whatever the passes: an input's rounding error
// is in the pass that it is in.
void BlockMeter::CountInputs(size_t vector) {
  const auto k0 = static_cast<size_t>(tile_.tile.k0);
  const auto k = static_cast<size_t>(tile_.tile.k);
  counts_[kMacs] += static_cast<double>(k * block_.cols);
  std::ranges::fill(drifted_, 0.0);
  if (encoding_.bits == 0 || scale_[vector] <= 0) return;
  const float to_codes = encoding_.steps / scale_[vector];
  double squares = 0;  // in codes
  for (const float in : a_.row_span(vector).subspan(k0, k)) {
    const float code = in * to_codes;
    squares += Square(code - std::rint(code));
  }
  const double of_a = squares / Square(encoding_.steps);
  for (size_t j = 0; j < block_.cols; ++j) {
    const double worth_w = scale2_ * Square(tile_.plane.scale[block_.col + j] *
                                            tile_.plane.gain[block_.col + j]);
    counts_[kDacRounding] +=
        worth_w * of_a * tile_.weights.mean_sq[block_.from + j];
  }
}

// Of output j of the tile, A^2.
NoiseBudget::Terms BlockMeter::NoiseOf(size_t j, const Row& row) const {
  const double mean_abs = tile_.weights.mean_abs[j];
  NoiseBudget::Terms noise = budget_.Variance(
      row.light.x, row.light.x2, mean_abs, tile_.weights.mean_sq[j]);
  if (row.light_of != nullptr) {
    // What inputs of 0 shine is not in light_of.
    const double at_rest =
        encoding_.two_pass ? 0
                           : 0.5 * static_cast<double>(tile_.tile.k) * mean_abs;
    const double light = row.light.x * budget_.light_floor +
                         double{row.light_of[j - block_.from]} +
                         budget_.light_slope * at_rest;
    noise.shot = budget_.shot_a2 * light;
  }
  return noise;
}

// A receiver's gain and offset are the same in both passes, which are
// subtracted: what drift does to them is added up before it is squared.
void BlockMeter::CountDrift(size_t pass, const Row& row) {
  const double sign = pass == 0 ? 1 : -1;
  const bool last = pass + 1 == static_cast<size_t>(encoding_.passes());
  for (size_t j = 0; j < block_.cols; ++j) {
    const double gain = tile_.drift->gain[block_.from + j];
    const double offset = tile_.drift->offset[block_.from + j];
    drifted_[j] += sign * (double{row.y[j]} * (1 - 1 / gain) +
                           offset * double{row.full_scale});
    if (!last) continue;
    counts_[kDrift] += scale2_ * Square(tile_.plane.scale[block_.col + j]) *
                       Square(drifted_[j]);
  }
}

}  // namespace triptych::optical
