// The parameters of a free-space optical matrix-vector machine.
//
// A core is a row of light sources, a plane of transmissions and a column of
// balanced receivers: rows x cols multiply-adds a vector. README.md says what
// is modelled with these numbers; presets say where each comes from.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_OPTICAL_PARAMS_H_
#define TRIPTYCH_EMULATORS_OPTICAL_PARAMS_H_

#include <cstdint>
#include <string>

#include "emulators/target.h"
#include "kernels/base/units.h"

namespace triptych::optical {

struct Params {
  int64_t cores = 1;

  // ---- The weight plane ----
  int64_t plane_rows = 1024, plane_cols = 2048;
  double plane_load_us = 0, plane_row_load_us = 0;
  bool plane_double_buffer = false;
  int64_t plane_bits = 8;
  double plane_contrast = 1000;
  std::string plane_rails = "split";
  int64_t plane_copies = 1;
  double plane_quadratic = 0, plane_column_sigma = 0;
  bool plane_calibrated = true;

  // ---- From digital to light ----
  Hertz vector_rate{1e9};
  double latency_ns = 0;
  std::string encoding = "two_pass";
  int64_t dac_bits = 8;
  double dac_unit_sigma = 0;
  std::string dac_dem = "off";
  bool dac_correct = false;
  double laser_power_mw = 10, laser_efficiency = 0.2;
  double laser_rin_db_per_hz = -140;
  double source_threshold = 0, source_cubic = 0, source_row_sigma = 0;
  double source_bandwidth_ratio = 0;
  double optics_loss_db = 0;
  double optics_neighbour_1 = 0, optics_neighbour_2 = 0;
  double optics_rail_leakage = 0;

  // ---- From light to digital ----
  double responsivity_a_per_w = 0.6, dark_current_na = 0;
  double tia_noise_pa_per_sqrt_hz = 10, noise_bandwidth_ratio = 0.785;
  std::string gain = "equal";
  double rx_gain_sigma = 0, rx_offset_sigma = 0, rx_saturation = 0;
  double rx_bandwidth_ratio = 0;
  int64_t adc_bits = 10;
  double adc_unit_sigma = 0;
  std::string adc_full_scale = "row_sigma";
  double adc_clip_sigma = 4, adc_fixed_fraction = 0.1;

  // ---- What time does, and what is done against it ----
  std::string post_correction = "none";
  double drift_gain_per_sqrt_s = 0, drift_offset_per_sqrt_s = 0;
  double drift_recalibration_s = 1;
  int64_t drift_recalibration_vectors = 4096;

  // ---- What is simulated ----
  bool physical_noise = true;
  std::string noise_light = "column";
  double output_sigma = 0;
  std::string fidelity = "L2";
  std::string periphery = "fast";
  std::string hil_rtl = "all";
  int64_t hil_calibrate_every = 0;
  bool hil_pairs = false;
  int64_t hil_track = 0;
  double hil_bit_errors = 0;
  int64_t hil_timeout_ms = 2000, hil_retries = 5;

  // ---- Memory that holds the weights ----
  double dram_gb_per_s = 100;

  // ---- Energy ----
  double energy_dac_pj = 0, energy_adc_pj = 0, tia_power_mw = 0;
  double energy_pixel_pj = 0, energy_dram_byte_pj = 0, energy_digital_op_pj = 0;

  HostParams host;

