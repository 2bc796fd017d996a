// The parameters of a dynamically operated photonic array.
//
// Both operands of a product are modulated onto light in every cycle; nothing
// is loaded and nothing settles. A core is rows x cols dot products of
// `wavelengths` terms; the cores of a tile add their photocurrents, tiles work
// side by side. One operand is a tile's own, the other is broadcast to all
// tiles. README.md says what is modelled with these numbers.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_OPTICAL_ARRAY_PARAMS_H_
#define TRIPTYCH_EMULATORS_OPTICAL_ARRAY_PARAMS_H_

#include <cstdint>
#include <string>

#include "emulators/target.h"
#include "kernels/base/units.h"

namespace triptych::optical::array {

struct Params {
  // ---- Geometry ----
  int64_t tiles = 4, cores = 2, rows = 12, cols = 12, wavelengths = 12;
  int64_t shared_channels = 0;
  Hertz clock{5e9};
  int64_t bits = 4;
  int64_t accumulate = 3;

  // ---- Modulators and what drives them ----
  double modulator_symbol_fj = 450, modulator_filter_mw = 0;
  double dac_mw = 50, dac_gs_per_s = 14;
  int64_t dac_bits = 8;
  double lane_filter_mw = 0;

  // ---- Light ----
  std::string laser_model = "link_budget";
  double laser_line_mw = 0;
  double laser_efficiency = 0.2;
  double sensitivity_dbm = -25, loss_db = 0;

  // ---- Receivers ----
  double detector_mw = 1.1, tia_mw = 3;
  std::string adc_model = "linear";
  double adc_mw = 14.8, adc_gs_per_s = 10;
  int64_t adc_bits = 8;
  double adc_node_nm = 16;

  // ---- Memory ----
  double memory_static_w = 0, operand_bit_fj = 0, sram_bit_fj = 0;
  double dram_gb_per_s = 512, dram_bit_pj = 3.9;

  // ---- What is not a product: softmax, biases ----
  double digital_gops = 1000, digital_op_pj = 0.5;

  // ---- Values ----
  double adc_clip_sigma = 4;
  bool round_sums = true;
  double input_noise = 0, phase_noise_deg = 0, output_noise = 0;

  // ---- Area ----
  double modulator_um2 = 0, modulator_filter_um2 = 0, lane_filter_um2 = 0;
  double dac_um2 = 0, adc_um2 = 0, tia_um2 = 0;
  double core_mm2 = 0, tile_mm2 = 0, comb_mm2 = 0, laser_um2 = 0;
  double coupler_mm2 = 0;
  int64_t combs_shared = 0;
  double memory_mm2 = 0;

  HostParams host;

  template <class Self, class V>
  static void Visit(Self& p, V&& v) {
    VisitGeometry(p, v);
    VisitDevices(p, v);
    VisitMemory(p, v);
    VisitArea(p, v);
    VisitHost(p.host, v);
  }

  template <class Self, class V>
  static void VisitGeometry(Self& p, V&& v) {
    v("array.tiles", p.tiles, 1, 4096,
      "tiles, each with converters of its own");
    v("array.cores", p.cores, 1, 256,
      "cores of a tile, whose photocurrents are added: each has its part of k");
    v("array.rows", p.rows, 1, 1024, "rows of a core: outputs one way");
    v("array.cols", p.cols, 1, 1024,
      "columns of a core: outputs the other way");
    v("array.wavelengths", p.wavelengths, 1, 512,
      "terms of one dot product in one cycle");
    v("array.shared_channels", p.shared_channels, 0, 65536,
      "modulators a core position has for the operand that all tiles share; 0: "
      "cols * wavelengths. Fewer serve sliding windows, and products take "
      "longer");
    v("array.bits", p.bits, 2, 8, "bits of both operands and of a sum");
    v("array.accumulate", p.accumulate, 1, 1024,
      "cycles whose charges are added before a sum is converted");
    v("clock_hz", p.clock, 1e8, 1e11, "symbols a second");
  }

