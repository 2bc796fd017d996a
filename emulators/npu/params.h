// The parameters of an edge NPU.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_PARAMS_H_
#define TRIPTYCH_EMULATORS_NPU_PARAMS_H_

#include <string>

#include "emulators/target.h"
#include "kernels/base/units.h"

namespace triptych::npu {

// Memory off the chip: machine/dram.h says what each figure does there.
struct DramParams {
  std::string model = "rows";
  double peak_gb_per_s = 102.4;
  double row_bytes = 2048;          // of all chips of a channel's rank together
  int64_t channels = 8;             // each with its own banks
  int64_t banks = 16;               // of a channel; rows open in parallel
  int64_t burst_bytes = 64;         // BL32 of a x16 channel
  int64_t interleave_bytes = 512;   // of a channel, then the next one's
  int64_t bank_interleave = 2;      // banks that neighbouring bursts alternate
  double activate_ns = 18;          // tRCD
  double precharge_ns = 18;         // tRP
  double row_cycle_ns = 60;         // tRC: from one row of a bank to its next
  double activate_gap_ns = 5;       // tRRD
  double four_activates_ns = 20;    // tFAW
  double same_group_gap_ns = 10;    // tCCD_L
  double read_latency_ns = 21.25;   // RL
  double write_latency_ns = 11.25;  // WL
  double write_recovery_ns = 34;    // tWR
  double read_to_precharge_ns = 7.5;  // tRTP
  double write_to_read_ns = 12;       // tWTR
  double read_to_write_ns = 3.75;     // the bus is idle between the two
  double refresh_ns = 280;            // tRFC: all banks are away
  double refresh_every_ns = 3906;     // tREFI
  int64_t write_batch = 32;           // bursts of a channel written in one go
  double latency_ns = 60;             // controller and the way there and back
};

struct DmaParams {
  int64_t load_channels = 2, store_channels = 1;  // of a core
  int64_t beat_bytes = 64;                        // a cycle and channel
  int64_t outstanding = 32;  // DRAM bursts that a channel has on the way
};

// Banks of memories on the chip, and the pipelines between them.
struct OnChipParams {
  int64_t scratchpad_banks = 16, scratchpad_bank_bytes = 64;  // a cycle
  int64_t accumulator_kib = 1024;                             // a core
  int64_t accumulator_banks = 2;
  int64_t l2_banks = 8, l2_bank_bytes = 128;  // a cycle
  int64_t l2_latency = 24;                    // cycles
};

struct FrontEndParams {
  int64_t queue_depth = 64;     // commands of a queue
  int64_t decode_cycles = 1;    // a command
  int64_t dispatch_cycles = 4;  // from the head of a queue to its unit
};

struct EnergyParams {  // pJ
  double mac_int8 = 0.13;
  double vector_op = 1;
  double special_op = 6;  // a division, a root, a step of exp and the like
  double scratchpad_byte = 0.3;
  double accumulator_byte = 0.17;
  double l2_byte = 3.4;
  double dram_byte = 40;
  double dram_activation = 1500;  // and precharge
  double command = 220;
  double leakage_w = 0.5;
};

// How weights become codes when a model is compiled (quantiser/).
struct QuantiserParams {
  std::string scale = "absmax";
  std::string rounding = "nearest";
  int64_t calibration_tokens = 0;
  double calibration_most = 20e6;  // weights
};

// How a vendor's runtime runs networks of layers (peers/vision.h, nvdla.h).
struct NetworkParams {
  bool winograd = false;
  int64_t unit_rows = 0, unit_cols = 0;
  int64_t pipeline_units = 0;
  double load_bytes_per_cycle = 0;
  double weights_mib = 16;
  double weights_gb_per_s = 16;
  double context_us = 0;
  double frame_us = 0;
};

inline bool HasUnits(const NetworkParams& p) {
  return p.unit_rows > 0 && p.unit_cols > 0;
}

// How a vendor's runtime decodes (peers/decode.h).
struct DecodeParams {
  std::string software = "any";
  double weight_bits = 4.5, cache_bits = 16;
  double weights_gb_per_s = 50, cache_gb_per_s = 50;
};

template <class V>
void VisitQuantiser(QuantiserParams& p, V&& v) {
  v("quant.scale", p.scale, {"absmax", "search"},
    "scales of weights: symmetric codes up to the largest weight, or the scale "
    "with the least squared error, all codes in use");
  v("quant.rounding", p.rounding, {"nearest", "compensated"},
    "codes of weights: each the nearest, or in turn, what one is off made good "
    "by those after it, as far as calibration knows their inputs");
  v("quant.calibration_tokens", p.calibration_tokens, 0, 1 << 16,
    "length of the text that a model writes when it is compiled, for what "
    "inputs its weights meet; 0: none");
  v("quant.calibration_most", p.calibration_most, 0, 1e12,
    "weights of the largest model that is calibrated");
}
template <class V>
void VisitNetwork(NetworkParams& p, V&& v) {
  v("network.winograd", p.winograd,
    "3x3 filters of stride 1 run as Winograd F(2x2, 3x3)");
  v("network.unit_rows", p.unit_rows, 0, 4096,
    "multipliers along K of the smallest part with a layer or tile of its "
    "own; 0: the array");
  v("network.unit_cols", p.unit_cols, 0, 4096, "the same along N");
  v("network.pipeline_units", p.pipeline_units, 0, 1 << 16,
    "units of which each layer gets one or more; 0: layer after layer");
  v("network.load_bytes_per_cycle", p.load_bytes_per_cycle, 0, 1e6,
    "filters into a core's array; 0: behind its passes");
  v("network.weights_mib", p.weights_mib, 0.01, 1e6,
    "filters that stay on the chip, of one context");
  v("network.weights_gb_per_s", p.weights_gb_per_s, 0.01, 1e5,
    "at which a context's filters come");
  v("network.context_us", p.context_us, 0, 1e6,
    "from one context to the next, us");
  v("network.frame_us", p.frame_us, 0, 1e6,
    "the host's part of a frame: no more than one in this time, us");
}
template <class V>
void VisitDecode(DecodeParams& p, V&& v) {
  v("decode.software", p.software, {"any", "fastflowlm", "hailo-genai"},
    "whose rates these are");
  v("decode.weight_bits", p.weight_bits, 1, 32,
    "bits of a weight with its share of scales");
  v("decode.cache_bits", p.cache_bits, 1, 32, "of a cached key or value");
  v("decode.weights_gb_per_s", p.weights_gb_per_s, 0.01, 1e5,
    "at which a decode step reads weights");
  v("decode.cache_gb_per_s", p.cache_gb_per_s, 0.01, 1e5,
    "at which it reads keys and values");
}

struct Params {
  // What the arithmetic is: bits of weights and activations (2..8; 0 leaves
  // that side in f32), and how many weights of a row share a scale (0: all).
  int64_t weight_bits = 8, weight_group = 0, activation_bits = 8;
  // Products inside attention and the cached keys and values: 8, or 0 for
  // f32 on the vector unit.
  int64_t attention_bits = 8;
  QuantiserParams quant;

