// LLM decoding and GEMM peaks of edge NPUs.
//
// A decode step reads all weights but the table of embeddings once and the
// keys and values of every token before: two streams from DRAM, each at a
// rate of its own, since weights are unpacked on the way and the cache is not.
//
// A GEMM's best rate is the array's, less the time each tile's block of sums
// takes to and from the tile's own memory: K is cut into what that memory
// holds twice beside the sums.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_PEERS_DECODE_H_
#define TRIPTYCH_EMULATORS_NPU_PEERS_DECODE_H_

#include <string_view>

#include "emulators/npu/params.h"
#include "emulators/target.h"

namespace triptych::npu {

// What a token of a model reads. Shapes are the published configurations'.
struct DecodeTraffic {
  double weights = 0;         // elements
  double cache_elements = 0;  // a token of context
};
// kUnsupported with the names there are.
Result<DecodeTraffic> DecodeTrafficOf(std::string_view model);

// Rows software model weights_gb (or the model's size at the preset's bits)
// context_tokens -> decode_tokens_per_s. kUnsupported for software whose rates
// the preset does not have.
Result<Prediction> PredictDecode(const Params& params, const OpSpec& spec);

// Rows dtype (int8, bf16) -> tops.
Result<Prediction> PredictGemmPeak(const Params& params, const OpSpec& spec);

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_PEERS_DECODE_H_