  template <class Self, class V>
  static void VisitDevices(Self& p, V&& v) {
    v("modulator.symbol_fj", p.modulator_symbol_fj, 0, 1e6,
      "one symbol of one modulator, fJ");
    v("modulator.filter_mw", p.modulator_filter_mw, 0, 1e3,
      "wavelength filters of one modulator, mW");
    v("dac.power_mw", p.dac_mw, 0, 1e4,
      "a converter that was built, at the rate and bits below, mW");
    v("dac.gs_per_s", p.dac_gs_per_s, 0.01, 1e3, "its rate, GS/s");
    v("dac.bits", p.dac_bits, 1, 14, "its bits");
    v("lane.filter_mw", p.lane_filter_mw, 0, 1e3,
      "switches of one multiplier, mW");
    v("laser.model", p.laser_model, {"link_budget", "lines"},
      "from what the detectors need; or so much a line of light");
    v("laser.line_mw", p.laser_line_mw, 0, 1e4,
      "for lines: electricity of the source of one line, mW");
    v("laser.wall_plug_efficiency", p.laser_efficiency, 1e-3, 1,
      "light out over electricity in");
    v("laser.loss_db", p.loss_db, 0, 60,
      "source to detector, beside the division of the light, dB");
    v("rx.sensitivity_dbm", p.sensitivity_dbm, -60, 20,
      "light at a detector that makes one level, dBm");
    v("rx.detector_mw", p.detector_mw, 0, 1e3, "one photodiode, mW");
    v("rx.tia_mw", p.tia_mw, 0, 1e4, "one amplifier, mW");
    v("adc.model", p.adc_model, {"linear", "survey"},
      "power from one part in proportion to rate and bits; or what converters "
      "of this rate and resolution took that were built "
      "(validation/adc_energy.h)");
    v("adc.power_mw", p.adc_mw, 0, 1e4,
      "for linear: a converter that was built, mW");
    v("adc.gs_per_s", p.adc_gs_per_s, 0.01, 1e3, "its rate, GS/s");
    v("adc.bits", p.adc_bits, 1, 14, "its bits");
    v("adc.node_nm", p.adc_node_nm, 3, 180, "for survey: process, nm");
    v("adc.clip_sigma", p.adc_clip_sigma, 0.5, 100,
      "standard deviations of a sum at full scale");
    v("adc.round", p.round_sums,
      "sums are rounded to the converter's codes; false: only operands are");
    v("noise.input", p.input_noise, 0, 1,
      "standard deviation of a modulated value, of itself");
    v("noise.phase_deg", p.phase_noise_deg, 0, 90,
      "standard deviation of the phase between the operands, degrees");
    v("noise.output", p.output_noise, 0, 1,
      "standard deviation of a sum, of itself");
  }

  template <class Self, class V>
  static void VisitMemory(Self& p, V&& v) {
    v("memory.static_w", p.memory_static_w, 0, 1e3,
      "memory on the chip, whatever it does, W");
    v("memory.operand_bit_fj", p.operand_bit_fj, 0, 1e6,
      "one bit from a buffer to a converter, fJ");
    v("memory.sram_bit_fj", p.sram_bit_fj, 0, 1e6,
      "one bit of a weight into the chip's memory and out to a buffer, fJ");
    v("dram.gb_per_s", p.dram_gb_per_s, 0.1, 1e5,
      "memory that holds weights and caches, GB/s");
    v("dram.bit_pj", p.dram_bit_pj, 0, 1e3, "one bit of it, pJ");
    v("digital.gops", p.digital_gops, 0.1, 1e7,
      "operations beside the products (softmax, biases), Gop/s");
    v("energy.digital_op_pj", p.digital_op_pj, 0, 1e4, "one of them, pJ");
  }

  template <class Self, class V>
  static void VisitArea(Self& p, V&& v) {
    v("area.modulator_um2", p.modulator_um2, 0, 1e8, "one modulator, um^2");
    v("area.modulator_filter_um2", p.modulator_filter_um2, 0, 1e8,
      "filters of one modulator, um^2");
    v("area.lane_filter_um2", p.lane_filter_um2, 0, 1e8,
      "switches of one multiplier, um^2");
    v("area.dac_um2", p.dac_um2, 0, 1e8, "one DAC, um^2");
    v("area.adc_um2", p.adc_um2, 0, 1e8, "one ADC, um^2");
    v("area.tia_um2", p.tia_um2, 0, 1e8, "one amplifier, um^2");
    v("area.core_mm2", p.core_mm2, 0, 1e4,
      "crossbar of one core, detectors with it, mm^2");
    v("area.coupler_mm2", p.coupler_mm2, 0, 1e4,
      "star couplers of one core, mm^2");
    v("area.tile_mm2", p.tile_mm2, 0, 1e4,
      "wavelength router of one tile, mm^2");
    v("area.comb_mm2", p.comb_mm2, 0, 1e4, "one comb of lines, mm^2");
    v("area.combs_shared", p.combs_shared, 0, 1024,
      "combs beside one a tile, where comb_mm2 is not 0");
    v("area.laser_um2", p.laser_um2, 0, 1e8, "one laser, um^2");
    v("area.memory_mm2", p.memory_mm2, 0, 1e4, "memory of one tile, mm^2");
  }
};

}  // namespace triptych::optical::array

#endif  // TRIPTYCH_EMULATORS_OPTICAL_ARRAY_PARAMS_H_
