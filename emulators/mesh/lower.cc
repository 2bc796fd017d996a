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

// A node with its sizes on one chip.
struct Bound {
  const Params& p;
  const Graph& graph;
  const Node& node;
  const Binding& binding;
  const Sharding& sharding;
  Work work;
  PlanSink* sink = nullptr;

  const Share& share() const { return sharding.Of(node.id); }
  int64_t sequence() const {
    return share().rows ? sharding.ways().sequence : 1;
  }
  // Chips that divide what an operator does to each element.
  int64_t ways() const { return share().columns * sequence(); }
  int64_t RowsOf(ValueId value) const {
    const int64_t rows = graph.value(value).shape.rows.Bind(binding);
    return sharding.RowsDivided(value) ? CeilDiv(rows, sharding.ways().sequence)
                                       : rows;
  }
  int64_t rows(size_t input) const { return RowsOf(node.inputs[input]); }
  int64_t cols(size_t input) const {
    return graph.value(node.inputs[input]).shape.cols;
  }
  DType activations() const { return FormatOf(p.activations); }
  int phases() const { return *PhasesFromName(p.fidelity); }
  MatmulProblem Matmul(int64_t m, int64_t k, int64_t n) const {
    const Formats formats = FormatsOf(p, node);
    return {.m = m,
            .k = k,
            .n = n,
            .activations = activations(),
            .weights = formats.weights,
            .phases = formats.phases};
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

// Weights that are in L1 when the product begins, but not for long.
void ReadAhead(const Params& p, const MatmulProblem& problem, Cost& cost) {
  const int64_t bytes =
      Tiles(problem.k) * Tiles(problem.n) * TileBytes(problem.weights);
  cost.dram_bytes += bytes;
  cost.noc_bytes += bytes;
  cost.dram = static_cast<double>(bytes) / p.dram_peak();
  cost.ahead = static_cast<double>(bytes) / p.dram_rate();
}

Cost MatmulCost(const Bound& b) {
  const int64_t n = b.graph.value(b.node.inputs[1]).shape.rows.coefficient;
  MatmulProblem problem =
      b.Matmul(b.rows(0), CeilDiv(b.cols(0), b.share().inner),
               CeilDiv(n, b.share().columns));
  const bool ahead = b.p.reads_ahead() && problem.m <= kTile;
  problem.resident = ahead || b.share().resident > 0;
  const MatmulPlan plan = b.Plan(problem);
  Cost cost = plan.cost;
  if (ahead && cost.dram_bytes == 0) ReadAhead(b.p, problem, cost);
  if (b.work.vector_flops > 0) {  // the bias, before a block is packed
    cost.sfpu = static_cast<double>(plan.core_m * plan.core_n) *
                static_cast<double>(kTileElements) / b.p.sfpu_lanes;
    cost.total += cost.sfpu;
  }
  return cost;
}

// What one chip does of an attention. Heads are divided first; where a KV
// head would be cut, sequences are, and then its queries' heads.
struct Heads {
  int64_t batch, heads, kv_heads, queries;
};
Heads SplitHeads(const Bound& b, int64_t heads, int64_t kv_heads) {
  const int64_t columns = b.share().columns;
  const int64_t by_head = std::min(columns, kv_heads);
  const int64_t by_batch = std::min(CeilDiv(columns, by_head), b.binding.batch);
  const int64_t by_query =
      std::clamp<int64_t>(columns / (by_head * by_batch), 1, heads / kv_heads);
  const int64_t mine = CeilDiv(kv_heads, by_head);
  Heads split{
      .batch = CeilDiv(b.binding.batch, by_batch),
      .heads = mine * CeilDiv(heads / kv_heads, by_query),
      .kv_heads = mine,
      .queries = b.graph.value(b.node.inputs[0]).shape.rows.Bind(b.binding) /
                 b.binding.batch};
  // A sequence of one new token is not divided: sequences are.
  int64_t& divided = split.queries > 1 ? split.queries : split.batch;
  divided = CeilDiv(divided, b.sequence());
  return split;
}

Cost AttentionCost(const Bound& b) {
  const Attributes& a = b.node.attributes;
  const int64_t head_dim = a.Int("head_dim");
  const Value& keys = b.graph.value(b.node.inputs[1]);
  const Heads split = SplitHeads(b, a.Int("heads"), a.Int("kv_heads"));
  const AttentionProblem problem{
      .batch = split.batch,
      .heads = split.heads,
      .kv_heads = split.kv_heads,
      .queries = split.queries,
      .keys = keys.shape.rows.Bind(b.binding) / b.binding.batch,
      .head_dim = head_dim,
      .v_dim = a.Int("v_dim", head_dim),
      .causal = a.Int("causal") != 0,
      .activations = b.activations(),
      .cache = keys.kind == ValueKind::kCache ? FormatOf(b.p.cache)
                                              : b.activations(),
      .phases = b.phases(),
      .vector_flops = static_cast<double>(b.work.vector_flops) /
                      static_cast<double>(b.ways())};
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

  const Heads split = SplitHeads(b, heads, heads);
  MatmulProblem up = b.Matmul(absorb ? CeilDiv(rows, b.sequence()) : keys, lora,
                              split.heads * (nope + v));
  up.resident = b.share().resident > 0;
  Cost cost = b.Plan(up).cost;
  AttentionProblem problem{
      .batch = split.batch,
      .heads = split.heads,
      .kv_heads = split.kv_heads,
      .queries = split.queries,
      .keys = binding.total(),
      .head_dim = nope + rope,
      .v_dim = v,
      .activations = b.activations(),
      .cache = FormatOf(b.p.cache),
      .phases = b.phases(),
      .vector_flops = static_cast<double>(b.work.vector_flops) /
                      static_cast<double>(b.ways())};
  if (absorb) {
    // All heads share one latent key: they are rows of one product.
    problem.heads = problem.kv_heads = 1;
    problem.queries = split.heads * split.queries;
    problem.head_dim = lora + rope;
    problem.v_dim = lora;
    problem.causal = false;
    problem.values_in_keys = true;
  }
  return cost.Then(b.Plan(problem));
}

// Of `experts` that fall at random on as many groups of chips, those of the
// group with most: the mean, and what the largest of n normal deviates adds.
double BusiestGroup(double experts, int64_t groups) {
  if (groups <= 1) return experts;
  const auto n = static_cast<double>(groups);
  const double mean = experts / n;
  return std::min(experts,
                  mean + std::sqrt(2 * mean * (1 - 1 / n) * std::log(n)));
}

// Experts one after the other: gate and up as one product, then down. A group
// of chips has its experts, and divides the inner columns of each.
Cost MoeCost(const Bound& b) {
  const int64_t rows = b.rows(0), k = b.cols(0);
  const int64_t groups = std::min(b.p.parallel_expert, b.share().columns);
  const int64_t inner =
      CeilDiv(b.cols(4), std::max<int64_t>(1, b.share().columns / groups));
  const double reached = BusiestGroup(ExpertsReached(b.node, rows), groups);
  const int64_t visits = CeilDiv(rows * b.node.attributes.Int("top_k"), groups);
  const auto each = std::max<int64_t>(
      1,
      static_cast<int64_t>(std::ceil(static_cast<double>(visits) / reached)));
  Cost expert = b.Plan(b.Matmul(each, k, 2 * inner), reached).cost;
  const Cost down = b.Plan(b.Matmul(each, inner, k), reached).cost;
  const double fills = expert.fill + down.fill;
  expert.Then(down).Repeat(reached);
  // One program for all experts has the next one's first weights on their way
  // while it computes.
  if (b.p.persistent()) {
    const double first = expert.total - (reached - 1) * fills;
    expert.total = std::max({first, expert.launch + expert.fill + expert.dram,
                             expert.launch + expert.fill + expert.noc});
  }
  // What is not a product, over all visits.
  expert.Then(
      b.Plan(VectorProblem{.rows = visits,
                           .cols = std::max(k, 2 * inner),
                           .in_elements = visits * 2 * inner,
                           .out_elements = visits * k,
                           .vector_flops = b.work.vector_flops / b.ways(),
                           .format = b.activations()}));
  if (groups > 1) {  // rows to their experts
    expert.And(CollectiveCost(b.p, Collective::kAllToAll, groups,
                              static_cast<double>(groups * visits * k) * 2));
  }
  return expert;
}

bool ReducesRows(std::string_view op) {
  return op == "rmsnorm" || op == "layernorm" || op == "softmax" ||
         op == "moe_route";
}

Cost VectorCost(const Bound& b) {
  const Work& w = b.work;
  const Shape& out = b.graph.value(b.node.output).shape;
  const int64_t ways = b.ways();
  const bool appends = w.cache_write_elements > 0;
  const int64_t rows = appends ? b.rows(0) : b.RowsOf(b.node.output);
  const bool table = b.node.op->name == "embed";
  const int64_t cols = CeilDiv(out.cols, b.share().columns);
  VectorProblem v{.rows = std::max<int64_t>(1, rows),
                  .cols = cols,
                  .in_elements = table ? 0 : CeilDiv(w.input_elements, ways),
                  .out_elements = CeilDiv(w.output_elements, ways),
                  .vector_flops = w.vector_flops / ways,
                  .format = b.activations(),
                  .reduces_rows = ReducesRows(b.node.op->name),
                  .program = FindVectorProgram(b.node.op->name)};
  v.dram_read_bytes =
      CeilDiv(w.weight_elements, b.share().columns) * kVectorWeightBytes;
  const double cache_byte = BitsPerElement(FormatOf(b.p.cache)) / 8;
  const auto cache_bytes = [&](int64_t elements) {
    return static_cast<int64_t>(
        std::ceil(static_cast<double>(elements) * cache_byte /
                  static_cast<double>(ways)));
  };
  v.dram_read_bytes += cache_bytes(w.cache_read_elements);
  v.dram_write_bytes = cache_bytes(w.cache_write_elements);
  if (appends && b.binding.tokens % kTile != 0) {
    // Exponents are shared within tiles: those that get new rows are read,
    // and written as a whole.
    const int64_t touched =
        CeilDiv(b.binding.batch, b.binding.tokens == 1 ? b.sequence() : 1) *
        CeilDiv(b.binding.tokens, kTile) * Tiles(cols) *
        TileBytes(FormatOf(b.p.cache));
    v.dram_read_bytes += touched;
    v.dram_write_bytes = std::max(v.dram_write_bytes, touched);
  }
  if (table) v.dram_page_bytes = cols * kVectorWeightBytes;
  return b.Plan(v);
}

Cost OneChip(const Bound& b) {
  const std::string_view op = b.node.op->name;
  if (op == "matmul") return MatmulCost(b);
  if (op == "moe_ffn") return MoeCost(b);
  if (op == "mla_attention") return MlaCost(b);
  if (op == "attention") return AttentionCost(b);
  return VectorCost(b);
}

int64_t ChipsAmong(const Ways& ways, Share::Among among) {
  switch (among) {
    case Share::Among::kTensor:
      return ways.tensor;
    case Share::Among::kStream:
      return ways.stream;
    case Share::Among::kOthers:
      return ways.others();
    case Share::Among::kSequence:
      return ways.sequence;
  }
  return 1;
}

// What chips exchange for it. Activations travel as they lie in L1: tiles; of
// a persistent program, which packs them for that, the rows that there are.
Cost MoveCost(const Bound& b, const Share::Move& move) {
  const Shape& shape = b.graph.value(move.value).shape;
  const int64_t rows = move.among == Share::Among::kSequence
                           ? shape.rows.Bind(b.binding)
                           : b.RowsOf(move.value);
  const int64_t sent =
      b.p.persistent() ? rows : b.p.RowTiles(rows) * b.p.tile_rows;
  const int64_t ways = ChipsAmong(b.sharding.ways(), move.among);
  // Statistics: a tile of each chip.
  const int64_t cols =
      move.statistics ? ways : CeilDiv(Tiles(shape.cols), move.parts);
  const DType format = b.graph.value(move.value).kind == ValueKind::kCache
                           ? FormatOf(b.p.cache)
                           : b.activations();
  return CollectiveCost(
      b.p, move.kind, ways,
      static_cast<double>(sent * cols * TileBytes(format)) / kTile);
}

// With so few rows every chip of a scattered stream gathers first, and norms
// all columns. Of one new token, each chip has its sequences' keys.
bool IsNeeded(const Bound& b, const Share::Move& move) {
  if (move.among == Share::Among::kSequence) {
    return b.binding.tokens > 1 ||
           b.graph.value(move.value).kind != ValueKind::kCache;
  }
  return !move.statistics || move.among != Share::Among::kTensor ||
         b.RowsOf(move.value) > kTile;
}

}  // namespace

Formats FormatsOf(const Params& p, const Node& node) {
  const bool mlp = node.name.contains("ffn.") || node.name.contains("moe.");
  const auto pick = [&](const std::string& of_mlp, const std::string& other) {
    return mlp && of_mlp != "same" ? of_mlp : other;
  };
  return {FormatOf(pick(p.mlp_weights, p.weights)),
          *PhasesFromName(pick(p.mlp_fidelity, p.fidelity))};
}

namespace {

// Has a program of its own.
bool IsLaunched(const Bound& b) {
  if (b.p.dispatch != "fused" || b.node.id == 0) return true;
  const Node& before = b.graph.node(b.node.id - 1);
  const std::string_view op = b.node.op->name;
  if (op == "matmul") {
    return before.op->name != "matmul" || before.inputs[0] != b.node.inputs[0];
  }
  const bool vector = b.node.op->kind == OpKind::kVector || op == "kv_append";
  return !vector || ReducesRows(op);
}

// The machine with what weights leave of L1, the operator's own apart: its
// plan counts them.
Params BesideWeights(Params p, const Sharding& sharding, const Node& node) {
  p.l1_reserved_bytes +=
      sharding.resident_bytes() - sharding.Of(node.id).resident;
  return p;
}

}  // namespace

Cost CostOf(const Params& params, const Graph& graph, const Node& node,
            const Binding& binding, const Sharding& sharding, PlanSink* sink) {
  const Params p = BesideWeights(params, sharding, node);
  const Bound bound{
      p, graph, node, binding, sharding, WorkOf(graph, node, binding), sink};
  Cost cost = OneChip(bound);
  const double between =
      IsLaunched(bound) ? p.between_cycles() : -p.launch_cycles;
  cost.launch += between;
  cost.total += between;
  for (const Share::Move& move : bound.share().moves) {
    if (!IsNeeded(bound, move)) continue;
    Cost exchange = MoveCost(bound, move);
    if (move.joined) {
      exchange.total = exchange.ethernet;
      exchange.launch = 0;
    } else if (move.statistics && p.dispatch == "fused") {
      exchange.total -= exchange.launch;
      exchange.launch = 0;
    }
    const double own = cost.total;
    cost.And(exchange);
    if (!move.hidden) continue;
    cost.launch -= exchange.launch;
    cost.total = std::max(own, exchange.total);
  }
  if (bound.share().stage) {
    const Shape& shape = graph.value(node.inputs[0]).shape;
    cost.And(CollectiveCost(
        p, Collective::kSend, 2,
        static_cast<double>(shape.rows.Bind(binding) * shape.cols * 2) /
            static_cast<double>(p.stage_chips())));
  }
  return cost;
}

}  // namespace triptych::mesh
