// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <mutex>
#include <utility>

#include "emulators/kv_cache.h"
#include "emulators/npu/cost.h"
#include "emulators/npu/numerics.h"
#include "emulators/npu/steps.h"
#include "emulators/npu/vector_ops.h"
#include "models/ops/op.h"

namespace triptych::npu {
namespace {

// Charges any node by its demand; a derived class computes its values.
class ClosedFormStep : public Step {
 public:
  explicit ClosedFormStep(const Machine& machine) : machine_(machine) {}

  Picos Run(const StepContext& ctx) const override {
    if (ctx.values) Compute(ctx);
    const Demand demand =
        DemandOf(machine_.params, ctx.graph, ctx.node, ctx.binding);
    if (machine_.params.fidelity == "F0") return ChargeCounts(ctx, demand);
    return Charge(ctx, demand);
  }

 protected:
  virtual void Compute(const StepContext& ctx) const = 0;
  const Machine& machine_;

 private:
  // Arithmetic that takes no time.
  Picos ChargeCounts(const StepContext& ctx, const Demand& d) const {
    const Ids& id = machine_.ids;
    const auto charge = [&](UnitId unit, ActionId action, int64_t count) {
      ctx.Charge(unit, action, static_cast<uint64_t>(count), ctx.begin,
                 ctx.begin);
    };
    charge(id.array, id.mac, d.macs);
    charge(id.vector, id.vector_mac, d.vector_macs);
    charge(id.vector, id.vector_op, d.vector_ops);
    return ctx.begin;
  }

  // How long each part is at work.
  struct Times {
    Picos command, latency, memory, fill, array, macs, ops, scratchpad;
  };
  Times TimesOf(const Demand& d) const {
    const Params& p = machine_.params;
    const auto cycles = [&](double n) {
      return FromSeconds(n / p.clock.value);
    };
    const auto cores = static_cast<double>(p.cores);
    const double lanes = cores * static_cast<double>(p.vector_lanes);
    const auto transfer = [&](int64_t bytes) {
      return FromSeconds(static_cast<double>(bytes) /
                         DramBytesPerSecond(p.dram));
    };
    Times t;
    t.command = cycles(p.command_cycles);
    t.latency = FromSeconds(d.dram_bytes > 0 ? p.dram.latency_ns * 1e-9 : 0.0);
    t.memory = transfer(d.dram_bytes);
    t.fill = t.latency + transfer(std::min(d.first_tile_bytes, d.dram_bytes));
    t.array = cycles(static_cast<double>(d.array_cycles));
    t.macs = cycles(static_cast<double>(d.vector_macs) / lanes);
    t.ops = cycles(static_cast<double>(d.vector_ops) / lanes);
    t.scratchpad = cycles(static_cast<double>(d.scratchpad_bytes) /
                          (cores * p.scratchpad_bytes_per_cycle));
    return t;
  }

  // The parts work at once on neighbouring tiles; the slowest sets the pace.
  // The first tile has to arrive before, the command to be decoded.
  Picos Charge(const StepContext& ctx, const Demand& d) const {
    const Ids& id = machine_.ids;
    const Times t = TimesOf(d);
    const auto count = [](int64_t n) { return static_cast<uint64_t>(n); };
    const Picos start = ctx.begin + t.command;
    const Picos compute = start + t.fill;
    const Picos pace = std::max({t.array, t.macs + t.ops, t.scratchpad});
    const Picos end = std::max(start + t.latency + t.memory, compute + pace);

    ctx.Charge(id.front, id.command, 1, ctx.begin, start);
    ctx.Charge(id.dram, id.dram_byte, count(d.dram_bytes), start + t.latency,
               start + t.latency + t.memory);
    ctx.Charge(id.array, id.mac, count(d.macs), compute, compute + t.array);
    ctx.Charge(id.array, id.padding_mac, count(d.padding_macs), compute,
               compute + t.array, /*concurrent=*/true);
    ctx.Charge(id.vector, id.vector_mac, count(d.vector_macs), compute,
               compute + t.macs);
    ctx.Charge(id.vector, id.vector_op, count(d.vector_ops), compute + t.macs,
               compute + t.macs + t.ops);
    ctx.Charge(id.scratchpad, id.scratchpad_byte, count(d.scratchpad_bytes),
               compute, compute + t.scratchpad);
    ctx.Charge(id.power, id.leakage_ns,
               count(CeilDiv((end - ctx.begin).value, int64_t{1000})),
               ctx.begin, end, /*concurrent=*/true);
    return end;
  }
};

// Products with a side in f32: what is rounded is rounded, sums are f64.
class MatmulStep : public ClosedFormStep {
 public:
  MatmulStep(const Machine& machine, const Graph& graph, const Node& node,
             const Weights* weights)
      : ClosedFormStep(machine), graph_(graph), weights_(weights) {
    if (weights == nullptr || node.inputs.size() < 3) return;
    bias_ = weights->Rows(node.inputs[2]).vector();
  }

 protected:
  void Compute(const StepContext& ctx) const override {
    // Most such steps stand by for one of commands, which has weights already.
    std::call_once(once_, [&] { Round(ctx.node.inputs[1]); });
    rounded_.Multiply(ctx.inputs[0], bias_, ctx.output, ctx.threads);
  }

 private:
  void Round(ValueId weight) const {
    const Params& p = machine_.params;
    const auto known = machine_.calibration.Get(p, graph_, *weights_);
    rounded_ =
        RoundedWeights(weights_->Rows(weight),
                       {static_cast<int>(p.weight_bits),
                        static_cast<int>(p.activation_bits), p.weight_group},
                       p.quant, known->Of(weight));
  }

  const Graph& graph_;
  const Weights* weights_;
  mutable std::once_flag once_;
  mutable RoundedWeights rounded_;
  std::span<const float> bias_;
};

// Everything but matmul: the vector unit's functions, or the operator's plain
// evaluation where that is the same on every host.
class OtherStep : public ClosedFormStep {
 public:
  OtherStep(const Machine& machine, const Graph& graph, const Node& node,
            const Weights* weights)
      : ClosedFormStep(machine),
        run_(FindPlainOp(node.op->name)),
        head_dim_(node.op->name == "kv_append"
                      ? CacheHeadDim(graph, node.output)
                      : 0),
        weights_(node.inputs.size()) {
    if (weights != nullptr) weights_ = weights->InputsOf(graph, node);
  }

 protected:
  void Compute(const StepContext& ctx) const override {
    const int bits = static_cast<int>(machine_.params.attention_bits);
    if (ctx.node.op->name == "attention") {
      Attend(ctx, bits);
    } else if (ctx.node.op->name == "kv_append") {
      AppendHeads(ctx, head_dim_, [bits](std::span<float> head) {
        RoundRow(head, bits, head);
      });
    } else if (run_ != nullptr) {
      run_(ctx, weights_);
    } else {
      ctx.node.op->host({ctx.graph, ctx.node, ctx.binding, ctx.inputs, weights_,
                         ctx.output, ctx.capacity, ctx.threads});
    }
  }

 private:
  PlainOp run_;
  int64_t head_dim_;                 // of the cache that kv_append fills
  std::vector<WeightRows> weights_;  // by input slot
};

}  // namespace

std::unique_ptr<Step> MakeClosedFormStep(const Machine& machine,
                                         const Graph& graph, const Node& node,
                                         const Weights* weights) {
  if (node.op->name == "matmul") {
    return std::make_unique<MatmulStep>(machine, graph, node, weights);
  }
  return std::make_unique<OtherStep>(machine, graph, node, weights);
}

}  // namespace triptych::npu
