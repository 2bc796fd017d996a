// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/compile/lower.h"

#include "models/ops/op.h"

namespace triptych::npu {
namespace {

struct Row {
  std::string_view op;
  Lowering lower;
};
constexpr Row kRows[] = {
    {"matmul", LowerMatmul},
    {"kv_append", LowerKvAppend},
    {"attention", LowerAttention},
    {"rmsnorm", LowerRmsNorm},
    {"layernorm", LowerLayerNorm},
    {"rope", LowerRope},
    {"softmax", LowerSoftmax},
    {"silu", LowerUnary},
    {"gelu_tanh", LowerUnary},
    {"gelu_erf", LowerUnary},
    {"tanh", LowerUnary},
    {"add", LowerBinary},
    {"mul", LowerBinary},
    {"modulate", LowerModulate},
    {"gated_add", LowerGatedAdd},
    {"add_rows", LowerAddRows},
    {"pos_embed", LowerPosEmbed},
    {"pos_sinusoid", LowerPosSinusoid},
    {"embed", LowerEmbed},
    {"select_rows", LowerSelectRows},
    {"concat_rows", LowerConcatRows},
    {"slice_cols", LowerSliceCols},
    {"im2col", LowerIm2Col},
    {"mean_pool", LowerMeanPool},
    {"moe_route", LowerMoeRoute},
};

// Whether the cache that `node` fills is read by attention with commands;
// latent caches are not.
bool IsReadByAttention(const Graph& graph, ValueId cache) {
  for (const Node& node : graph.nodes()) {
    if (node.op->name != "attention") continue;
    if (node.inputs[1] == cache || node.inputs[2] == cache) return true;
  }
  return false;
}

}  // namespace

Lowering FindLowering(std::string_view op) {
  for (const Row& row : kRows) {
    if (row.op == op) return row.lower;
  }
  return nullptr;
}

bool HasCommands(const Params& params, const Graph& graph, const Node& node) {
  if (params.schedule != "commands") return false;
  if (FindLowering(node.op->name) == nullptr) return false;
  if (node.op->name == "matmul") {
    return params.weight_bits > 0 && params.activation_bits > 0;
  }
  if (node.op->name == "attention") return params.attention_bits > 0;
  if (node.op->name == "kv_append") {
    return params.attention_bits > 0 && IsReadByAttention(graph, node.output);
  }
  return true;
}

}  // namespace triptych::npu
