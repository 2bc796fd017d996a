// SPDX-License-Identifier: Apache-2.0
#include "emulators/optical/array/inventory.h"

#include <cmath>

#include "emulators/optical/validation/adc_energy.h"

namespace triptych::optical::array {
namespace {

constexpr double kMilli = 1e-3, kSquareMm = 1e-6;  // um^2 in mm^2

double Number(int64_t n) { return static_cast<double>(n); }

// Capacitors of a converter of `bits`, over the bits that settle one by one.
double DacEffort(int64_t bits) {
  return std::exp2(Number(bits)) / Number(bits);
}

double AdcWatt(const Params& p) {
  if (p.adc_model == "survey") {
    const double samples_per_s = p.clock.value / Number(p.accumulate);
    const AdcEnergy energy =
        AdcEnergyOf(samples_per_s, Number(p.bits), p.adc_node_nm);
    return energy.joules() * p.clock.value;
  }
  return p.adc_mw * kMilli * (p.clock.value / (p.adc_gs_per_s * 1e9)) *
         (Number(p.bits) / Number(p.adc_bits));
}

double LaserWatt(const Params& p, const Inventory& has) {
  if (p.laser_model == "lines")
    return Number(has.lines) * p.laser_line_mw * kMilli;
  const double level_w = kMilli * std::pow(10, p.sensitivity_dbm / 10);
  const double light_w = Number(has.dot_products) * level_w *
                         std::exp2(Number(p.bits)) *
                         std::pow(10, p.loss_db / 10);
  return light_w / p.laser_efficiency;
}

}  // namespace

Inventory InventoryOf(const Params& p) {
  const int64_t shared =
      p.shared_channels == 0 ? p.cols * p.wavelengths : p.shared_channels;
  Inventory has;
  has.tile_modulators = p.tiles * p.cores * p.rows * p.wavelengths;
  has.shared_modulators = p.cores * shared;
  has.dot_products = p.tiles * p.cores * p.rows * p.cols;
  has.detectors = 2 * has.dot_products;
  has.outputs = p.tiles * p.rows * p.cols;
  has.lanes = has.dot_products * p.wavelengths;
  has.lines = has.shared_modulators;
  has.combs = p.comb_mm2 > 0 ? p.tiles + p.combs_shared : 0;
  return has;
}

Power PowerOf(const Params& p) {
  const Inventory has = InventoryOf(p);
  const double modulators = Number(has.modulators());
  Power power;
  power.modulator =
      modulators * (p.modulator_symbol_fj * 1e-15 * p.clock.value +
                    p.modulator_filter_mw * kMilli);
  power.dac = modulators * p.dac_mw * kMilli *
              (p.clock.value / (p.dac_gs_per_s * 1e9)) * DacEffort(p.bits) /
              DacEffort(p.dac_bits);
  power.lane_filter = Number(has.lanes) * p.lane_filter_mw * kMilli;
  power.detector = Number(has.detectors) * p.detector_mw * kMilli;
  power.tia = Number(has.outputs) * p.tia_mw * kMilli;
  power.adc = Number(has.outputs) * AdcWatt(p);
  power.laser = LaserWatt(p, has);
  power.memory = p.memory_static_w;
  return power;
}

Area AreaOf(const Params& p) {
  const Inventory has = InventoryOf(p);
  const double modulators = Number(has.modulators());
  Area area;
  area.modulator =
      modulators * (p.modulator_um2 + p.modulator_filter_um2) * kSquareMm;
  area.lane_filter = Number(has.lanes) * p.lane_filter_um2 * kSquareMm;
  area.dac = modulators * p.dac_um2 * kSquareMm;
  area.adc = Number(has.outputs) * p.adc_um2 * kSquareMm;
  area.tia = Number(has.outputs) * p.tia_um2 * kSquareMm;
  area.core = Number(p.tiles * p.cores) * p.core_mm2;
  area.coupler = Number(p.tiles * p.cores) * p.coupler_mm2;
  area.router = Number(p.tiles) * p.tile_mm2;
  area.comb = Number(has.combs) * p.comb_mm2;
  const int64_t lasers = has.combs > 0 ? has.combs : has.lines;
  area.laser = Number(lasers) * p.laser_um2 * kSquareMm;
  area.memory = Number(p.tiles) * p.memory_mm2;
  return area;
}

}  // namespace triptych::optical::array
