// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/npu.h"

#include <algorithm>
#include <utility>

#include "emulators/npu/compile/lower.h"
#include "emulators/npu/predict.h"
#include "emulators/npu/steps.h"
#include "kernels/base/formats.h"

namespace triptych::npu {
namespace {

class Npu : public Target {
 public:
  Npu(std::string_view preset, ParamSet set, const Params& params)
      : Target("npu", preset, std::move(set), params.host) {
    machine_.params = params;
    Ids& ids = machine_.ids;
    AddUnits(ids);
    AddActions(ids, params.energy);
  }

  Roofline roofline() const override {
    const auto macs =
        static_cast<double>(machine_.params.cores * machine_.params.array_rows *
                            machine_.params.array_cols);
    const auto bits = [](int64_t b) {
      return b == 0 ? 32.0 : static_cast<double>(b);
    };
    return {
        .matrix = FlopsPerSecond(2 * macs * machine_.params.clock.value),
        .off_chip = BytesPerSecond(machine_.params.dram.peak_gb_per_s * 1e9),
        .weight_bits = bits(machine_.params.weight_bits),
        .cache_bits = bits(machine_.params.attention_bits)};
  }
  Hertz clock() const override { return machine_.params.clock; }
  bool bit_exact() const override { return true; }
  Precision precision() const override {
    const auto rounding = [](int64_t bits) {
      return bits == 0 ? Rounding{}
                       : Rounding{.of_max = 0.5 / QMax(static_cast<int>(bits))};
    };
    return {.activation = rounding(machine_.params.activation_bits),
            .weight = rounding(machine_.params.weight_bits)};
  }
  std::span<const MoreOf> resources() const override {
    static constexpr MoreOf kResources[] = {
        {"clock_hz", 2},
        {"dram.peak_gb_per_s", 2},
        {"scratchpad_bytes_per_cycle", 2},
        {"scratchpad_kib", 2},
        {"l2_kib", 2},
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
    Result<Prediction> own = PredictTable(machine_.params, kind, spec);
    if (own || own.error().code != ErrorCode::kNotFound) return own;
    return Target::Predict(kind, spec);
  }

 private:
  // That it gives what a graph with, or without, weights is run for.
  Status CheckFidelity(bool values) const {
    const std::string& f = machine_.params.fidelity;
    if (values && f == "F2") {
      return MakeError(ErrorCode::kInvalid,
                       "fidelity: F2 computes no values; allowed F0, F1, F3, "
                       "or a run by shape alone");
    }
    if (!values && f == "F0") {
      return MakeError(ErrorCode::kInvalid,
                       "fidelity: F0 takes no time; allowed without weights "
                       "F1, F2, F3");
    }
    return {};
  }
  void AddUnits(Ids& ids) {
    ids.front = AddUnit("front_end");
    ids.load = AddUnit("load");
    ids.array = AddUnit("array");
    ids.vector = AddUnit("vector");
    ids.store = AddUnit("store");
    ids.scratchpad = AddUnit("scratchpad");
    ids.l2 = AddUnit("l2");
    ids.dram = AddUnit("dram");
    ids.power = AddUnit("power");
  }
  void AddActions(Ids& ids, const EnergyParams& e) {
    using enum ActionClass;
    const auto add = [this](const char* name, ActionClass kind,
                            const char* energy, double pj, uint64_t flops,
                            uint64_t bytes) {
      return AddAction(name, kind, energy, pj, flops, bytes);
    };
    ids.command =
        add("front.command", kOther, "energy.command_pj", e.command, 0, 0);
    ids.mac = add("array.mac", kMatrix, "energy.mac_int8_pj", e.mac_int8, 2, 0);
    ids.padding_mac = add("array.padding_mac", kPadding, "energy.mac_int8_pj",
                          e.mac_int8, 2, 0);
    ids.vector_mac =
        add("vector.mac", kMatrix, "energy.vector_op_pj", e.vector_op, 2, 0);
    // What the graph asks for; what else it takes to do it (scales, copies,
    // masked and padded elements); and of all that, what takes longer.
    ids.vector_op =
        add("vector.op", kVector, "energy.vector_op_pj", e.vector_op, 1, 0);
    ids.other_op = add("vector.other_op", kOther, "energy.vector_op_pj",
                       e.vector_op, 0, 0);
    ids.special_op = add("vector.special_op", kOther, "energy.special_op_pj",
                         e.special_op, 0, 0);
    ids.scratchpad_byte =
        add("scratchpad.byte", kMove, "energy.scratchpad_byte_pj",
            e.scratchpad_byte, 0, 1);
    ids.accumulator_byte =
        add("accumulator.byte", kMove, "energy.accumulator_byte_pj",
            e.accumulator_byte, 0, 1);
    ids.l2_byte = add("l2.byte", kMove, "energy.l2_byte_pj", e.l2_byte, 0, 1);
    ids.dram_byte =
        add("dram.byte", kOffChip, "energy.dram_byte_pj", e.dram_byte, 0, 1);
    ids.dram_activation =
        add("dram.activation", kOther, "energy.dram_activation_pj",
            e.dram_activation, 0, 0);
    // 1 W for 1 ns is 1000 pJ.
    ids.leakage_ns = add("power.leakage_ns", kOther, "energy.leakage_w",
                         e.leakage_w * 1e3, 0, 0);
  }

  Machine machine_;
};

Result<std::unique_ptr<Step>> Npu::Lower(const Graph& graph, const Node& node,
                                         const Weights* weights) const {
  TRIPTYCH_TRY(CheckFidelity(weights != nullptr));
  if (HasCommands(machine_.params, graph, node)) {
    return MakeCommandStep(machine_, graph, node, weights);
  }
  return MakeClosedFormStep(machine_, graph, node, weights);
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
  if (params.quant.rounding == "compensated" &&
      params.quant.calibration_tokens == 0) {
    return MakeError(ErrorCode::kInvalid,
                     config.file() +
                         ": quant.rounding = compensated needs "
                         "quant.calibration_tokens; allowed 1 and up");
  }
  ApplyFidelity(params);
  return std::make_unique<Npu>(preset, std::move(set), params);
}

}  // namespace triptych::npu
