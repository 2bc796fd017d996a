// ONNXim's cycles of one transformer layer, operator by operator.
//
// The machine is one weight-stationary array with double-buffered scratchpad
// and accumulators, a vector unit and "simple" DRAM: a rate and a latency.
// What is known of that simulator: an instruction of the array takes
// H + W - 2 + max(rows, 4) cycles, the next one's weights are loaded
// meanwhile. What is inferred from the published run:
//
// - Products are cut along N into tiles of as many columns as a square of
//   half the accumulators has (Gemmini's rule); activations are read again
//   for each tile. Operands in, results out and nothing else use DRAM.
// - A column of blocks is computed once all of it is there, so the last one's
//   K / H instructions come after the last byte.
// - Heads of attention follow each other: read, Q K^T, softmax, times V.
// - Row statistics need the whole input before the first result; elementwise
//   operators read and write side by side, 48 KiB at a time.
// - 26 cycles of latency an operator (its two shortest rows).
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_PEERS_ONNXIM_H_
#define TRIPTYCH_EMULATORS_NPU_PEERS_ONNXIM_H_

#include <cstdint>
#include <string_view>

#include "emulators/npu/params.h"
#include "emulators/target.h"

namespace triptych::npu {

// Rates are per cycle of the array's clock.
struct OnnxImMachine {
  int64_t rows = 128, cols = 128, cores = 1;
  double dram_bytes = 102.4;
};

// One operator of the OPT-125M layer (12 heads of 64, 768 wide, 3072 inside)
// for `tokens` new tokens that see `keys` keys.
struct OnnxImCost {
  double cycles = 0;
  double active_cycles = 0;  // something moves through the array
  double macs = 0;
};
Result<OnnxImCost> OnnxImOp(const OnnxImMachine& machine, std::string_view op,
                            int64_t tokens, int64_t keys);

// Rows array (128x128) cores clock_ghz dram_gb_per_s phase (prefill, decode_1,
// prefill_and_2_decode) prompt_tokens op -> cycles; for op total also
// array_active_pct and pe_utilisation_pct.
Result<Prediction> PredictOnnxIm(const Params& params, const OpSpec& spec);

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_PEERS_ONNXIM_H_
