// Rows of the Lightening-Transformer simulator, by the array's closed form.
//
// The simulator counts matrix products and what they move, nothing else, one
// image or sentence at a time; so do these sums.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <optional>
#include <string>

#include "emulators/optical/array/cost.h"
#include "emulators/optical/array/inventory.h"
#include "emulators/optical/validation/machines.h"
#include "emulators/optical/validation/predict.h"
#include "emulators/optical/validation/row.h"
#include "models/build/build.h"
#include "models/presets/presets.h"

namespace triptych::optical {
namespace {

using array::Area;
using array::Energy;
using array::Params;
using array::Power;

// ---- Machines ----

Result<Params> MachineOf(const Params* given, std::string_view config) {
  if (config != "dota-b" && config != "dota-l") {
    return NotPredicted("config", config,
                        "only dota-b and dota-l are photonic arrays whose "
                        "workloads are known");
  }
  if (given != nullptr) return *given;
  if (config == "dota-b") return ArrayPreset("dynamic-array");
  return ArrayPreset("dynamic-array", {"array.tiles=8"});
}

// ---- Workloads ----

// A part of a network: the nodes whose names end in one of these.
struct Part {
  std::string_view suffix;
  std::initializer_list<std::string_view> nodes;
};
const Part kParts[] = {
    {"-qkv", {"attn.q", "attn.k", "attn.v"}},
    {"-attention", {"attn.attention"}},
    {"-ffn", {"ffn.up", "ffn.down"}},
};

struct Workload {
  std::string_view name, preset;
};
constexpr Workload kWorkloads[] = {{"deit-t", "deit-t"},
                                   {"deit-s", "deit-s"},
                                   {"deit-b", "vit-b16"},
                                   {"bert-b", "bert-base"},
                                   {"bert-l", "bert-large"}};

bool IsOf(const Part* part, const Node& node) {
  if (part == nullptr) return true;
  for (const std::string_view end : part->nodes) {
    if (node.name.ends_with(end)) return true;
  }
  return false;
}

// "bert-l-320": a workload and its tokens, if they are stated.
struct Sized {
  std::string_view preset;
  int64_t tokens = 0;
};
std::optional<Sized> FindWorkload(std::string_view name) {
  for (const Workload& w : kWorkloads) {
    if (!name.starts_with(w.name)) continue;
    std::string_view rest = name.substr(w.name.size());
    if (rest.empty()) return Sized{w.preset};
    int64_t tokens = 0;
    const char* end = rest.data() + rest.size();
    const auto parsed = std::from_chars(rest.data() + 1, end, tokens);
    if (rest[0] == '-' && parsed.ec == std::errc() && parsed.ptr == end &&
        tokens > 0 && tokens <= 1 << 20) {
      return Sized{w.preset, tokens};
    }
  }
  return std::nullopt;
}

struct Costs {
  Energy energy;
  double seconds = 0;
};

Result<Costs> CostsOf(const Params& p, std::string_view name) {
  const Part* part = nullptr;
  for (const Part& one : kParts) {
    if (!name.ends_with(one.suffix)) continue;
    part = &one;
    name.remove_suffix(one.suffix.size());
  }
  const auto workload = FindWorkload(name);
  if (!workload) {
    return NotPredicted("workload", name,
                        "known are deit-t, deit-s, deit-b, bert-b-TOKENS, "
                        "bert-l-TOKENS, and of those -qkv, -attention, -ffn");
  }
  TRIPTYCH_ASSIGN(const ModelConfig config, PresetByName(workload->preset));
  TRIPTYCH_ASSIGN(const Graph graph, BuildGraph(config));
  const Binding binding{
      .batch = 1,
      .tokens = workload->tokens > 0 ? workload->tokens : config.context};
  array::Demand sum;
  Costs costs;
  for (const Node& node : graph.NodesOf(*graph.FindEntry(Phase::kEncode))) {
    if (!array::IsNative(node) || !IsOf(part, node)) continue;
    sum += array::DemandOf(p, graph, node, binding);
  }
  // Weights are known before: memory works ahead of the products that need
  // them, across all of them.
  costs.seconds =
      std::max(array::ArraySeconds(p, sum), array::DramSeconds(p, sum));
  costs.energy = array::EnergyOf(p, sum);
  return costs;
}

// ---- Quantities ----

Result<double> EnergyJ(const Energy& e, std::string_view component) {
  const Named parts[] = {{"total", e.total()},
                         {"compute", e.compute()},
                         {"compute_drive_dac", e.modulator + e.dac},
                         {"compute_light", e.light},
                         {"compute_receiver", e.receiver},
                         {"data_movement", e.data_movement()},
                         {"data_movement_dram", e.dram},
                         {"data_movement_sram", e.data_movement() - e.dram}};
  return Pick("component", component, parts);
}

Result<double> PowerW(const Params& p, std::string_view component) {
  const Power w = array::PowerOf(p);
  const Named parts[] = {{"total", w.total()}, {"mzm", w.modulator},
                         {"dac", w.dac},       {"pd", w.detector},
                         {"adc", w.adc},       {"tia", w.tia},
                         {"laser", w.laser},   {"memory", w.memory}};
  return Pick("component", component, parts);
}

Result<double> AreaMm2(const Params& p, std::string_view component) {
  const Area a = array::AreaOf(p);
  const Named parts[] = {
      {"total", a.total()}, {"dac", a.dac},   {"memory", a.memory},
      {"core", a.core},     {"comb", a.comb}, {"mzm", a.modulator},
      {"adc", a.adc},       {"tia", a.tia},   {"laser", a.laser}};
  return Pick("component", component, parts);
}

// Of a workload; NotPredicted where there is no such quantity.
Result<double> OfWorkload(const Params& p, std::string_view workload,
                          std::string_view quantity,
                          std::string_view component) {
  TRIPTYCH_ASSIGN(const Costs costs, CostsOf(p, workload));
  if (quantity == "latency_ms") return costs.seconds * 1e3;
  TRIPTYCH_ASSIGN(const double joules, EnergyJ(costs.energy, component));
  if (quantity == "energy_mj") return joules * 1e3;
  if (quantity == "energy_share_pct") {
    return 100 * joules / costs.energy.total();
  }
  return NotPredicted("quantity", quantity,
                      "known of a workload are energy_mj, latency_ms, "
                      "energy_share_pct");
}

Result<double> OfMachine(const Params& p, std::string_view quantity,
                         std::string_view component) {
  if (quantity == "power_w") return PowerW(p, component);
  if (quantity == "area_mm2") return AreaMm2(p, component);
  if (quantity == "power_share_pct") {
    TRIPTYCH_ASSIGN(const double part, PowerW(p, component));
    return 100 * part / array::PowerOf(p).total();
  }
  if (quantity == "area_share_pct") {
    TRIPTYCH_ASSIGN(const double part, AreaMm2(p, component));
    return 100 * part / array::AreaOf(p).total();
  }
  return NotPredicted("quantity", quantity,
                      "known of a machine are power_w, area_mm2 and their "
                      "shares");
}

}  // namespace

Result<Prediction> PredictLightening(const Params* machine,
                                     const OpSpec& spec) {
  TRIPTYCH_ASSIGN(const std::string_view config, TextOf(spec, "config"));
  TRIPTYCH_ASSIGN(Params p, MachineOf(machine, config));
  if (spec.contains("bits")) {
    TRIPTYCH_ASSIGN(const double bits, NumberOf(spec, "bits"));
    if (!(bits >= 2 && bits <= 8 && bits == static_cast<int64_t>(bits))) {
      return NotPredicted("bits", TextOr(spec, "bits", ""), "allowed 2..8");
    }
    p.bits = static_cast<int64_t>(bits);
  }
  TRIPTYCH_ASSIGN(const std::string_view quantity, TextOf(spec, "quantity"));
  const std::string_view component = TextOr(spec, "component", "total");
  const std::string_view workload = TextOr(spec, "workload", "");
  TRIPTYCH_ASSIGN(const double value,
                  workload.empty()
                      ? OfMachine(p, quantity, component)
                      : OfWorkload(p, workload, quantity, component));
  return Prediction{{"value", value}};
}

}  // namespace triptych::optical
