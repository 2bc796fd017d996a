// SPDX-License-Identifier: Apache-2.0
#include "emulators/placement.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "kernels/base/check.h"
#include "models/ops/op.h"

namespace triptych {
namespace {

// The host computes in f32 and keeps everything so.
constexpr int64_t kHostElementBytes = 4;

// ---- The host's part ----

class HostStep : public Step {
 public:
  HostStep(const HostParams& host, std::vector<WeightRows> weights)
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
  std::vector<WeightRows> weights_;  // by input slot
};

// ---- The schedule ----

// Decides the transfers of one entry.
class Placer {
 public:
  Placer(const Graph& graph, std::span<const Side> sides)
      : graph_(graph),
        sides_(sides),
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

  std::vector<Placed> Place(const Entry& entry) {
    for (const Value& value : graph_.values()) {
      on_host_[value.id] = value.kind == ValueKind::kInput;
    }
    std::vector<Placed> plan;
    for (const Node& node : graph_.NodesOf(entry)) {
      plan.push_back(PlaceNode(node));
    }
    FindDrops(plan, entry.output);
    for (Placed& placed : plan) {
      placed.output_moves =
          placed.node->output == entry.output && !on_host_[entry.output];
    }
    return plan;
  }

 private:
  Placed PlaceNode(const Node& node) {
    const Side side = sides_[node.id];
    std::vector<bool>& here = side == Side::kHost ? on_host_ : on_device_;
    Placed placed{.node = &node};
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

  void FindDrops(std::vector<Placed>& plan, ValueId output) const {
    std::vector<bool> needed(graph_.values().size());
    needed[output] = true;
    for (auto placed = plan.rbegin(); placed != plan.rend(); ++placed) {
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
  std::span<const Side> sides_;
  std::vector<Side> cache_home_;
  std::vector<bool> on_host_, on_device_;
};

// ---- One node ----

class Walker {
 public:
  Walker(const Target& target, const Graph& graph, const Placed& placed,
         const Step& step, const RunRequest& request, TensorStore* tensors,
         Ledger& ledger, Status* failure)
      : target_(target),
        graph_(graph),
        placed_(placed),
        node_(*placed.node),
        step_(step),
        request_(request),
        tensors_(tensors),
        ledger_(ledger),
        failure_(failure) {}

  Picos Walk(Picos begin) const {
    const Work work = WorkOf(graph_, node_, request_.binding);
    Picos now = begin;
    for (const ValueId value : placed_.moves_before) {
      now = Move(SizeOf(value), now);
    }
    if (placed_.cache_read_moves) now = Move(work.cache_read_elements, now);
    now = Compute(now);
    if (placed_.cache_write_moves) now = Move(work.cache_write_elements, now);
    if (placed_.output_moves) now = Move(SizeOf(node_.output), now);
    ledger_.Add({node_.id, kSchedule, kScheduleStep, 1, begin, now});
    if (tensors_ != nullptr) {
      for (const ValueId value : placed_.drops) tensors_->Drop(value);
    }
    return now;
  }

 private:
  Picos Compute(Picos begin) const {
    std::vector<ConstMatView<float>> inputs;
    MatView<float> output;
    if (tensors_ != nullptr) {
      for (const ValueId input : node_.inputs) {
        const bool weight = graph_.value(input).kind == ValueKind::kWeight;
        inputs.push_back(weight ? ConstMatView<float>()
                                : ConstMatView<float>(tensors_->At(input)));
      }
      const Shape& shape = graph_.value(node_.output).shape;
      output =
          WritesCache(graph_, node_)
              ? tensors_->At(node_.output)
              : tensors_->Make(node_.output, shape.rows.Bind(request_.binding),
                               shape.cols);
    }
    const StepContext context{
        .graph = graph_,
        .node = node_,
        .binding = request_.binding,
        .phase = request_.phase,
        .values = tensors_ != nullptr,
        .inputs = inputs,
        .output = output,
        .capacity = tensors_ != nullptr ? tensors_->capacity()
                                        : request_.binding.total(),
        .seed = request_.seed,
        .position = request_.position,
        .threads = request_.threads,
        .begin = begin,
        .ledger = ledger_,
        .failure = failure_,
    };
    const Picos end = step_.Run(context);
    TRIPTYCH_CHECK(end >= begin, "node", node_.name, "ends at", end.value,
                   "begins at", begin.value);
    return end;
  }

  int64_t SizeOf(ValueId value) const {
    const Shape& shape = graph_.value(value).shape;
    return shape.rows.Bind(request_.binding) * shape.cols;
  }

  Picos Move(int64_t elements, Picos begin) const {
    const HostParams& host = target_.host();
    const auto bytes = static_cast<uint64_t>(
        CeilDiv(elements * target_.link_bits(), int64_t{8}));
    const Picos end = begin + FromSeconds(host.link_latency_us * 1e-6 +
                                          static_cast<double>(bytes) /
                                              (host.link_gb_per_s * 1e9));
    ledger_.Add({node_.id, kLink, kLinkByte, bytes, begin, end});
    return end;
  }

  const Target& target_;
  const Graph& graph_;
  const Placed& placed_;
  const Node& node_;
  const Step& step_;
  const RunRequest& request_;
  TensorStore* tensors_;
  Ledger& ledger_;
  Status* failure_;
};

}  // namespace

bool WritesCache(const Graph& graph, const Node& node) {
  return graph.value(node.output).kind == ValueKind::kCache;
}

Side SideOf(const Target& target, const Graph& graph, const Node& node) {
  const bool native = target.Supports(graph, node) == Support::kNative;
  return native && !target.is_host() ? Side::kDevice : Side::kHost;
}

std::vector<Side> SidesOf(const Target& target, const Graph& graph,
                          const std::vector<bool>& on_host) {
  std::vector<Side> sides;
  for (const Node& node : graph.nodes()) {
    const bool sent = !on_host.empty() && on_host[node.id];
    sides.push_back(sent ? Side::kHost : SideOf(target, graph, node));
  }
  return sides;
}

std::vector<Placed> PlaceEntry(const Graph& graph, const Entry& entry,
                               std::span<const Side> sides) {
  return Placer(graph, sides).Place(entry);
}

Result<std::unique_ptr<Step>> LowerNode(const Target& target,
                                        const Graph& graph, const Node& node,
                                        const Weights* weights, bool on_host) {
  if (on_host || target.Supports(graph, node) != Support::kNative) {
    std::vector<WeightRows> inputs(node.inputs.size());
    if (weights != nullptr) inputs = weights->InputsOf(graph, node);
    return std::make_unique<HostStep>(target.host(), std::move(inputs));
  }
  auto step = target.Lower(graph, node, weights);
  if (!step) {
    return Locate(
        std::move(step).error(),
        fmt::format("{}: {}: node {}", target.name(), graph.name(), node.name));
  }
  TRIPTYCH_CHECK(*step != nullptr, "target", target.name(), "node", node.name);
  return step;
}

Status CheckBinding(const Graph& graph, const RunRequest& request) {
  const Binding& b = request.binding;
  if (b.batch >= 1 && b.tokens >= 1 && b.context >= 0 &&
      (request.phase != Phase::kDecode || b.tokens == 1)) {
    return {};
  }
  return MakeError(
      ErrorCode::kInvalid,
      fmt::format("{}: batch {}, tokens {}, context {} is not allowed; "
                  "allowed batch >= 1, tokens >= 1 (decode: 1), "
                  "context >= 0",
                  graph.name(), b.batch, b.tokens, b.context));
}

Picos WalkNode(const Target& target, const Graph& graph, const Placed& placed,
               const Step& step, const RunRequest& request,
               TensorStore* tensors, Picos begin, Ledger& ledger,
               Status* failure) {
  return Walker(target, graph, placed, step, request, tensors, ledger, failure)
      .Walk(begin);
}

}  // namespace triptych
