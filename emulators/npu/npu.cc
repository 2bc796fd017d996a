// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/npu.h"

#include <algorithm>
#include <utility>

#include "emulators/kv_cache.h"
#include "emulators/npu/cost.h"
#include "emulators/npu/numerics.h"
#include "emulators/npu/predict.h"
#include "emulators/npu/vector_ops.h"
#include "emulators/packed_once.h"
#include "kernels/base/formats.h"
#include "kernels/base/parallel.h"

namespace triptych::npu {
namespace {

struct Ids {
  UnitId front, array, vector, scratchpad, dram, power;
  ActionId command, mac, padding_mac, vector_mac, vector_op, scratchpad_byte,
      dram_byte, leakage_ns;
};

class Npu : public Target {
 public:
  Npu(std::string_view preset, ParamSet set, const Params& params)
      : Target("npu", preset, std::move(set), params.host), params_(params) {
    ids_.front = AddUnit("front_end");
    ids_.array = AddUnit("array");
    ids_.vector = AddUnit("vector");
    ids_.scratchpad = AddUnit("scratchpad");
    ids_.dram = AddUnit("dram");
    ids_.power = AddUnit("power");
    const EnergyParams& e = params.energy;
    ids_.command =
        AddAction({"front.command", ActionClass::kOther, Joules(0), 0, Bytes(0),
                   Basis::kAssumed, "its energy is in power.leakage_ns"});
    ids_.mac = AddAction("array.mac", ActionClass::kMatrix,
                         "energy.mac_int8_pj", e.mac_int8, 2);
    ids_.padding_mac = AddAction("array.padding_mac", ActionClass::kPadding,
                                 "energy.mac_int8_pj", e.mac_int8, 2);
    ids_.vector_mac = AddAction("vector.mac", ActionClass::kMatrix,
                                "energy.vector_op_pj", e.vector_op, 2);
    ids_.vector_op = AddAction("vector.op", ActionClass::kVector,
                               "energy.vector_op_pj", e.vector_op, 1);
    ids_.scratchpad_byte =
        AddAction("scratchpad.byte", ActionClass::kMove,
                  "energy.scratchpad_byte_pj", e.scratchpad_byte, 0, 1);
    ids_.dram_byte = AddAction("dram.byte", ActionClass::kOffChip,
                               "energy.dram_byte_pj", e.dram_byte, 0, 1);
    // 1 W for 1 ns is 1000 pJ.
    ids_.leakage_ns = AddAction("power.leakage_ns", ActionClass::kOther,
                                "energy.leakage_w", e.leakage_w * 1e3);
  }

  Roofline roofline() const override {
    const auto macs = static_cast<double>(params_.cores * params_.array_rows *
                                          params_.array_cols);
    const auto bits = [](int64_t b) {
      return b == 0 ? 32.0 : static_cast<double>(b);
    };
    return {.matrix = FlopsPerSecond(2 * macs * params_.clock.value),
            .off_chip = BytesPerSecond(params_.dram.peak_gb_per_s * 1e9),
            .weight_bits = bits(params_.weight_bits),
            .cache_bits = bits(params_.attention_bits)};
  }
  Hertz clock() const override { return params_.clock; }
  bool bit_exact() const override { return true; }
  Precision precision() const override {
    const auto rounding = [](int64_t bits) {
      return bits == 0 ? Rounding{}
                       : Rounding{.of_max = 0.5 / QMax(static_cast<int>(bits))};
    };
    return {.activation = rounding(params_.activation_bits),
            .weight = rounding(params_.weight_bits)};
  }
  std::span<const MoreOf> resources() const override {
    static constexpr MoreOf kResources[] = {
        {"clock_hz", 2},
        {"dram.peak_gb_per_s", 2},
        {"scratchpad_bytes_per_cycle", 2},
        {"scratchpad_kib", 2},
        {"l2_kib", 2},
        {"vector.lanes", 2},
        {"command_cycles", 0.5},
        {"dram.latency_ns", 0.5},
    };
    return kResources;
  }
  Support Supports(const Graph&, const Node&) const override {
    return Support::kNative;
  }
  Result<std::unique_ptr<Step>> Lower(const Graph& graph, const Node& node,
                                      const Weights* weights) const override;
  Result<Prediction> Predict(std::string_view kind,
                             const OpSpec& spec) const override {
    Result<Prediction> own = PredictTable(params_, kind, spec);
    if (own || own.error().code != ErrorCode::kNotFound) return own;
    return Target::Predict(kind, spec);
  }

