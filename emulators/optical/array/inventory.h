// What an array is made of: how many of each device, and what they draw.
//
//   modulators   tiles * cores * rows * wavelengths        a tile's operand
//              + cores * shared channels                   broadcast to all
//   DACs         one a modulator
//   detectors    two a dot product: balanced
//   amplifiers   one an output of a tile, after the cores' currents are added
//   ADCs         one an amplifier
//
//   DAC power    ref * (f / f_ref) * (2^b / b) / (2^b_ref / b_ref)
//   ADC power    ref * (f / f_ref) * (b / b_ref)           model = linear
//   laser light  dot products * sensitivity * 2^bits * loss
//
// The first law is a capacitive converter's whose capacitors double with a
// bit and which settles in the time of b bits; the second is that of a fixed
// energy a conversion step; the third asks for one sensitivity a level.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_OPTICAL_ARRAY_INVENTORY_H_
#define TRIPTYCH_EMULATORS_OPTICAL_ARRAY_INVENTORY_H_

#include <cstdint>

#include "emulators/optical/array/params.h"

namespace triptych::optical::array {

struct Inventory {
  int64_t tile_modulators = 0, shared_modulators = 0;
  int64_t dot_products = 0, detectors = 0, outputs = 0, lanes = 0;
  int64_t lines = 0;  // of light, for laser.model = lines
  int64_t combs = 0;

  int64_t modulators() const { return tile_modulators + shared_modulators; }
};
Inventory InventoryOf(const Params& params);

// W, of all devices of a kind at full rate.
struct Power {
  double modulator = 0, dac = 0, lane_filter = 0, detector = 0, tia = 0;
  double adc = 0, laser = 0, memory = 0;
  double total() const {
    return modulator + dac + lane_filter + detector + tia + adc + laser +
           memory;
  }
};
Power PowerOf(const Params& params);

// mm^2.
struct Area {
  double modulator = 0, lane_filter = 0, dac = 0, adc = 0, tia = 0;
  double core = 0, coupler = 0, router = 0, comb = 0, laser = 0, memory = 0;
  double total() const {
    return modulator + lane_filter + dac + adc + tia + core + coupler + router +
           comb + laser + memory;
  }
};
Area AreaOf(const Params& params);

}  // namespace triptych::optical::array

#endif  // TRIPTYCH_EMULATORS_OPTICAL_ARRAY_INVENTORY_H_
