// The op table.
// SPDX-License-Identifier: Apache-2.0
#include "models/ops/ops.h"

#include "models/ops/op_util.h"

namespace triptych {
namespace {

constexpr OpDef kOps[] = {
    {"embed", OpKind::kData, "y[r] = table[ids[r]]", EmbedShape, EmbedWork,
     EmbedReference, EmbedHost},
    {"pos_embed", OpKind::kVector, "y[r] = x[r] + table[position of r]",
     PosEmbedShape, PosEmbedWork, PosEmbedReference, PosEmbedHost},
    {"pos_sinusoid", OpKind::kVector, "y[r] = x[r] + sinusoid(position of r)",
     PosSinusoidShape, PosSinusoidWork, PosSinusoidReference, PosSinusoidHost},
    {"add_rows", OpKind::kVector, "y[r] = x[r] + w[r mod rows of w]",
     AddRowsShape, AddRowsWork, AddRowsReference, AddRowsHost},
    {"matmul", OpKind::kMatmul, "C[m,n] = A[m,k] * W[n,k]^T + bias[n]",
     MatmulShape, MatmulWork, MatmulReference, MatmulHost},
    {"rmsnorm", OpKind::kVector, "y = x / sqrt(mean(x^2) + eps) * w",
     RmsNormShape, RmsNormWork, RmsNormReference, RmsNormHost},
    {"layernorm", OpKind::kVector, "y = (x - mean) / sqrt(var + eps) * w + b",
     LayerNormShape, LayerNormWork, LayerNormReference, LayerNormHost},
    {"rope", OpKind::kVector, "turns pairs of features by the position",
     RopeShape, RopeWork, RopeReference, RopeHost},
    {"kv_append", OpKind::kData, "cache[context + i] = x[i]", KvAppendShape,
     KvAppendWork, KvAppendReference, KvAppendHost},
    {"attention", OpKind::kAttention,
     "softmax(scale Q K^T + mask) V, a head at a time", AttentionOpShape,
     AttentionWork, AttentionReference, AttentionHost},
    {"mla_attention", OpKind::kAttention, "attention over a latent cache",
     MlaAttentionShape, MlaAttentionWork, MlaAttentionReference,
     MlaAttentionHost},
    {"softmax", OpKind::kVector, "y = exp(x - max) / sum, a row at a time",
     SameAsFirst, SoftmaxWork, SoftmaxReference, SoftmaxHost},
    {"silu", OpKind::kVector, "y = x / (1 + exp(-x))", SameAsFirst, SiluWork,
     SiluReference, SiluHost},
    {"gelu_tanh", OpKind::kVector, "GELU by tanh", SameAsFirst, GeluTanhWork,
     GeluTanhReference, GeluTanhHost},
    {"gelu_erf", OpKind::kVector, "GELU by erf", SameAsFirst, GeluErfWork,
     GeluErfReference, GeluErfHost},
    {"tanh", OpKind::kVector, "y = tanh(x)", SameAsFirst, TanhWork,
     TanhReference, TanhHost},
    {"add", OpKind::kVector, "y = a + b", BinaryShape, BinaryWork, AddReference,
     AddHost},
    {"mul", OpKind::kVector, "y = a * b", BinaryShape, BinaryWork, MulReference,
     MulHost},
    {"modulate", OpKind::kVector, "y = x * (1 + scale) + shift", ModulateShape,
     ModulateWork, ModulateReference, ModulateHost},
    {"gated_add", OpKind::kVector, "y = x + r * gate", GatedAddShape,
     GatedAddWork, GatedAddReference, GatedAddHost},
    {"moe_route", OpKind::kVector, "chooses experts and weighs them",
     MoeRouteShape, MoeRouteWork, MoeRouteReference, MoeRouteHost},
    {"moe_ffn", OpKind::kMatmul, "the chosen experts' SwiGLU networks",
     MoeFfnShape, MoeFfnWork, MoeFfnReference, MoeFfnHost},
    {"select_rows", OpKind::kData, "the first or last row of each sequence",
     SelectRowsShape, SelectRowsWork, SelectRowsReference, SelectRowsHost},
    {"mean_pool", OpKind::kVector, "the mean of each sequence's rows",
     SelectRowsShape, MeanPoolWork, MeanPoolReference, MeanPoolHost},
    {"concat_rows", OpKind::kData, "weight rows before each sequence's rows",
     ConcatRowsShape, ConcatRowsWork, ConcatRowsReference, ConcatRowsHost},
    {"im2col", OpKind::kData, "windows of rows, for convolutions", Im2ColShape,
     Im2ColWork, Im2ColReference, Im2ColHost},
    {"slice_cols", OpKind::kData, "some of the columns", SliceColsShape,
     SliceColsWork, SliceColsReference, SliceColsHost},
};

}  // namespace

Work& Work::operator+=(const Work& o) {
  matrix_flops += o.matrix_flops;
  vector_flops += o.vector_flops;
  weight_elements += o.weight_elements;
  cache_read_elements += o.cache_read_elements;
  cache_write_elements += o.cache_write_elements;
  input_elements += o.input_elements;
  output_elements += o.output_elements;
  return *this;
}

std::span<const OpDef> AllOps() { return kOps; }

const OpDef* FindOp(std::string_view name) {
  for (const OpDef& op : kOps) {
    if (op.name == name) return &op;
  }
  return nullptr;
}

Work WorkOf(const Graph& graph, const Entry& entry, const Binding& binding) {
  Work total;
  for (const Node& node : graph.NodesOf(entry)) {
    total += node.op->work(graph, node, binding);
  }
  return total;
}

}  // namespace triptych