  const Params& parameters() const { return params_; }
  std::shared_ptr<const QuantizedWeights> Quantized(const Weights& weights,
                                                    ValueId weight) const {
    const Quantization q{static_cast<int>(params_.weight_bits),
                         static_cast<int>(params_.activation_bits),
                         params_.weight_group};
    return quantized_.Get(weights, weight, [&] {
      return QuantizedWeights(weights.Rows(weight), q, MaxThreads());
    });
  }
  const Ids& ids() const { return ids_; }

 private:
  Params params_;
  Ids ids_;
  mutable PackedOnce<QuantizedWeights> quantized_;
};

// Charges any node by its demand; a derived class computes its values.
class NpuStep : public Step {
 public:
  explicit NpuStep(const Npu& npu) : npu_(npu) {}

  Picos Run(const StepContext& ctx) const override {
    if (ctx.values) Compute(ctx);
    return Charge(
        ctx, DemandOf(npu_.parameters(), ctx.graph, ctx.node, ctx.binding));
  }

 protected:
  virtual void Compute(const StepContext& ctx) const = 0;
  const Npu& npu_;

 private:
  // How long each part is at work.
  struct Times {
    Picos command, latency, memory, fill, array, macs, ops, scratchpad;
  };
  Times TimesOf(const Demand& d) const {
    const Params& p = npu_.parameters();
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
    const Ids& id = npu_.ids();
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

class MatmulStep : public NpuStep {
 public:
  MatmulStep(const Npu& npu, const Node& node, const Weights* weights)
      : NpuStep(npu) {
    if (weights == nullptr) return;
    weights_ = npu.Quantized(*weights, node.inputs[1]);
    if (node.inputs.size() == 3) {
      bias_ = weights->Rows(node.inputs[2]).vector();
    }
  }

 protected:
  void Compute(const StepContext& ctx) const override {
    weights_->Multiply(ctx.inputs[0], bias_, ctx.output, ctx.threads);
  }

 private:
  std::shared_ptr<const QuantizedWeights> weights_;
  std::span<const float> bias_;
};

// Everything but matmul: the vector unit's functions, or the operator's plain
// evaluation where that is the same on every host.
class OtherStep : public NpuStep {
 public:
  OtherStep(const Npu& npu, const Graph& graph, const Node& node,
            const Weights* weights)
      : NpuStep(npu),
        run_(FindVectorOp(node.op->name)),
        head_dim_(node.op->name == "kv_append"
                      ? CacheHeadDim(graph, node.output)
                      : 0),
        weights_(node.inputs.size()) {
    if (weights != nullptr) weights_ = weights->InputsOf(graph, node);
  }

 protected:
  void Compute(const StepContext& ctx) const override {
    const int bits = static_cast<int>(npu_.parameters().attention_bits);
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
  VectorOp run_;
  int64_t head_dim_;                 // of the cache that kv_append fills
  std::vector<WeightRows> weights_;  // by input slot
};

Result<std::unique_ptr<Step>> Npu::Lower(const Graph& graph, const Node& node,
                                         const Weights* weights) const {
  if (node.op->name == "matmul") {
    return std::make_unique<MatmulStep>(*this, node, weights);
  }
  return std::make_unique<OtherStep>(*this, graph, node, weights);
}

}  // namespace

Result<std::unique_ptr<Target>> MakeNpu(std::string_view preset,
                                        const Config& config) {
  Params params;
  TRIPTYCH_ASSIGN(ParamSet set, LoadParams(config, params));
  if (params.weight_bits == 1 || params.activation_bits == 1 ||
      params.attention_bits == 1) {
    return MakeError(ErrorCode::kInvalid,
                     config.file() +
                         ": weight_bits, activation_bits and "
                         "attention_bits: 0 or 2 to 8");
  }
  return std::make_unique<Npu>(preset, std::move(set), params);
}

}  // namespace triptych::npu
