// The parameters of an edge NPU.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_PARAMS_H_
#define TRIPTYCH_EMULATORS_NPU_PARAMS_H_

#include <string>

#include "emulators/target.h"
#include "kernels/base/units.h"

namespace triptych::npu {

struct DramParams {
  double peak_gb_per_s = 102.4;
  double row_bytes = 2048;         // of all chips of a channel's rank together
  int64_t channels = 8;            // each with its own banks
  int64_t banks = 16;              // of a channel; rows open in parallel
  double row_cycle_ns = 60;        // tRC: from one row of a bank to its next
  double refresh_ns = 280;         // tRFC: all banks are away
  double refresh_every_ns = 3906;  // tREFI
  double latency_ns = 100;         // first byte of a stream
};

struct EnergyParams {  // pJ
  double mac_int8 = 0.13;
  double vector_op = 0.5;
  double scratchpad_byte = 0.3;
  double dram_byte = 40;
  double leakage_w = 0.5;
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

  int64_t cores = 4, array_rows = 128, array_cols = 128;
  std::string dataflow = "auto";
  bool fold_overlap = true;
  Hertz clock{0.8e9};
  int64_t scratchpad_kib = 4096;  // a core
  int64_t l2_kib = 16384;         // shared
  double scratchpad_bytes_per_cycle = 1024;
  int64_t vector_lanes = 128;   // a core
  double command_cycles = 200;  // to fetch, decode and retire an operator
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
    v("cores", p.cores, 1, 1024, "cores, each with an array");
    v("array.rows", p.array_rows, 1, 4096, "multipliers along K");
    v("array.cols", p.array_cols, 1, 4096, "multipliers along N");
    v("array.dataflow", p.dataflow, {"auto", "ws", "os", "is"},
      "what stays in the array: weights, outputs, inputs, or the fastest");
    v("array.fold_overlap", p.fold_overlap,
      "the next fold is loaded while one computes");
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
    v("dram.peak_gb_per_s", p.dram.peak_gb_per_s, 0.1, 1e5, "pins, GB/s");
    v("dram.row_bytes", p.dram.row_bytes, 64, 1 << 16, "bytes of a row");
    v("dram.channels", p.dram.channels, 1, 1024, "independent channels");
    v("dram.banks", p.dram.banks, 1, 1024, "banks of a channel");
    v("dram.row_cycle_ns", p.dram.row_cycle_ns, 1, 1000,
      "tRC, between two rows of a bank, ns");
    v("dram.refresh_ns", p.dram.refresh_ns, 0, 10000,
      "tRFC, all banks away, ns");
    v("dram.refresh_every_ns", p.dram.refresh_every_ns, 100, 1e6,
      "tREFI, between refreshes, ns");
    v("dram.latency_ns", p.dram.latency_ns, 0, 1e5,
      "to the first byte of a stream, ns");
    v("energy.mac_int8_pj", p.energy.mac_int8, 0, 1e3,
      "one int8 multiply-add in the array, pJ");
    v("energy.vector_op_pj", p.energy.vector_op, 0, 1e3,
      "one vector operation, pJ");
    v("energy.scratchpad_byte_pj", p.energy.scratchpad_byte, 0, 1e3,
      "one scratchpad byte, pJ");
    v("energy.dram_byte_pj", p.energy.dram_byte, 0, 1e4,
      "one DRAM byte with PHY and controller, pJ");
    v("energy.leakage_w", p.energy.leakage_w, 0, 1e3, "drawn all the time, W");
    VisitHost(p.host, v);
    VisitNetwork(p.network, v);
    VisitDecode(p.decode, v);
  }
};

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_PARAMS_H_
