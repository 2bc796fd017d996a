// From a node of a graph to a segment of commands.
//
// Every operator that the machine has commands for is a row of a table in
// lower.cc: a function that appends the node's segment to a Builder. What it
// reads and writes lies where a Placement says; how much local memory there
// is says the Builder.
//
// Layouts in remote memory:
//   activations  rows of f32 without gaps, as in the graph; token ids int32
//   weights      of matmul: codes [n][row bytes], two a byte up to 4 bits, the
//                low nibble first; scales, f32 [groups][n]. Others: f32 rows
//   caches       codes [sequence][head][capacity][head_dim]; scales, f32
//                [sequence][head][capacity]
//   tables       NodeTable (values.h). Of rope: a pair of f32, cosine and sine,
//                for each row and pair of features, turn after turn; of
//                positions: a sequence's rows; of routing: a row that counts
//                down to 1; of windows: a row of zeros
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_COMPILE_LOWER_H_
#define TRIPTYCH_EMULATORS_NPU_COMPILE_LOWER_H_

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "emulators/npu/compile/builder.h"
#include "emulators/npu/params.h"
#include "kernels/base/result.h"
#include "models/graph.h"

namespace triptych::npu {

struct Location {
  Remote data;
  Remote scales;         // of quantised weights and caches
  int64_t capacity = 0;  // of caches: keys of one sequence
};

struct Placement {
  std::vector<Location> inputs;  // by input slot
  Location output;
  Remote tables;
  // Where attention over activations quantises keys and values to, and a
  // product its activations (the first).
  std::array<Location, 2> scratch;
};

struct LowerRequest {
  const Params& params;
  const Graph& graph;
  const Node& node;
  const Binding& binding;
  const Placement& place;
};

// Appends the segment, without the barrier at its end. Errors (kUnsupported):
// it does not fit the scratchpad or the accumulators; nothing of use is then
// in the builder.
using Lowering = Status (*)(const LowerRequest& request, Builder& builder);

// nullptr for operators without commands.
Lowering FindLowering(std::string_view op);

// Whether this very node has commands: its operator has, and the arithmetic
// is of integers where the machine's products are.
bool HasCommands(const Params& params, const Graph& graph, const Node& node);

Status LowerMatmul(const LowerRequest& request, Builder& builder);
Status LowerKvAppend(const LowerRequest& request, Builder& builder);
Status LowerAttention(const LowerRequest& request, Builder& builder);
Status LowerRmsNorm(const LowerRequest& request, Builder& builder);
Status LowerLayerNorm(const LowerRequest& request, Builder& builder);
Status LowerRope(const LowerRequest& request, Builder& builder);
Status LowerSoftmax(const LowerRequest& request, Builder& builder);
Status LowerUnary(const LowerRequest& request, Builder& builder);
Status LowerBinary(const LowerRequest& request, Builder& builder);
Status LowerModulate(const LowerRequest& request, Builder& builder);
Status LowerGatedAdd(const LowerRequest& request, Builder& builder);
Status LowerAddRows(const LowerRequest& request, Builder& builder);
Status LowerPosEmbed(const LowerRequest& request, Builder& builder);
Status LowerPosSinusoid(const LowerRequest& request, Builder& builder);
Status LowerEmbed(const LowerRequest& request, Builder& builder);
Status LowerSelectRows(const LowerRequest& request, Builder& builder);
Status LowerConcatRows(const LowerRequest& request, Builder& builder);
Status LowerSliceCols(const LowerRequest& request, Builder& builder);
Status LowerMeanPool(const LowerRequest& request, Builder& builder);
Status LowerMoeRoute(const LowerRequest& request, Builder& builder);
Status LowerIm2Col(const LowerRequest& request, Builder& builder);

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_COMPILE_LOWER_H_
