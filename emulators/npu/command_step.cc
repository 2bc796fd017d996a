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

class CommandStep : public Step {
 public:
  CommandStep(const Machine& machine, const Graph& graph, const Node& node,
              const Weights* weights)
      : machine_(machine),
        closed_(MakeClosedFormStep(machine, graph, node, weights)),
        segments_(
            [&machine, &graph, &node](const Binding& binding) {
              return CompileNode(machine.params, graph, node, binding);
            },
            "its cost is a closed form"),
        fusion_(machine.groups.FusionOf(machine.params, graph)),
        group_(fusion_->GroupOf(node.id)) {
    if (group_ != nullptr) {
      together_ =
          machine.groups.SegmentsOf(machine.params, graph, fusion_, *group_);
    }
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

  // A node of a group computes by its own commands, and takes the time of the
  // group's, which compute the same: the first node all of it.
  Picos Run(const StepContext& ctx) const override {
    const auto whole =
        together_ == nullptr ? nullptr : together_->Get(ctx.binding);
    const auto own =
        whole == nullptr || ctx.values ? segments_.Get(ctx.binding) : nullptr;
    if (whole == nullptr && own == nullptr) return closed_->Run(ctx);
    if (ctx.values) {
      if (own == nullptr) {
        ValuesAlone(ctx);
      } else {
        Values(ctx, *own);
      }
    }
    const triptych::Work work = WorkOf(ctx.graph, ctx.node, ctx.binding);
    if (machine_.params.fidelity == "F0") return ChargeCounts(ctx, work);
    if (whole == nullptr) return Charge(ctx, *own, work, work);
    if (ctx.node.id == group_->nodes.front()) {
      triptych::Work all;
      for (const NodeId id : group_->nodes) {
        all += WorkOf(ctx.graph, ctx.graph.node(id), ctx.binding);
      }
      return Charge(ctx, *whole, work, all);
    }
    return ChargeCounts(ctx, work);
  }

 private:
  // Arithmetic whose time is somebody else's, or nobody's.
  Picos ChargeCounts(const StepContext& ctx, const triptych::Work& work) const {
    const Ids& id = machine_.ids;
    ctx.Charge(id.array, id.mac, static_cast<uint64_t>(work.matrix_flops / 2),
               ctx.begin, ctx.begin);
    ctx.Charge(id.vector, id.vector_op,
               static_cast<uint64_t>(work.vector_flops), ctx.begin, ctx.begin);
    return ctx.begin;
  }
  void Values(const StepContext& ctx, const Segment& segment) const {
    machine_.memories.With(
        [&] { return std::make_unique<Memory>(segment.stream.machine()); },
        [&](Memory& memory) {
          RunValues(machine_.params, segment, *weights_, ctx, memory);
        });
  }
  // By the closed form's arithmetic; what that charges counts for nothing.
  void ValuesAlone(const StepContext& ctx) const {
    Ledger nowhere(Ledger::Mode::kTotals);
    closed_->Run({.graph = ctx.graph,
                  .node = ctx.node,
                  .binding = ctx.binding,
                  .phase = ctx.phase,
                  .values = true,
                  .inputs = ctx.inputs,
                  .output = ctx.output,
                  .capacity = ctx.capacity,
                  .seed = ctx.seed,
                  .position = ctx.position,
                  .threads = ctx.threads,
                  .begin = ctx.begin,
                  .ledger = nowhere});
  }

  // Layers differ in their marks alone.
  static std::string KeyOf(const Segment& segment) {
    std::vector<Command> commands = segment.commands;
    std::erase_if(commands,
                  [](const Command& c) { return c.opcode == Opcode::kMark; });
    std::string key;
    const auto append = [&key](const auto& values) {
      key.append(reinterpret_cast<const char*>(values.data()),
                 values.size() * sizeof(values[0]));
    };
    append(segment.layout.region_bytes);
    append(commands);
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
  // where it was longest. `work` is the node's, `all` is what the segment does.
  Picos Charge(const StepContext& ctx, const Segment& segment,
               const triptych::Work& work, const triptych::Work& all) const {
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
    const auto macs = static_cast<uint64_t>(work.matrix_flops / 2);
    const auto ops = static_cast<uint64_t>(work.vector_flops);
    const auto all_macs = static_cast<uint64_t>(all.matrix_flops / 2);
    const auto all_ops = static_cast<uint64_t>(all.vector_flops);
    const auto beyond = [](uint64_t done, uint64_t needed) {
      return done > needed ? done - needed : 0;
    };
    charge(id.front, id.command, r[Act::kCommand], busy(Part::kFrontEnd));
    charge(id.load, id.l2_byte, 0, busy(Part::kLoad));
    charge(id.store, id.l2_byte, 0, busy(Part::kStore));
    const Picos array = std::max(busy(Part::kArray), busy(Part::kWeights));
    charge(id.array, id.mac, macs, array);
    charge(id.array, id.padding_mac,
           beyond(r[Act::kMac] + r[Act::kPaddingMac], all_macs), array, true);
    charge(id.array, id.accumulator_byte, r[Act::kAccumulatorByte], array,
           true);
    const Picos vector = busy(Part::kVector);
    charge(id.vector, id.vector_op, ops, vector);
    charge(id.vector, id.other_op, beyond(r[Act::kVectorOp], all_ops), vector,
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
  std::shared_ptr<const Fusion> fusion_;
  const FusedGroup* group_ = nullptr;
  std::shared_ptr<const Segments> together_;  // null: no group
  std::unique_ptr<NodeWeights> weights_;
};

}  // namespace

std::shared_ptr<const Segment> Segments::Get(const Binding& b) const {
  const std::lock_guard lock(mutex_);
  const Key key{b.batch, b.tokens, b.context};
  const auto known = segments_.find(key);
  if (known != segments_.end()) return known->second;
  auto made = compile_(b);
  if (!made) {
    Log(LogLevel::kInfo, "npu", made.error().message + "; " + otherwise_);
  }
  if (segments_.size() >= kMost) segments_.clear();
  return segments_[key] = made ? *made : nullptr;
}

std::shared_ptr<const Fusion> Groups::FusionOf(const Params& params,
                                               const Graph& graph) {
  const std::lock_guard lock(mutex_);
  if (fusions_.size() >= kMost && !fusions_.contains(graph.id())) {
    fusions_.clear();
  }
  auto& fusion = fusions_[graph.id()];
  if (fusion == nullptr) fusion = std::make_shared<Fusion>(params, graph);
  return fusion;
}

std::shared_ptr<const Segments> Groups::SegmentsOf(
    const Params& params, const Graph& graph,
    const std::shared_ptr<const Fusion>& fusion, const FusedGroup& group) {
  const std::lock_guard lock(mutex_);
  std::erase_if(segments_,
                [](const auto& entry) { return entry.second.expired(); });
  const Key key{graph.id(), &graph, group.nodes.front()};
  auto shared = segments_[key].lock();
  if (shared == nullptr) {
    shared = std::make_shared<const Segments>(
        [&params, &graph, fusion, &group](const Binding& binding) {
          return CompileGroup(params, graph, *fusion, group, binding);
        },
        "its nodes are done one by one");
    segments_[key] = shared;
  }
  return shared;
}

std::unique_ptr<Step> MakeCommandStep(const Machine& machine,
                                      const Graph& graph, const Node& node,
                                      const Weights* weights) {
  return std::make_unique<CommandStep>(machine, graph, node, weights);
}

}  // namespace triptych::npu
