// SPDX-License-Identifier: Apache-2.0
#include "emulators/optical/optical.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <mutex>
#include <utility>

#include "emulators/optical/array/array.h"
#include "emulators/optical/counters.h"
#include "emulators/optical/error_budget.h"
#include "emulators/optical/matmul.h"
#include "emulators/optical/params.h"
#include "emulators/optical/plane.h"
#include "emulators/optical/receiver.h"
#include "emulators/optical/validation/predict.h"

namespace triptych::optical {
namespace {

// One bit has no sign: signed formats begin at two.
Status CheckBits(const Config& config, std::string_view key, int64_t bits) {
  if (bits != 1) return {};
  const Config::Entry* entry = config.Find(key);
  const std::string where = entry == nullptr ? config.file() : entry->where;
  return MakeError(ErrorCode::kInvalid,
                   fmt::format("{}: {}: 1 is not allowed; allowed 0 or at "
                               "least 2",
                               where, key));
}

// What the parameters say together is as certain as the least certain.
Basis Weakest(const ParamSet& set, std::initializer_list<const char*> keys) {
  Basis weakest = Basis::kPublished;
  for (const char* key : keys) weakest = std::max(weakest, set.Of(key).basis);
  // Derived at best: a product of numbers is not a published number.
  return std::max(weakest, Basis::kDerived);
}

// L0: the machine as it was meant, rounding and all.
Params WithoutErrors(Params p) {
  p.physical_noise = false;
  for (double* error :
       {&p.output_sigma, &p.dac_unit_sigma, &p.adc_unit_sigma,
        &p.plane_quadratic, &p.plane_column_sigma, &p.source_threshold,
        &p.source_cubic, &p.source_row_sigma, &p.source_bandwidth_ratio,
        &p.optics_neighbour_1, &p.optics_neighbour_2, &p.optics_rail_leakage,
        &p.rx_gain_sigma, &p.rx_offset_sigma, &p.rx_saturation,
        &p.rx_bandwidth_ratio, &p.drift_gain_per_sqrt_s,
        &p.drift_offset_per_sqrt_s}) {
    *error = 0;
  }
  p.post_correction = "none";
  return p;
}

class Optical : public Target {
 public:
  Optical(std::string_view preset, ParamSet set, const Params& params)
      : Target("optical", preset, std::move(set), params.host) {
    machine_ = std::make_shared<const Machine>(params, Register(params));
  }

  Roofline roofline() const override {
    const double macs =
        static_cast<double>(p().cores * p().plane_rows * p().plane_cols) *
        p().vector_rate.value / p().passes();
    return {.matrix = FlopsPerSecond(2 * macs),
            .off_chip = BytesPerSecond(p().dram_gb_per_s * 1e9),
            .weight_bits = static_cast<double>(p().plane_bits),
            .cache_bits = 32,
            .weights_resident = true};
  }
  Hertz clock() const override { return p().vector_rate; }
  Precision precision() const override;
  std::vector<ErrorTerm> error_budget() const override {
    return ErrorBudgetOf(p());
  }
  std::span<const std::string_view> counters() const override {
    return kCounterNames;
  }
  Readings ReadingsOf(std::span<const double> counters) const override {
    return optical::ReadingsOf(p(), counters);
  }
  std::span<const MoreOf> resources() const override {
    static constexpr MoreOf kResources[] = {
        {"cores", 2},
        {"vector.rate_hz", 2},
        {"vector.latency_ns", 0.5},
        {"plane.load_us", 0.5},
        {"dram.gb_per_s", 2},
        {"host.link_gb_per_s", 2},
        {"host.vector_gflops", 2},
    };
    return kResources;
  }

  Support Supports(const Graph&, const Node& node) const override {
    return IsOptical(node) ? Support::kNative : Support::kHostFallback;
  }
  Result<std::unique_ptr<Step>> Lower(const Graph& graph, const Node& node,
                                      const Weights* weights) const override {
    return MakeMatmulStep(machine_, node, (*PlacementOf(graph))[node.id],
                          weights);
  }

  Result<Prediction> Predict(std::string_view kind,
                             const OpSpec& spec) const override {
    Result<Prediction> own = PredictTable(nullptr, kind, spec);
    if (own || own.error().code != ErrorCode::kNotFound) return own;
    return Target::Predict(kind, spec);
  }
  bool cost_depends_on_neighbours() const override { return true; }

 private:
  const Params& p() const { return machine_->params; }
  // Of the graph that was lowered last: its nodes come one after the other.
  std::shared_ptr<const Placement> PlacementOf(const Graph& graph) const {
    const std::lock_guard lock(placement_mutex_);
    if (placement_ == nullptr || placed_graph_ != graph.id()) {
      placement_ = std::make_shared<Placement>(PlaceGraph(graph, p()));
      placed_graph_ = graph.id();
    }
    return placement_;
  }
  Ids Register(const Params& params);
  void RegisterEnergies(const Params& params, Ids& ids);

