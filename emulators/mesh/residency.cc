// Weights that stay in L1, as long as there is room.
// SPDX-License-Identifier: Apache-2.0
#include <optional>

#include "emulators/mesh/lower.h"
#include "emulators/mesh/matmul_plan.h"
#include "emulators/mesh/sharding.h"
#include "emulators/mesh/tile.h"
#include "models/ops/op.h"

namespace triptych::mesh {
namespace {

// The product of `node` whose weights may stay in L1, as one chip has it (m is
// 1); nothing for experts and for a machine that keeps none.
std::optional<MatmulProblem> ResidentProduct(const Params& p,
                                             const Graph& graph,
                                             const Node& node,
                                             const Share& share) {
  if (p.resident != "dense") return std::nullopt;
  const Attributes& a = node.attributes;
  MatmulProblem product{.activations = FormatOf(p.activations),
                        .weights = FormatsOf(p, node).weights,
                        .resident = true};
  if (node.op->name == "matmul") {
    const Shape& w = graph.value(node.inputs[1]).shape;
    product.k = CeilDiv(w.cols, share.inner);
    product.n = CeilDiv(w.rows.coefficient, share.columns);
  } else if (node.op->name == "mla_attention") {
    product.k = a.Int("kv_lora");
    product.n = CeilDiv(a.Int("heads"), share.columns) *
                (a.Int("nope_dim") + a.Int("v_dim"));
  } else {
    return std::nullopt;
  }
  return product;
}

}  // namespace

int64_t Sharding::Keep(const Params& params) {
  const int64_t room = params.l1_free() - kLeastBufferBytes;
  int64_t left_out = 0;
  for (const Node& node : graph_.nodes()) {
    Share& share = shares_[node.id];
    const auto product = ResidentProduct(params, graph_, node, share);
    if (!product) continue;
    const int64_t bytes = ResidentCoreBytes(params, *product);
    if (resident_bytes_ + bytes > room) {
      ++left_out;
      continue;
    }
    share.resident = bytes;
    resident_bytes_ += bytes;
  }
  return left_out;
}

}  // namespace triptych::mesh