  int64_t cores = 4, array_rows = 128, array_cols = 128;
  std::string dataflow = "auto";
  std::string schedule = "commands";
  std::string fidelity = "F1";
  bool fold_overlap = true;
  bool short_loads = false;
  Hertz clock{0.8e9};
  int64_t scratchpad_kib = 4096;  // a core
  int64_t l2_kib = 16384;         // shared
  double scratchpad_bytes_per_cycle = 1024;
  int64_t vector_lanes = 128;      // a core
  int64_t vector_latency = 12;     // cycles, from reading a row to writing it
  int64_t vector_add_latency = 2;  // cycles, of a sum that waits for another
  double command_cycles = 200;     // to fetch, decode and retire an operator
  FrontEndParams front;
  DmaParams dma;
  OnChipParams chip;
  DramParams dram;
  EnergyParams energy;
  HostParams host;
  NetworkParams network;
  DecodeParams decode;

  template <class Self, class V>
  static void Visit(Self& p, V&& v) {
    v("weight_bits", p.weight_bits, 0, 8,
      "bits of a weight; 0: f32, multiplied on the vector unit");
    v("weight_group", p.weight_group, 0, 1024,
      "weights of a row that share a scale; 0: the whole row, which is also "
      "what rows get that are not whole groups");
    v("activation_bits", p.activation_bits, 0, 8,
      "bits of an activation, one scale a token; 0: f32, multiplied on the "
      "vector unit");
    v("attention_bits", p.attention_bits, 0, 8,
      "bits of Q, K, V and cached K, V, one scale a token and head; 0: f32");
    v("cores", p.cores, 1, 16, "cores, each with an array");
    v("array.rows", p.array_rows, 1, 4096, "multipliers along K");
    v("array.cols", p.array_cols, 1, 4096, "multipliers along N");
    v("schedule", p.schedule, {"commands", "closed_form"},
      "operators run and timed command by command, or by formulas, which take "
      "no notice of banks and queues and are what a sweep has time for");
    v("fidelity", p.fidelity, {"F0", "F1", "F2", "F3"},
      "F0: values, no time; F1: both; F2: time, no values; F3: as F1, DRAM "
      "burst by burst (dram.model = bursts)");
    v("array.dataflow", p.dataflow, {"auto", "ws", "os", "is"},
      "what stays in the array: weights, outputs, inputs, or the fastest");
    v("array.fold_overlap", p.fold_overlap,
      "the next fold is loaded while one computes");
    v("array.short_loads", p.short_loads,
      "weights for k rows of the array take k cycles to shift in, not all of "
      "its rows");
    v("clock_hz", p.clock, 1e6, 1e10, "clock of everything but DRAM");
    v("scratchpad_kib", p.scratchpad_kib, 1, 1 << 20,
      "scratchpad of a core, KiB; half of it is being filled");
    v("l2_kib", p.l2_kib, 0, 1 << 20, "memory that the cores share, KiB");
    v("scratchpad_bytes_per_cycle", p.scratchpad_bytes_per_cycle, 1, 1e6,
      "scratchpad bandwidth of a core, all banks");
    v("vector.lanes", p.vector_lanes, 1, 1 << 20,
      "lanes of a core's vector unit, one operation a cycle each");
    v("command_cycles", p.command_cycles, 0, 1e6,
      "cycles to issue one operator, all queues empty");
    v("vector.latency_cycles", p.vector_latency, 0, 1000,
      "from reading a row to writing it");
    v("vector.add_cycles", p.vector_add_latency, 1, 100,
      "until a sum may be added to: sums have a fixed order");
    VisitQuantiser(p.quant, v);
    VisitChip(p, v);
    VisitDram(p.dram, v);
    VisitEnergy(p.energy, v);
    VisitHost(p.host, v);
    VisitNetwork(p.network, v);
    VisitDecode(p.decode, v);
  }

