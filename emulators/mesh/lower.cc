// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/lower.h"

#include <algorithm>
#include <cmath>

#include "emulators/mesh/tile.h"
#include "models/ops/op.h"
#include "models/ops/ops.h"

namespace triptych::mesh {
namespace {

// Weights of vector operators are kept in bf16: they are few.
constexpr int64_t kVectorWeightBytes = 2;

// A node with its sizes.
struct Bound {
  const Params& p;
  const Graph& graph;
  const Node& node;
  const Binding& binding;
  Work work;
  PlanSink* sink = nullptr;

  int64_t rows(size_t input) const {
    return graph.value(node.inputs[input]).shape.rows.Bind(binding);
  }
  int64_t cols(size_t input) const {
    return graph.value(node.inputs[input]).shape.cols;
  }
  DType activations() const { return FormatOf(p.activations); }
  int phases() const { return *PhasesFromName(p.fidelity); }
  MatmulProblem Matmul(int64_t m, int64_t k, int64_t n) const {
    return {.m = m,
            .k = k,
            .n = n,
            .activations = activations(),
            .weights = FormatOf(p.weights),
            .phases = phases()};
  }

  // Plans that run `times` times.
  MatmulPlan Plan(const MatmulProblem& problem, double times = 1) const {
    const MatmulPlan plan = PlanMatmul(p, problem);
    if (sink != nullptr) sink->OnMatmul(problem, plan, times);
    return plan;
  }
  Cost Plan(const AttentionProblem& problem) const {
    const AttentionPlan plan = PlanAttention(p, problem);
    if (sink != nullptr) sink->OnAttention(problem, plan, 1);
    return plan.cost;
  }
  Cost Plan(const VectorProblem& problem) const {
    const Cost cost = PlanVector(p, problem);
    if (sink != nullptr) sink->OnVector(problem, cost, 1);
    return cost;
  }
};

Cost MatmulCost(const Bound& b) {
  const int64_t n = b.graph.value(b.node.inputs[1]).shape.rows.coefficient;
  const MatmulPlan plan = b.Plan(b.Matmul(b.rows(0), b.cols(0), n));
  Cost cost = plan.cost;
  if (b.work.vector_flops > 0) {  // the bias, before a block is packed
    cost.sfpu = static_cast<double>(plan.core_m * plan.core_n) *
                static_cast<double>(kTileElements) / b.p.sfpu_lanes;
    cost.total += cost.sfpu;
  }
  return cost;
}

Cost AttentionCost(const Bound& b) {
  const Attributes& a = b.node.attributes;
  const int64_t head_dim = a.Int("head_dim");
  const Value& keys = b.graph.value(b.node.inputs[1]);
  const AttentionProblem problem{
      .batch = b.binding.batch,
      .heads = a.Int("heads"),
      .kv_heads = a.Int("kv_heads"),
      .queries = b.rows(0) / b.binding.batch,
      .keys = b.rows(1) / b.binding.batch,
      .head_dim = head_dim,
      .v_dim = a.Int("v_dim", head_dim),
      .causal = a.Int("causal") != 0,
      .activations = b.activations(),
      .cache = keys.kind == ValueKind::kCache ? FormatOf(b.p.cache)
                                              : b.activations(),
      .phases = b.phases(),
      .vector_flops = static_cast<double>(b.work.vector_flops)};
  return b.Plan(problem);
}

// The up-projection is a product with weights; then attention over what it
// gives. Which of the two orders (models/ops/mla_attention.cc) is that of
// the operator's own count.
Cost MlaCost(const Bound& b) {
  const Attributes& a = b.node.attributes;
  const int64_t heads = a.Int("heads"), lora = a.Int("kv_lora");
  const int64_t nope = a.Int("nope_dim"), rope = a.Int("rope_dim");
  const int64_t v = a.Int("v_dim");
  const Binding& binding = b.binding;
  const int64_t rows = binding.batch * binding.tokens;
  const int64_t keys = binding.batch * binding.total();
  const int64_t scores = binding.batch * heads *
                         (binding.tokens * binding.context +
                          binding.tokens * (binding.tokens + 1) / 2);
  const int64_t absorbed =
      2 * rows * heads * lora * (nope + v) + 2 * scores * (2 * lora + rope);
  const bool absorb = b.work.matrix_flops == absorbed;

  Cost cost =
      b.Plan(b.Matmul(absorb ? rows : keys, lora, heads * (nope + v))).cost;
  AttentionProblem problem{
      .batch = binding.batch,
      .heads = heads,
      .kv_heads = heads,
      .queries = binding.tokens,
      .keys = binding.total(),
      .head_dim = nope + rope,
      .v_dim = v,
      .activations = b.activations(),
      .cache = FormatOf(b.p.cache),
      .phases = b.phases(),
      .vector_flops = static_cast<double>(b.work.vector_flops)};
  if (absorb) {
    // All heads share one latent key: they are rows of one product.
    problem.heads = problem.kv_heads = 1;
    problem.queries = heads * binding.tokens;
    problem.head_dim = lora + rope;
    problem.v_dim = lora;
    problem.causal = false;
  }
  return cost.Then(b.Plan(problem));
}

// Experts one after the other: gate and up as one product, then down.
Cost MoeCost(const Bound& b) {
  const int64_t rows = b.rows(0), k = b.cols(0), inner = b.cols(4);
  const double reached = ExpertsReached(b.node, rows);
  const int64_t visits = rows * b.node.attributes.Int("top_k");
  const auto each =
      static_cast<int64_t>(std::ceil(static_cast<double>(visits) / reached));
  Cost expert = b.Plan(b.Matmul(each, k, 2 * inner), reached).cost;
  expert.Then(b.Plan(b.Matmul(each, inner, k), reached).cost).Repeat(reached);
  // What is not a product, over all visits.
  return expert.Then(b.Plan(VectorProblem{.rows = visits,
                                          .cols = std::max(k, 2 * inner),
                                          .in_elements = visits * 2 * inner,
                                          .out_elements = visits * k,
                                          .vector_flops = b.work.vector_flops,
                                          .format = b.activations()}));
}

bool ReducesRows(std::string_view op) {
  return op == "rmsnorm" || op == "layernorm" || op == "softmax" ||
         op == "moe_route";
}

Cost VectorCost(const Bound& b) {
  const Work& w = b.work;
  const Shape& out = b.graph.value(b.node.output).shape;
  const int64_t rows = std::max<int64_t>(1, out.rows.Bind(b.binding));
  const bool table = b.node.op->name == "embed";
  VectorProblem v{.rows = rows,
                  .cols = out.cols,
                  .in_elements = table ? 0 : w.input_elements,
                  .out_elements = w.output_elements,
                  .vector_flops = w.vector_flops,
                  .format = b.activations(),
                  .reduces_rows = ReducesRows(b.node.op->name)};
  v.dram_read_bytes = w.weight_elements * kVectorWeightBytes;
  const DType cache = FormatOf(b.p.cache);
  v.dram_read_bytes += static_cast<int64_t>(std::ceil(
      static_cast<double>(w.cache_read_elements) * BitsPerElement(cache) / 8));
  v.dram_write_bytes = static_cast<int64_t>(std::ceil(
      static_cast<double>(w.cache_write_elements) * BitsPerElement(cache) / 8));
  if (table) v.dram_page_bytes = out.cols * kVectorWeightBytes;
  if (w.cache_write_elements > 0) v.rows = b.rows(0);
  return b.Plan(v);
}

}  // namespace

Cost CostOf(const Params& params, const Graph& graph, const Node& node,
            const Binding& binding, PlanSink* sink) {
  const Bound bound{params, graph, node, binding, WorkOf(graph, node, binding),
                    sink};
  const std::string_view op = node.op->name;
  if (op == "matmul") return MatmulCost(bound);
  if (op == "moe_ffn") return MoeCost(bound);
  if (op == "mla_attention") return MlaCost(bound);
  if (op == "attention") return AttentionCost(bound);
  return VectorCost(bound);
}

}  // namespace triptych::mesh
