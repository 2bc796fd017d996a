// Compile and Run: a graph as a sequence of placed steps.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "emulators/placement.h"
#include "emulators/target.h"
#include "kernels/base/check.h"

namespace triptych {
namespace {

struct Plan {
  const Entry* entry = nullptr;
  std::vector<Placed> placed;
};

class GraphProgram : public Program {
 public:
  GraphProgram(const Target& target, const Graph& graph, bool has_weights,
               std::span<const Side> sides,
               std::vector<std::unique_ptr<Step>> steps)
      : target_(target),
        graph_(graph),
        has_weights_(has_weights),
        steps_(std::move(steps)) {
    for (const Entry& entry : graph.entries()) {
      plans_.push_back({&entry, PlaceEntry(graph, entry, sides)});
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
    TRIPTYCH_TRY(CheckBinding(graph_, request));
    if (tensors != nullptr) {
      TRIPTYCH_TRY(CheckTensors(*plan, request, *tensors));
    }
    Picos now = ledger.makespan();
    Status failure;
    for (const Placed& placed : plan->placed) {
      now = WalkNode(target_, graph_, placed, *steps_[placed.node->id], request,
                     tensors, now, ledger, &failure);
      if (!failure) {
        return Locate(std::move(failure).error(),
                      fmt::format("{}: {}: node {}", target_.name(),
                                  graph_.name(), placed.node->name));
      }
    }
    return {};
  }

 private:
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
    for (const Placed& placed : plan.placed) {
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

  const Target& target_;
  const Graph& graph_;
  bool has_weights_;
  std::vector<std::unique_ptr<Step>> steps_;  // by node
  std::vector<Plan> plans_;                   // by entry
};

}  // namespace

Result<std::unique_ptr<Program>> Target::Compile(
    const Graph& graph, const Weights* weights,
    const CompileOptions& options) const {
  TRIPTYCH_CHECK(
      options.on_host.empty() || options.on_host.size() == graph.nodes().size(),
      "on_host", options.on_host.size(), "nodes", graph.nodes().size());
  std::vector<std::unique_ptr<Step>> steps;
  for (const Node& node : graph.nodes()) {
    const bool on_host = !options.on_host.empty() && options.on_host[node.id];
    TRIPTYCH_ASSIGN(auto step, LowerNode(*this, graph, node, weights, on_host));
    if (options.wrap) step = options.wrap(node, std::move(step));
    steps.push_back(std::move(step));
  }
  return std::make_unique<GraphProgram>(*this, graph, weights != nullptr,
                                        SidesOf(*this, graph, options.on_host),
                                        std::move(steps));
}

}  // namespace triptych
