// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <tuple>
#include <utility>

#include "emulators/npu/compile/matmul.h"
#include "emulators/npu/compile/segment.h"
#include "emulators/npu/compile/values.h"
#include "emulators/npu/steps.h"
#include "kernels/base/check.h"
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
        const auto known =
            machine.calibration.Get(machine.params, graph, *weights);
        return MakeWeightImage(weights->Rows(node.inputs[1]),
                               size.layout(SizeOf(machine.params, {})),
                               MaxThreads(), machine.params.quant,
                               known->Of(node.inputs[1]));
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
  // Layers differ in their marks alone.
  static std::string KeyOf(const Segment& segment) {
    std::string key;
    const auto append = [&key](const auto& values) {
      key.append(reinterpret_cast<const char*>(values.data()),
                 values.size() * sizeof(values[0]));
    };
    append(segment.layout.region_bytes);
    append(std::span(segment.commands).subspan(1));
    return key;
  }

  std::shared_ptr<const TimingReport> Time(const Segment& segment) const {
    return machine_.reports.Get(KeyOf(segment), [&] {
      TimingReport report;
      machine_.timings.With(
          [&] {
            auto timing = Timing::Make(machine_.params);
            TRIPTYCH_CHECK(timing.has_value(),
                           timing ? "" : timing.error().message);
            return std::make_unique<Timing>(std::move(*timing));
          },
          [&](Timing& timing) {
            // Half way between two refreshes: on average over segments of any
            // length, as many fall into one as do in the long run.
            const double phase =
                machine_.params.dram.refresh_every_ns * 1e-9 / 2;
            auto result =
                timing.Run(segment.stream, {.begin = FromSeconds(phase)});
            TRIPTYCH_CHECK(result.has_value(),
                           result ? "" : result.error().message);
            report = std::move(*result);
          });
      return report;
    });
  }

  // A unit is charged from the start on for as long as it was busy on the core
  // where it was longest.
  Picos Charge(const StepContext& ctx, const Segment& segment) const {
    const auto report = Time(segment);
    const TimingReport& r = *report;
    const Ids& id = machine_.ids;
    const auto after = [&](int64_t cycles) {
      return ctx.begin + FromSeconds(static_cast<double>(cycles) /
                                     machine_.params.clock.value);
    };
    const auto busy = [&](Part part) {
      int64_t most = 0;
      for (int c = 0; c < static_cast<int>(r.cores.size()); ++c) {
        most = std::max(most, r.busy(c, part));
      }
      return after(most);
    };
    const auto charge = [&](UnitId unit, ActionId action, uint64_t count,
                            Picos end, bool concurrent = false) {
      ctx.Charge(unit, action, count, ctx.begin, end, concurrent);
    };
    const Picos end = after(r.cycles);
    const triptych::Work work = WorkOf(ctx.graph, ctx.node, ctx.binding);
    const auto macs = static_cast<uint64_t>(work.matrix_flops / 2);
    const auto ops = static_cast<uint64_t>(work.vector_flops);
    const auto beyond = [](uint64_t done, uint64_t needed) {
      return done > needed ? done - needed : 0;
    };
    charge(id.front, id.command, r[Act::kCommand], busy(Part::kFrontEnd));
    charge(id.load, id.l2_byte, 0, busy(Part::kLoad));
    charge(id.store, id.l2_byte, 0, busy(Part::kStore));
    const Picos array = std::max(busy(Part::kArray), busy(Part::kWeights));
    charge(id.array, id.mac, macs, array);
    charge(id.array, id.padding_mac,
           beyond(r[Act::kMac] + r[Act::kPaddingMac], macs), array, true);
    charge(id.array, id.accumulator_byte, r[Act::kAccumulatorByte], array,
           true);
    const Picos vector = busy(Part::kVector);
    charge(id.vector, id.vector_op, ops, vector);
    charge(id.vector, id.other_op, beyond(r[Act::kVectorOp], ops), vector,
           true);
    charge(id.vector, id.special_op, r[Act::kSpecialOp], vector, true);
    charge(id.scratchpad, id.scratchpad_byte, r[Act::kScratchpadByte], end,
           true);
    charge(id.l2, id.l2_byte, r[Act::kL2Byte], after(r.l2_busy));
    const Picos dram = after(r.dram_busy);
    charge(id.dram, id.dram_byte, r[Act::kDramByte], dram);
    charge(id.dram, id.dram_activation, r[Act::kDramActivation], dram, true);
    charge(
        id.power, id.leakage_ns,
        static_cast<uint64_t>(CeilDiv((end - ctx.begin).value, int64_t{1000})),
        end, true);
    return end;
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