 private:
  template <class Self, class V>
  static void VisitChip(Self& p, V&& v) {
    v("front.queue_depth", p.front.queue_depth, 1, 4096,
      "commands that wait in a queue");
    v("front.decode_cycles", p.front.decode_cycles, 1, 1000,
      "cycles to decode a command");
    v("front.dispatch_cycles", p.front.dispatch_cycles, 0, 1000,
      "cycles from the head of a queue, its events there, to its unit");
    v("dma.load_channels", p.dma.load_channels, 1, 8,
      "loads that a core has under way at once");
    v("dma.store_channels", p.dma.store_channels, 1, 8,
      "stores that a core has under way at once");
    v("dma.beat_bytes", p.dma.beat_bytes, 1, 4096,
      "bytes that a channel moves a cycle");
    v("dma.outstanding", p.dma.outstanding, 1, 1024,
      "DRAM bursts that a channel has on the way");
    v("scratchpad.banks", p.chip.scratchpad_banks, 1, 64,
      "banks of a scratchpad; neighbouring words lie in neighbouring banks");
    v("scratchpad.bank_bytes", p.chip.scratchpad_bank_bytes, 1, 4096,
      "bytes of a bank's word, one a cycle");
    v("accumulator.kib", p.chip.accumulator_kib, 1, 1 << 20,
      "accumulators of a core, KiB");
    v("accumulator.banks", p.chip.accumulator_banks, 1, 16,
      "parts of the accumulators, a row of each a cycle");
    v("l2.banks", p.chip.l2_banks, 1, 64, "banks of the L2");
    v("l2.bank_bytes", p.chip.l2_bank_bytes, 1, 4096,
      "bytes of a bank's line, one a cycle");
    v("l2.latency_cycles", p.chip.l2_latency, 0, 1000,
      "from a core to the L2 and back");
  }
  template <class D, class V>
  static void VisitDram(D& d, V&& v) {
    v("dram.model", d.model, {"rows", "bursts", "ideal"},
      "runs of bursts in a row at once, burst by burst, or the pins alone");
    v("dram.peak_gb_per_s", d.peak_gb_per_s, 0.1, 1e5, "pins, GB/s");
    v("dram.row_bytes", d.row_bytes, 64, 1 << 16, "bytes of a row");
    v("dram.channels", d.channels, 1, 1024, "independent channels");
    v("dram.banks", d.banks, 1, 1024, "banks of a channel");
    v("dram.burst_bytes", d.burst_bytes, 8, 1024, "bytes of a burst");
    v("dram.interleave_bytes", d.interleave_bytes, 8, 1 << 20,
      "bytes in one channel before the next one's");
    v("dram.bank_interleave", d.bank_interleave, 1, 16,
      "banks of different groups that neighbouring bursts alternate over");
    v("dram.activate_ns", d.activate_ns, 0, 1000,
      "tRCD, from a row's activation to its columns, ns");
    v("dram.precharge_ns", d.precharge_ns, 0, 1000, "tRP, ns");
    v("dram.row_cycle_ns", d.row_cycle_ns, 1, 1000,
      "tRC, between two rows of a bank, ns");
    v("dram.activate_gap_ns", d.activate_gap_ns, 0, 1000,
      "tRRD, between activations of a channel, ns");
    v("dram.four_activates_ns", d.four_activates_ns, 0, 1000,
      "tFAW, in which a channel activates four rows, ns");
    v("dram.same_group_gap_ns", d.same_group_gap_ns, 0, 1000,
      "tCCD_L, between bursts of a bank, ns");
    v("dram.read_latency_ns", d.read_latency_ns, 0, 1000,
      "RL, from a read's command to its data, ns");
    v("dram.write_latency_ns", d.write_latency_ns, 0, 1000,
      "WL, from a write's command to its data, ns");
    v("dram.write_recovery_ns", d.write_recovery_ns, 0, 1000,
      "tWR, from a write's data to the precharge, ns");
    v("dram.read_to_precharge_ns", d.read_to_precharge_ns, 0, 1000, "tRTP, ns");
    v("dram.write_to_read_ns", d.write_to_read_ns, 0, 1000,
      "tWTR, from a write's data to a read's command, ns");
    v("dram.read_to_write_ns", d.read_to_write_ns, 0, 1000,
      "idle bus between read and written data, ns");
    v("dram.refresh_ns", d.refresh_ns, 0, 10000, "tRFC, all banks away, ns");
    v("dram.refresh_every_ns", d.refresh_every_ns, 100, 1e6,
      "tREFI, between refreshes, ns");
    v("dram.write_batch", d.write_batch, 1, 4096,
      "bursts of a channel that are written in one go");
    v("dram.latency_ns", d.latency_ns, 0, 1e5,
      "controller and the way there and back, ns");
  }
  template <class E, class V>
  static void VisitEnergy(E& e, V&& v) {
    v("energy.mac_int8_pj", e.mac_int8, 0, 1e3,
      "one int8 multiply-add in the array, pJ");
    v("energy.vector_op_pj", e.vector_op, 0, 1e3,
      "one f32 operation of a lane, pJ");
    v("energy.special_op_pj", e.special_op, 0, 1e3,
      "one division, root or exponential of a lane, pJ");
    v("energy.scratchpad_byte_pj", e.scratchpad_byte, 0, 1e3,
      "one scratchpad byte, pJ");
    v("energy.accumulator_byte_pj", e.accumulator_byte, 0, 1e3,
      "one byte of the accumulators, pJ");
    v("energy.l2_byte_pj", e.l2_byte, 0, 1e3, "one L2 byte, pJ");
    v("energy.dram_byte_pj", e.dram_byte, 0, 1e4,
      "one DRAM byte with PHY and controller, pJ");
    v("energy.dram_activation_pj", e.dram_activation, 0, 1e6,
      "one row opened and closed, pJ");
    v("energy.command_pj", e.command, 0, 1e6,
      "one command fetched, decoded and dispatched, pJ");
    v("energy.leakage_w", e.leakage_w, 0, 1e3, "drawn all the time, W");
  }
};

// What `fidelity` says of other parameters.
inline void ApplyFidelity(Params& p) {
  if (p.fidelity == "F3") p.dram.model = "bursts";
}

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_PARAMS_H_