  template <class Self, class V>
  static void Visit(Self& p, V&& v) {
    v("cores", p.cores, 1, 256, "optical cores, each with its own plane");
    v("plane.rows", p.plane_rows, 64, 65536,
      "light sources of a core: inputs of a tile");
    v("plane.cols", p.plane_cols, 64, 65536,
      "receivers of a core: outputs of a tile");
    v("plane.load_us", p.plane_load_us, 0, 1e7,
      "from new weights to settled light, whole plane, us");
    v("plane.row_load_us", p.plane_row_load_us, 0, 1e5,
      "to write one row of pixels, us; 0 if all are written at once");
    v("plane.double_buffer", p.plane_double_buffer,
      "a second plane in each core loads while the first is read");
    v("plane.weight_bits", p.plane_bits, 0, 12,
      "bits of a weight, sign included, scaled by output row; 0: not rounded");
    v("plane.contrast", p.plane_contrast, 1.5, 1e9,
      "brightest over darkest transmission");
    v("plane.rails", p.plane_rails, {"complementary", "split"},
      "signed weights as (1 + w, 1 - w) / 2 or as (max(w, 0), max(-w, 0))");
    v("plane.copies", p.plane_copies, 1, 1024,
      "a tile with few inputs is laid out up to so often, one under the "
      "other, so that more sources carry it");
    v("plane.transfer_quadratic", p.plane_quadratic, -0.9, 0.9,
      "transmission of a level r: r + this * r (1 - r)");
    v("plane.column_sigma", p.plane_column_sigma, 0, 0.5,
      "relative spread of the columns' transmission");
    v("plane.calibrated", p.plane_calibrated,
      "levels are chosen against the transfer curve and the sources' spread");
    v("vector.rate_hz", p.vector_rate, 1e3, 1e11, "vectors a second");
    v("vector.latency_ns", p.latency_ns, 0, 1e6,
      "from a vector's codes to its sums: DAC, flight, ADC, accumulation");
    v("vector.encoding", p.encoding, {"offset", "two_pass"},
      "signed inputs as (1 + x) / 2, the offset trimmed at the receiver, or "
      "as positive part, then negative part");
    v("dac.bits", p.dac_bits, 0, 10,
      "bits of an input code; 0: inputs are not rounded");
    v("dac.unit_sigma", p.dac_unit_sigma, 0, 0.5,
      "relative mismatch of a 1 LSB element at 10 bits");
    v("dac.dem", p.dac_dem, {"off", "rotate", "random"},
      "which unary elements a code switches on: from the first, from where "
      "the last code ended, or from where a generator says");
    v("dac.correct", p.dac_correct,
      "codes go through a table, measured once, that takes each DAC's "
      "nonlinearity out");
    v("laser.power_mw", p.laser_power_mw, 1e-6, 1e5,
      "light of one source at full drive, mW");
    v("laser.wall_plug_efficiency", p.laser_efficiency, 1e-3, 1,
      "light out over electricity in");
    v("laser.rin_db_per_hz", p.laser_rin_db_per_hz, -200, -80,
      "relative intensity noise of one source, dB/Hz");
    v("source.threshold", p.source_threshold, 0, 0.9,
      "part of the full drive below which a source is dark");
    v("source.cubic", p.source_cubic, -0.3, 0.3,
      "light p of a straight source becomes p - this * p^3");
    v("source.row_sigma", p.source_row_sigma, 0, 0.5,
      "relative spread of the sources' light");
    v("source.bandwidth_ratio", p.source_bandwidth_ratio, 0, 100,
      "pole of the sources over the vector rate; 0: none");
    v("optics.loss_db", p.optics_loss_db, 0, 60,
      "source to receiver, beside the division of the light over the columns");
    v("optics.neighbour_1", p.optics_neighbour_1, 0, 0.2,
      "part of an output's light that falls on each neighbour");
    v("optics.neighbour_2", p.optics_neighbour_2, 0, 0.1,
      "and on each of the next two");
    v("optics.rail_leakage", p.optics_rail_leakage, 0, 0.4,
      "part of a rail's light that falls on the other's detector");
    v("rx.responsivity_a_per_w", p.responsivity_a_per_w, 0.01, 2,
      "of a photodiode, A/W");
    v("rx.dark_current_na", p.dark_current_na, 0, 1e6, "of one photodiode, nA");
    v("rx.tia_noise_pa_per_sqrt_hz", p.tia_noise_pa_per_sqrt_hz, 0, 1e4,
      "input-referred current noise of the amplifier, pA/sqrt(Hz)");
    v("rx.noise_bandwidth_ratio", p.noise_bandwidth_ratio, 0.1, 10,
      "noise bandwidth of a receiver over the vector rate");
    v("rx.gain", p.gain, {"equal", "row_scale"},
      "receivers alike, codes scaled by output afterwards; or each with a gain "
      "that follows its weights, all codes of one unit");
    v("rx.gain_sigma", p.rx_gain_sigma, 0, 0.3,
      "relative spread of the amplifiers' gain");
    v("rx.offset_sigma", p.rx_offset_sigma, 0, 0.5,
      "spread of the receivers' offset, over the ADC's full scale");
    v("rx.saturation", p.rx_saturation, 0, 1,
      "an amplifier's largest output, over the largest sum possible; 0: none");
    v("rx.bandwidth_ratio", p.rx_bandwidth_ratio, 0, 100,
      "pole of the amplifiers over the vector rate; 0: none");
    v("adc.bits", p.adc_bits, 0, 10,
      "bits of an output code; 0: outputs are not rounded");
    v("adc.unit_sigma", p.adc_unit_sigma, 0, 0.5,
      "relative mismatch of a 1 LSB capacitor");
    v("adc.full_scale", p.adc_full_scale, {"row_max", "row_sigma", "fixed"},
      "what the largest code stands for: the largest output of the vector "
      "(needs to be known before it is converted: a bound, not a circuit), "
      "so many standard deviations as expected from the vector's length, or "
      "a fixed part of the largest sum possible");
    v("adc.clip_sigma", p.adc_clip_sigma, 0.5, 100,
      "for row_sigma: standard deviations at full scale");
    v("adc.fixed_fraction", p.adc_fixed_fraction, 1e-4, 1,
      "for fixed: part of the largest possible sum at full scale");
    v("post.correction", p.post_correction,
      {"none", "gain_offset", "crosstalk"},
      "codes are corrected by lane, as rtl/opt_post does it: not at all, by "
      "offset and gain, or by these and the nearest neighbours");
    v("drift.gain_per_sqrt_s", p.drift_gain_per_sqrt_s, 0, 10,
      "random walk of each receiver's gain, relative, of one second");
    v("drift.offset_per_sqrt_s", p.drift_offset_per_sqrt_s, 0, 10,
      "random walk of each receiver's offset, over the ADC's full scale");
    v("drift.recalibration_s", p.drift_recalibration_s, 1e-6, 1e6,
      "a core is calibrated again after so many seconds");
    v("drift.recalibration_vectors", p.drift_recalibration_vectors, 0,
      int64_t{1} << 30, "vectors that one calibration takes");
    v("noise.physical", p.physical_noise,
      "shot, thermal and laser noise, from the numbers above");
    v("noise.light", p.noise_light, {"column", "output"},
      "shot noise of split rails by the mean |w| of a column, or by the light "
      "of each output, which costs a second product");
    v("noise.output_sigma", p.output_sigma, 0, 1,
      "a further Gaussian on every output, over the vector's largest");
    v("fidelity", p.fidelity, {"L0", "L1", "L2", "L3"},
      "L0: rounding alone; L1: one Gaussian an output for light and "
      "converters; L2: converters bit for bit; L3: their RTL");
    v("periphery", p.periphery,
      {"fast", "rtl", "top_model", "top_rtl", "socket:"},
      "converters by their models or by their RTL: the same codes; or inside "
      "their whole periphery (links, sequencer, calibration, registers), by "
      "its model, its RTL, or whoever answers at socket:unix:PATH, "
      "socket:tcp:HOST:PORT");
    v("hil.rtl", p.hil_rtl, {"all", "none", "slices:", "tiles:"},
      "with rtl or top_rtl: what the RTL converts, as slices:0-3,8; models "
      "convert the rest");
    v("hil.calibrate_every", p.hil_calibrate_every, 0, 1 << 30,
      "receivers of a whole periphery are calibrated when a plane is loaded "
      "and after so many vectors; 0: never");
    v("hil.pairs", p.hil_pairs,
      "receivers of a whole periphery convert twice, dithered, and learn "
      "their weights from the difference");
    v("hil.track", p.hil_track, 0, 10,
      "with hil.pairs: gains of receivers follow the differences of 2^n "
      "pairs each time; 0: never");
    v("hil.bit_errors", p.hil_bit_errors, 0, 0.1,
      "probability that a beat on the link to a slice has a bit turned over");
    v("hil.timeout_ms", p.hil_timeout_ms, 1, 600000,
      "how long an answer on the socket may take, ms");
    v("hil.retries", p.hil_retries, 0, 1000,
      "how often a request on the socket is asked again");
    v("dram.gb_per_s", p.dram_gb_per_s, 0.1, 1e5,
      "memory that holds the weights, GB/s");
    v("energy.dac_pj", p.energy_dac_pj, 0, 1e6, "one input conversion, pJ");
    v("energy.adc_pj", p.energy_adc_pj, 0, 1e6, "one output conversion, pJ");
    v("rx.tia_power_mw", p.tia_power_mw, 0, 1e4,
      "one amplifier while vectors flow, mW");
    v("energy.pixel_pj", p.energy_pixel_pj, 0, 1e9,
      "to set one transmission, pJ");
    v("energy.dram_byte_pj", p.energy_dram_byte_pj, 0, 1e4,
      "one byte of weights from memory, pJ");
    v("energy.digital_op_pj", p.energy_digital_op_pj, 0, 1e4,
      "one addition or scaling beside the converters, pJ");
    VisitHost(p.host, v);
  }

