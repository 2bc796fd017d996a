// Compile and Run: what is the same for every machine.
//
// Nodes run one after the other. A value lives on the host, on the device, or
// on both after it was moved; where it is needed is known when the graph is
// compiled, so every transfer is part of the schedule. Graph inputs start on
// the host and an entry's output ends there. A cache lives with the nodes
// that read it; a node on the other side sends the rows that it adds.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "emulators/target.h"
#include "kernels/base/check.h"
#include "kernels/base/log.h"
#include "models/ops/op.h"

namespace triptych {
namespace {

enum class Side : uint8_t { kHost, kDevice };

// The host computes in f32 and keeps everything so.
constexpr int64_t kHostElementBytes = 4;

bool WritesCache(const Graph& graph, const Node& node) {
  return graph.value(node.output).kind == ValueKind::kCache;
}

// ---- The host's part ----

class HostStep : public Step {
 public:
  HostStep(const HostParams& host, std::vector<ConstMatView<float>> weights)
      : host_(host), weights_(std::move(weights)) {}

  Picos Run(const StepContext& ctx) const override {
    if (ctx.values) {
      ctx.node.op->host({ctx.graph, ctx.node, ctx.binding, ctx.inputs, weights_,
                         ctx.output, ctx.capacity, ctx.threads});
    }
    return Charge(ctx, WorkOf(ctx.graph, ctx.node, ctx.binding));
  }

 private:
  // Arithmetic and memory overlap; matrix and vector work do not.
  Picos Charge(const StepContext& ctx, const Work& work) const {
    const auto matrix = FromSeconds(static_cast<double>(work.matrix_flops) /
                                    (host_.matrix_gflops * 1e9));
    const auto vector = FromSeconds(static_cast<double>(work.vector_flops) /
                                    (host_.vector_gflops * 1e9));
    const int64_t bytes =
        kHostElementBytes * (work.weight_elements + work.cache_read_elements +
                             work.cache_write_elements + work.input_elements +
                             work.output_elements);
    const auto memory =
        FromSeconds(static_cast<double>(bytes) / (host_.dram_gb_per_s * 1e9));
    const Picos after_matrix = ctx.begin + matrix;
    const Picos after_vector = after_matrix + vector;
    ctx.Charge(kHostCores, kHostMatrixFlop,
               static_cast<uint64_t>(work.matrix_flops), ctx.begin,
               after_matrix);
    ctx.Charge(kHostCores, kHostVectorFlop,
               static_cast<uint64_t>(work.vector_flops), after_matrix,
               after_vector);
    ctx.Charge(kHostDram, kHostDramByte, static_cast<uint64_t>(bytes),
               ctx.begin, ctx.begin + memory);
    return std::max(after_vector, ctx.begin + memory);
  }

  HostParams host_;
  std::vector<ConstMatView<float>> weights_;  // by input slot
};

// ---- The schedule ----

// One node in its place, with what has to move before and after it.
struct Placed {
  const Node* node = nullptr;
  const Step* step = nullptr;
  std::vector<ValueId> moves_before;
  bool cache_read_moves = false;
  bool cache_write_moves = false;
  bool output_moves = false;   // the entry's output, to the host
  std::vector<ValueId> drops;  // activations nobody needs after this
};

struct Plan {
  const Entry* entry = nullptr;
  std::vector<Placed> steps;
};

// Decides the transfers of one entry.
class Placer {
 public:
  Placer(const Graph& graph, const std::vector<Side>& sides,
         const std::vector<std::unique_ptr<Step>>& steps)
      : graph_(graph),
        sides_(sides),
        steps_(steps),
        cache_home_(graph.values().size(), Side::kHost),
        on_host_(graph.values().size()),
        on_device_(graph.values().size()) {
    for (const Node& node : graph.nodes()) {
      if (sides_[node.id] != Side::kDevice || WritesCache(graph, node)) {
        continue;
      }
      for (const ValueId input : node.inputs) {
        cache_home_[input] = Side::kDevice;
      }
    }
  }

  Plan Place(const Entry& entry) {
    for (const Value& value : graph_.values()) {
      on_host_[value.id] = value.kind == ValueKind::kInput;
      on_device_[value.id] = false;
    }
    Plan plan{&entry, {}};
    for (const Node& node : graph_.NodesOf(entry)) {
      plan.steps.push_back(PlaceNode(node));
    }
    FindDrops(plan);
    for (Placed& placed : plan.steps) {
      placed.output_moves =
          placed.node->output == entry.output && !on_host_[entry.output];
    }
    return plan;
  }

