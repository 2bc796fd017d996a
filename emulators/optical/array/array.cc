// SPDX-License-Identifier: Apache-2.0
#include "emulators/optical/array/array.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <utility>

#include "emulators/optical/array/cost.h"
#include "emulators/optical/array/inventory.h"
#include "emulators/optical/array/machine.h"
#include "emulators/optical/validation/predict.h"

namespace triptych::optical::array {
namespace {

using Keys = std::initializer_list<const char*>;

// What parameters say together is as certain as the least certain of them,
// and derived at best.
Basis Weakest(const ParamSet& set, Keys keys) {
  Basis weakest = Basis::kDerived;
  for (const char* key : keys) weakest = std::max(weakest, set.Of(key).basis);
  return weakest;
}

class Array : public Target {
 public:
  Array(std::string_view preset, ParamSet set, const Params& params)
      : Target("optical", preset, std::move(set), params.host) {
    machine_ = std::make_shared<const Machine>(params, Register(params));
  }

  Roofline roofline() const override {
    const auto lanes = static_cast<double>(machine_->has.lanes);
    return {.matrix = FlopsPerSecond(2 * lanes * p().clock.value),
            .off_chip = BytesPerSecond(p().dram_gb_per_s * 1e9),
            .weight_bits = static_cast<double>(p().bits),
            .cache_bits = static_cast<double>(p().bits)};
  }
  Hertz clock() const override { return p().clock; }
  Precision precision() const override;
  std::span<const MoreOf> resources() const override {
    static constexpr MoreOf kResources[] = {
        {"array.tiles", 2},        {"array.cores", 2},
        {"array.wavelengths", 2},  {"clock_hz", 2},
        {"dram.gb_per_s", 2},      {"digital.gops", 2},
        {"host.link_gb_per_s", 2}, {"host.vector_gflops", 2},
    };
    return kResources;
  }
  Support Supports(const Graph&, const Node& node) const override {
    return IsNative(node) ? Support::kNative : Support::kHostFallback;
  }
  Result<std::unique_ptr<Step>> Lower(const Graph&, const Node& node,
                                      const Weights* weights) const override {
    return MakeStep(machine_, node, weights);
  }
  Result<Prediction> Predict(std::string_view kind,
                             const OpSpec& spec) const override {
    Result<Prediction> own = PredictTable(&p(), kind, spec);
    if (own || own.error().code != ErrorCode::kNotFound) return own;
    return Target::Predict(kind, spec);
  }

 private:
  const Params& p() const { return machine_->params; }
  Ids Register(const Params& params);
  ActionId AddDevice(const char* name, double joules, Keys keys);
  void AddMemory(const Params& params, Ids& ids);

  std::shared_ptr<const Machine> machine_;
};

ActionId Array::AddDevice(const char* name, double joules, Keys keys) {
  std::string source = "of";
  for (const char* key : keys) source += std::string(" ") + key;
  return AddAction({.name = name,
                    .kind = ActionClass::kOther,
                    .energy = Joules(joules),
                    .basis = Weakest(params(), keys),
                    .source = source + " (array/inventory.h)"});
}

Ids Array::Register(const Params& p) {
  Ids ids;
  ids.light = AddUnit("array");
  ids.converters = AddUnit("adc");
  ids.digital = AddUnit("digital");
  ids.memory = AddUnit("memory");
  ids.dram = AddUnit("dram");
  const auto passive = [this](const char* name, ActionClass kind) {
    return AddAction({.name = name,
                      .kind = kind,
                      .energy = Joules(0),
                      .flops = 2,
                      .basis = Basis::kDerived,
                      .source = "passive: its light is array.slot"});
  };
  ids.mac = passive("array.mac", ActionClass::kMatrix);
  ids.padding_mac = passive("array.padding_mac", ActionClass::kPadding);

  const Inventory has = InventoryOf(p);
  const Power power = PowerOf(p);
  const double cycle_s = 1 / p.clock.value;
  const double symbol_s = cycle_s / static_cast<double>(has.modulators());
  const double sample_s = cycle_s / static_cast<double>(has.outputs);
  ids.symbol = AddDevice("modulator.symbol", power.modulator * symbol_s,
                         {"modulator.symbol_fj", "modulator.filter_mw"});
  ids.dac = AddDevice("dac.sample", power.dac * symbol_s,
                      {"dac.power_mw", "dac.gs_per_s", "dac.bits"});
  ids.slot =
      AddDevice("array.slot", (power.laser + power.detector) * cycle_s,
                {"laser.wall_plug_efficiency", "laser.loss_db", "laser.line_mw",
                 "rx.sensitivity_dbm", "rx.detector_mw"});
  ids.lane = AddDevice("array.lane_slot", power.lane_filter * cycle_s,
                       {"lane.filter_mw"});
  ids.tia = AddDevice("tia.sample", power.tia * sample_s, {"rx.tia_mw"});
  ids.adc = AddDevice("adc.sample", power.adc * sample_s,
                      {"adc.power_mw", "adc.gs_per_s", "adc.bits"});
  AddMemory(p, ids);
  return ids;
}

void Array::AddMemory(const Params& p, Ids& ids) {
  using enum ActionClass;
  ids.operand_byte =
      AddAction("memory.operand_byte", kMove, "memory.operand_bit_fj",
                p.operand_bit_fj * 8e-3, 0, 1);
  ids.sram_byte = AddAction("memory.sram_byte", kMove, "memory.sram_bit_fj",
                            p.sram_bit_fj * 8e-3, 0, 1);
  // 1 W for 1 ns is 1000 pJ.
  ids.static_ns = AddAction("memory.static_ns", kOther, "memory.static_w",
                            p.memory_static_w * 1e3);
  ids.dram_byte =
      AddAction("dram.byte", kOffChip, "dram.bit_pj", p.dram_bit_pj * 8, 0, 1);
  ids.digital_op = AddAction("digital.op", kVector, "energy.digital_op_pj",
                             p.digital_op_pj, 1, 0);
}

// Noise of a sum of 64 terms of the same size, over the largest of its row
// at three standard deviations; a converter's step over the same.
Precision Array::precision() const {
  const double steps = std::exp2(static_cast<double>(p().bits - 1)) - 1;
  Precision precision;
  precision.activation.of_max = precision.weight.of_max = 0.5 / steps;
  if (p().round_sums) {
    precision.output.of_max = p().adc_clip_sigma * 0.5 / steps;
  }
  precision.noise_of_max = std::sqrt(NoiseOf(p()).variance / 9 +
                                     p().output_noise * p().output_noise);
  return precision;
}

}  // namespace

bool IsArray(const Config& config) {
  return config.entries().contains("array.tiles");
}

Result<std::unique_ptr<Target>> MakeArray(std::string_view preset,
                                          const Config& config) {
  Params params;
  TRIPTYCH_ASSIGN(ParamSet set, LoadParams(config, params));
  return std::make_unique<Array>(preset, std::move(set), params);
}

}  // namespace triptych::optical::array