  bool two_pass() const { return encoding == "two_pass"; }
  int passes() const { return two_pass() ? 2 : 1; }
  // Levels of fidelity: what is in a run.
  bool noisy() const { return fidelity != "L0"; }
  bool bit_true() const { return fidelity == "L2" || fidelity == "L3"; }
  bool rtl() const {
    return fidelity == "L3" || (fidelity == "L2" && periphery == "rtl");
  }
  // Conversions go through the whole periphery of each slice.
  bool whole_periphery() const {
    return bit_true() && periphery != "fast" && periphery != "rtl";
  }
  // Converters are somebody else's: they need not be what they are here.
  bool attached() const {
    return whole_periphery() && periphery.starts_with("socket:");
  }
  // Shot noise is by the light that really falls on each output. On
  // complementary rails it is the same for all.
  bool exact_light() const {
    return noise_light == "output" && plane_rails == "split" &&
           physical_noise && bit_true();
  }
  // A plane's transmissions and what follows are not those asked for.
  bool static_errors() const {
    return plane_quadratic != 0 || plane_column_sigma > 0 ||
           source_row_sigma > 0 || optics_neighbour_1 > 0 ||
           optics_neighbour_2 > 0 || optics_rail_leakage > 0 ||
           rx_gain_sigma > 0;
  }
  // Light is not the DAC's level.
  bool shaped_sources() const {
    return source_threshold > 0 || source_cubic != 0 || remembering_light();
  }
  bool remembering_light() const {
    return source_bandwidth_ratio > 0 || rx_bandwidth_ratio > 0;
  }
  bool drifts() const {
    return drift_gain_per_sqrt_s > 0 || drift_offset_per_sqrt_s > 0;
  }
  // Products are of bytes, not of floats: levels, and weights of whole steps of
  // a signed byte.
  bool of_bytes() const {
    return dac_bits > 0 && plane_bits > 0 && plane_bits <= 8 &&
           !static_errors();
  }
};

}  // namespace triptych::optical

#endif  // TRIPTYCH_EMULATORS_OPTICAL_PARAMS_H_
