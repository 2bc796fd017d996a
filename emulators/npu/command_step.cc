// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <mutex>
#include <tuple>
#include <utility>

#include "emulators/npu/compile/matmul.h"
#include "emulators/npu/compile/segment.h"
#include "emulators/npu/compile/values.h"
#include "emulators/npu/machine.h"
#include "kernels/base/log.h"
#include "kernels/base/parallel.h"
#include "models/ops/op.h"

namespace triptych::npu {
namespace {

// The segments of one node, by binding. Decoding asks for another context
// every step, so only the latest few are kept. Thread-safe.
class Segments {
 public:
  Segments(const Params& params, const Graph& graph, const Node& node)
      : params_(params), graph_(graph), node_(node) {}

  // Null if the node does not fit the machine for this binding.
  std::shared_ptr<const Segment> Get(const Binding& b) const {
    const std::lock_guard lock(mutex_);
    const Key key{b.batch, b.tokens, b.context};
    const auto known = segments_.find(key);
    if (known != segments_.end()) return known->second;
    auto made = CompileNode(params_, graph_, node_, b);
    if (!made) {
      Log(LogLevel::kInfo, "npu",
          made.error().message + "; its cost is a closed form");
    }
    if (segments_.size() >= kMost) segments_.clear();
    return segments_[key] = made ? *made : nullptr;
  }

 private:
  static constexpr size_t kMost = 4;
  using Key = std::tuple<int64_t, int64_t, int64_t>;
  const Params& params_;
  const Graph& graph_;
  const Node& node_;
  mutable std::mutex mutex_;
  mutable std::map<Key, std::shared_ptr<const Segment>> segments_;
};

class CommandStep : public Step {
 public:
  CommandStep(const Machine& machine, const Graph& graph, const Node& node,
              const Weights* weights)
      : machine_(machine),
        closed_(MakeClosedFormStep(machine, graph, node, weights)),
        segments_(machine.params, graph, node) {
    if (weights == nullptr) return;
    std::shared_ptr<const WeightImage> image;
    if (node.op->name == "matmul") {
      const MatmulSize size = MatmulSizeOf(machine.params, graph, node, {});
      image = machine.images.Get(*weights, node.inputs[1], [&] {
        return MakeWeightImage(weights->Rows(node.inputs[1]), size.weight_bits,
                               size.group, MaxThreads());
      });
    }
    weights_ =
        std::make_unique<NodeWeights>(graph, node, *weights, std::move(image));
  }

  Picos Run(const StepContext& ctx) const override {
    const auto segment = segments_.Get(ctx.binding);
    if (segment == nullptr) return closed_->Run(ctx);
    if (ctx.values) {
      machine_.memories.With(
          [&] { return std::make_unique<Memory>(segment->stream.machine()); },
          [&](Memory& memory) {
            RunValues(machine_.params, *segment, *weights_, ctx, memory);
          });
    }
    return Charge(ctx, *segment);
  }

 private:
  Picos Charge(const StepContext& ctx, const Segment&) const {
    StepContext timing = ctx;
    timing.values = false;
    return closed_->Run(timing);
  }

  const Machine& machine_;
  std::unique_ptr<Step> closed_;
  Segments segments_;
  std::unique_ptr<NodeWeights> weights_;
};

}  // namespace

std::unique_ptr<Step> MakeCommandStep(const Machine& machine,
                                      const Graph& graph, const Node& node,
                                      const Weights* weights) {
  return std::make_unique<CommandStep>(machine, graph, node, weights);
}

}  // namespace triptych::npu