  std::shared_ptr<const Machine> machine_;
  mutable std::mutex placement_mutex_;
  mutable std::shared_ptr<const Placement> placement_;
  mutable uint64_t placed_graph_ = 0;
};

Ids Optical::Register(const Params& params) {
  Ids ids;
  for (int64_t c = 0; c < params.cores; ++c) {
    const auto add = [&](std::string_view part) {
      return AddUnit(fmt::format("core{}.{}", c, part));
    };
    ids.cores.push_back(
        {add("plane"), add("source"), add("dac"), add("adc"), add("digital")});
  }
  ids.dram = AddUnit("dram");
  RegisterEnergies(params, ids);
  return ids;
}

void Optical::RegisterEnergies(const Params& p, Ids& ids) {
  const double vector_s = 1 / p.vector_rate.value;
  ids.mac = AddAction({.name = "optics.mac",
                       .kind = ActionClass::kMatrix,
                       .energy = Joules(0),
                       .flops = 2,
                       .basis = Basis::kDerived,
                       .source = "passive: its light is laser.emit"});
  ids.pixel = AddAction("plane.pixel_load", ActionClass::kOther,
                        "energy.pixel_pj", p.energy_pixel_pj);
  ids.dram_byte = AddAction("dram.byte", ActionClass::kOffChip,
                            "energy.dram_byte_pj", p.energy_dram_byte_pj, 0, 1);
  ids.laser = AddAction(
      {.name = "laser.emit",
       .kind = ActionClass::kOther,
       .energy =
           Joules(p.laser_power_mw * 1e-3 / p.laser_efficiency * vector_s),
       .basis = Weakest(params(), {"laser.power_mw", "vector.rate_hz",
                                   "laser.wall_plug_efficiency"}),
       .source = "laser.power_mw / laser.wall_plug_efficiency for one vector, "
                 "whatever its brightness"});
  ids.dac = AddAction("dac.sample", ActionClass::kOther, "energy.dac_pj",
                      p.energy_dac_pj);
  ids.tia = AddAction(
      {.name = "tia.sample",
       .kind = ActionClass::kOther,
       .energy = Joules(p.tia_power_mw * 1e-3 * vector_s),
       .basis = Weakest(params(), {"rx.tia_power_mw", "vector.rate_hz"}),
       .source = "rx.tia_power_mw for one vector"});
  ids.adc = AddAction("adc.sample", ActionClass::kOther, "energy.adc_pj",
                      p.energy_adc_pj);
  ids.digital = AddAction("digital.op", ActionClass::kOther,
                          "energy.digital_op_pj", p.energy_digital_op_pj);
  ids.bias = AddAction("digital.bias_add", ActionClass::kVector,
                       "energy.digital_op_pj", p.energy_digital_op_pj, 1, 0);
}

// One rounding error to either side, of the largest value a code stands for;
// three standard deviations of a converter's worst non-linearity with it,
// which is at mid-scale: unit_sigma * sqrt(units) / 2.
double OfFullScale(int64_t bits, double steps, double unit_sigma) {
  if (bits == 0) return 0;
  const double units = std::exp2(static_cast<double>(bits));
  return (0.5 + 3 * unit_sigma * std::sqrt(units) / 2) / steps;
}

// What a vector on a small tile is like: 64 inputs at an eighth and weights
// at a quarter of full on average, independent; its largest output three
// standard deviations. Noise and full scale depend on the light of each
// vector, so that statements about them need one.
constexpr double kInputs = 64, kMeanA = 0.125, kMeanW = 0.25;
const double kLargest = 3 * std::sqrt(kInputs) * kMeanA * kMeanW;

// Variance of the noise of all passes, over the largest output squared.
double NoiseOfMax2(const Params& p) {
  double variance = p.output_sigma * p.output_sigma;
  if (p.physical_noise) {
    const int64_t copies = std::clamp<int64_t>(
        p.plane_rows / static_cast<int64_t>(kInputs), 1, p.plane_copies);
    const NoiseBudget budget = MakeNoiseBudget(p, copies);
    const double mean_x = p.two_pass() ? kMeanA : 0.5;
    const double sum_x = kInputs * mean_x;
    const double largest_a = kLargest * budget.signal_a;
    variance += budget.Variance(sum_x, sum_x, kMeanW, kMeanW * kMeanW).sum() /
                (largest_a * largest_a);
  }
  return variance * p.passes();
}

// Full scale of the ADC over the largest output. With row_sigma that largest
// may be as low as one standard deviation.
double FullScaleOfMax(const Params& p) {
  if (p.adc_full_scale == "row_max") return 1;
  if (p.adc_full_scale == "row_sigma") return p.adc_clip_sigma;
  return p.adc_fixed_fraction * kInputs / kLargest;
}

Precision Optical::precision() const {
  const auto signed_steps = [](int64_t bits) {
    return std::exp2(static_cast<double>(bits - 1)) - 1;
  };
  const Params& params = p();
  Precision precision;
  precision.activation.of_max = OfFullScale(
      params.dac_bits,
      params.two_pass() ? std::exp2(static_cast<double>(params.dac_bits)) - 1
                        : signed_steps(params.dac_bits),
      params.dac_unit_sigma);
  precision.weight.of_max =
      OfFullScale(params.plane_bits, signed_steps(params.plane_bits), 0);
  precision.output.of_max =
      params.passes() * FullScaleOfMax(params) *
      OfFullScale(params.adc_bits, signed_steps(params.adc_bits),
                  params.adc_unit_sigma);
  precision.noise_of_max = std::sqrt(NoiseOfMax2(params));
  return precision;
}

}  // namespace

Result<std::unique_ptr<Target>> MakeOptical(std::string_view preset,
                                            const Config& config) {
  if (array::IsArray(config)) return array::MakeArray(preset, config);
  Params params;
  TRIPTYCH_ASSIGN(ParamSet set, LoadParams(config, params));
  TRIPTYCH_TRY(CheckBits(config, "plane.weight_bits", params.plane_bits));
  TRIPTYCH_TRY(CheckBits(config, "dac.bits", params.dac_bits));
  TRIPTYCH_TRY(CheckBits(config, "adc.bits", params.adc_bits));
  TRIPTYCH_TRY(CheckPeriphery(config, params));
  if (params.fidelity == "L0") params = WithoutErrors(params);
  return std::make_unique<Optical>(preset, std::move(set), params);
}

}  // namespace triptych::optical