 private:
  Placed PlaceNode(const Node& node) {
    const Side side = sides_[node.id];
    std::vector<bool>& here = side == Side::kHost ? on_host_ : on_device_;
    Placed placed{.node = &node, .step = steps_[node.id].get()};
    const bool writes_cache = WritesCache(graph_, node);
    for (const ValueId input : node.inputs) {
      const ValueKind kind = graph_.value(input).kind;
      if (kind == ValueKind::kWeight) continue;
      if (kind == ValueKind::kCache) {
        const bool foreign = cache_home_[input] != side;
        const bool written = writes_cache && input == node.output;
        (written ? placed.cache_write_moves : placed.cache_read_moves) |=
            foreign;
      } else if (!here[input]) {
        placed.moves_before.push_back(input);
        here[input] = true;
      }
    }
    if (!writes_cache) here[node.output] = true;
    return placed;
  }

  void FindDrops(Plan& plan) const {
    std::vector<bool> needed(graph_.values().size());
    needed[plan.entry->output] = true;
    for (auto placed = plan.steps.rbegin(); placed != plan.steps.rend();
         ++placed) {
      const auto visit = [&](ValueId value) {
        if (graph_.value(value).kind != ValueKind::kActivation) return;
        if (!needed[value]) placed->drops.push_back(value);
        needed[value] = true;
      };
      visit(placed->node->output);
      for (const ValueId input : placed->node->inputs) visit(input);
    }
  }

  const Graph& graph_;
  const std::vector<Side>& sides_;
  const std::vector<std::unique_ptr<Step>>& steps_;
  std::vector<Side> cache_home_;
  std::vector<bool> on_host_, on_device_;
};

// ---- The program ----

class GraphProgram : public Program {
 public:
  GraphProgram(const Graph& graph, bool has_weights, const HostParams& host,
               int link_bits, std::vector<Side> sides,
               std::vector<std::unique_ptr<Step>> steps)
      : graph_(graph),
        has_weights_(has_weights),
        host_(host),
        link_bits_(link_bits),
        steps_(std::move(steps)) {
    Placer placer(graph, sides, steps_);
    for (const Entry& entry : graph.entries()) {
      plans_.push_back(placer.Place(entry));
    }
  }

  Status Run(const RunRequest& request, TensorStore* tensors,
             Ledger& ledger) const override {
    const auto plan = std::ranges::find_if(
        plans_, [&](const Plan& p) { return p.entry->phase == request.phase; });
    if (plan == plans_.end()) {
      return MakeError(ErrorCode::kNotFound,
                       fmt::format("{}: the graph has no {} phase",
                                   graph_.name(), PhaseName(request.phase)));
    }
    TRIPTYCH_TRY(CheckBinding(request));
    if (tensors != nullptr)
      TRIPTYCH_TRY(CheckTensors(*plan, request, *tensors));
    Picos now = ledger.makespan();
    for (const Placed& placed : plan->steps) {
      now = RunStep(placed, request, tensors, now, ledger);
    }
    return {};
  }

 private:
  Status CheckBinding(const RunRequest& request) const {
    const Binding& b = request.binding;
    if (b.batch < 1 || b.tokens < 1 || b.context < 0 ||
        (request.phase == Phase::kDecode && b.tokens != 1)) {
      return MakeError(
          ErrorCode::kInvalid,
          fmt::format("{}: batch {}, tokens {}, context {} is not allowed; "
                      "allowed batch >= 1, tokens >= 1 (decode: 1), "
                      "context >= 0",
                      graph_.name(), b.batch, b.tokens, b.context));
    }
    return {};
  }

  Status CheckTensors(const Plan& plan, const RunRequest& request,
                      TensorStore& tensors) const {
    const Binding& b = request.binding;
    if (!has_weights_) {
      return MakeError(ErrorCode::kInvalid,
                       graph_.name() +
                           ": compiled without weights; only timing-only "
                           "runs are allowed");
    }
    if (request.phase != Phase::kEncode &&
        (b.total() > tensors.capacity() || b.batch != tensors.batch())) {
      return MakeError(
          ErrorCode::kInvalid,
          fmt::format("{}: batch {} with context {} does not fit the caches; "
                      "allowed batch {} with context up to {}",
                      graph_.name(), b.batch, b.total(), tensors.batch(),
                      tensors.capacity()));
    }
    for (const Placed& placed : plan.steps) {
      for (const ValueId input : placed.node->inputs) {
        TRIPTYCH_TRY(CheckInput(graph_.value(input), b, tensors));
      }
    }
    return {};
  }

  Status CheckInput(const Value& value, const Binding& b,
                    TensorStore& tensors) const {
    if (value.kind != ValueKind::kInput) return {};
    const MatView<float> given = tensors.At(value.id);
    const int64_t rows = value.shape.rows.Bind(b);
    if (static_cast<int64_t>(given.rows()) == rows &&
        static_cast<int64_t>(given.cols()) == value.shape.cols) {
      return {};
    }
    return MakeError(ErrorCode::kInvalid,
                     fmt::format("{}: input {}: {} x {} is not allowed; "
                                 "allowed {} x {}",
                                 graph_.name(), value.name, given.rows(),
                                 given.cols(), rows, value.shape.cols));
  }

  Picos RunStep(const Placed& placed, const RunRequest& request,
                TensorStore* tensors, Picos begin, Ledger& ledger) const {
    const Node& node = *placed.node;
    const Binding& b = request.binding;
    const Work work = WorkOf(graph_, node, b);
    Picos now = begin;
    for (const ValueId value : placed.moves_before) {
      now = Move(node, SizeOf(value, b), now, ledger);
    }
    if (placed.cache_read_moves) {
      now = Move(node, work.cache_read_elements, now, ledger);
    }
    now = Compute(placed, request, tensors, now, ledger);
    if (placed.cache_write_moves) {
      now = Move(node, work.cache_write_elements, now, ledger);
    }
    if (placed.output_moves) {
      now = Move(node, SizeOf(node.output, b), now, ledger);
    }
    ledger.Add({node.id, kSchedule, kScheduleStep, 1, begin, now});
    if (tensors != nullptr) {
      for (const ValueId value : placed.drops) tensors->Drop(value);
    }
    return now;
  }

  Picos Compute(const Placed& placed, const RunRequest& request,
                TensorStore* tensors, Picos begin, Ledger& ledger) const {
    const Node& node = *placed.node;
    std::vector<ConstMatView<float>> inputs;
    MatView<float> output;
    if (tensors != nullptr) {
      for (const ValueId input : node.inputs) {
        const bool weight = graph_.value(input).kind == ValueKind::kWeight;
        inputs.push_back(weight ? ConstMatView<float>()
                                : ConstMatView<float>(tensors->At(input)));
      }
      output =
          WritesCache(graph_, node)
              ? tensors->At(node.output)
              : tensors->Make(
                    node.output,
                    graph_.value(node.output).shape.rows.Bind(request.binding),
                    graph_.value(node.output).shape.cols);
    }
    const StepContext context{
        .graph = graph_,
        .node = node,
        .binding = request.binding,
        .phase = request.phase,
        .values = tensors != nullptr,
        .inputs = inputs,
        .output = output,
        .capacity =
            tensors != nullptr ? tensors->capacity() : request.binding.total(),
        .seed = request.seed,
        .position = request.position,
        .threads = request.threads,
        .begin = begin,
        .ledger = ledger,
    };
    const Picos end = placed.step->Run(context);
    TRIPTYCH_CHECK(end >= begin, "node", node.name, "ends at", end.value,
                   "begins at", begin.value);
    return end;
  }

  int64_t SizeOf(ValueId value, const Binding& b) const {
    const Shape& shape = graph_.value(value).shape;
    return shape.rows.Bind(b) * shape.cols;
  }

  Picos Move(const Node& node, int64_t elements, Picos begin,
             Ledger& ledger) const {
    const auto bytes =
        static_cast<uint64_t>(CeilDiv(elements * link_bits_, int64_t{8}));
    const Picos end = begin + FromSeconds(host_.link_latency_us * 1e-6 +
                                          static_cast<double>(bytes) /
                                              (host_.link_gb_per_s * 1e9));
    ledger.Add({node.id, kLink, kLinkByte, bytes, begin, end});
    return end;
  }

  const Graph& graph_;
  bool has_weights_;
  HostParams host_;
  int link_bits_;
  std::vector<std::unique_ptr<Step>> steps_;  // by node
  std::vector<Plan> plans_;                   // by entry
};

}  // namespace

Result<std::unique_ptr<Program>> Target::Compile(const Graph& graph,
                                                 const Weights* weights) const {
  std::vector<Side> sides;
  std::vector<std::unique_ptr<Step>> steps;
  for (const Node& node : graph.nodes()) {
    const bool native = Supports(graph, node) == Support::kNative;
    sides.push_back(native && !is_host() ? Side::kDevice : Side::kHost);
    if (!native) {
      std::vector<ConstMatView<float>> views(node.inputs.size());
      if (weights != nullptr) views = weights->InputsOf(graph, node);
      steps.push_back(std::make_unique<HostStep>(host_, std::move(views)));
      continue;
    }
    auto step = Lower(graph, node, weights);
    if (!step) {
      return Locate(
          std::move(step).error(),
          fmt::format("{}: {}: node {}", name_, graph.name(), node.name));
    }
    TRIPTYCH_CHECK(*step != nullptr, "target", name_, "node", node.name);
    steps.push_back(std::move(*step));
  }
  return std::make_unique<GraphProgram>(graph, weights != nullptr, host_,
                                        link_bits(), std::move(sides),
                                        std::move(steps));
}

}  // namespace triptych
