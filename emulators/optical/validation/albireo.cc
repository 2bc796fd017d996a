// Albireo as CiMLoop models it: devices of one setting, counted.
// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "emulators/optical/array/inventory.h"
#include "emulators/optical/validation/machines.h"
#include "emulators/optical/validation/predict.h"
#include "emulators/optical/validation/row.h"

namespace triptych::optical {
namespace {

using array::Area;
using array::Inventory;
using array::Params;
using array::Power;

Result<double> AreaMm2(const Params& p, std::string_view component) {
  const Area a = array::AreaOf(p);
  const Named parts[] = {
      {"total", a.total()}, {"awg", a.router},    {"star_coupler", a.coupler},
      {"laser", a.laser},   {"mzm", a.modulator}, {"mrr", a.lane_filter},
      {"adc", a.adc},       {"dac", a.dac},       {"tia", a.tia},
      {"cache", a.memory}};
  return Pick("component", component, parts);
}

Result<double> PowerW(const Params& p, std::string_view component) {
  const Power w = array::PowerOf(p);
  const Named parts[] = {{"total", w.total()}, {"mrr", w.lane_filter},
                         {"dac", w.dac},       {"mzm", w.modulator},
                         {"laser", w.laser},   {"adc", w.adc},
                         {"tia", w.tia},       {"cache", w.memory}};
  return Pick("component", component, parts);
}

// Devices that share a component's power; a laser's counts by multiplier.
Result<double> DevicesOf(const Params& p, std::string_view component) {
  const Inventory has = array::InventoryOf(p);
  const auto modulators = static_cast<double>(has.modulators());
  const auto lanes = static_cast<double>(has.lanes);
  const auto outputs = static_cast<double>(has.outputs);
  const Named parts[] = {{"mrr", 2 * lanes},  {"dac", modulators},
                         {"mzm", modulators}, {"laser", lanes},
                         {"adc", outputs},    {"tia", outputs}};
  return Pick("component", component, parts);
}

Result<double> Value(const Params& p, std::string_view quantity,
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
  const bool energy = quantity == "component_energy_pj";
  if (!energy && quantity != "component_power_mw") {
    return NotPredicted("quantity", quantity,
                        "known are power_w, area_mm2, their shares, "
                        "component_energy_pj, component_power_mw");
  }
  TRIPTYCH_ASSIGN(const double watt, PowerW(p, component));
  TRIPTYCH_ASSIGN(const double devices, DevicesOf(p, component));
  const double one = watt / devices;
  return energy ? one / p.clock.value * 1e12 : one * 1e3;
}

}  // namespace

Result<Prediction> PredictAlbireo(const Params* machine, const OpSpec& spec) {
  TRIPTYCH_ASSIGN(const std::string_view setting, TextOf(spec, "setting"));
  TRIPTYCH_ASSIGN(const std::string_view quantity, TextOf(spec, "quantity"));
  Params p;
  if (machine != nullptr) {
    p = *machine;
  } else {
    TRIPTYCH_ASSIGN(p, ArrayPreset("wdm-conv-array-" + std::string(setting)));
  }
  TRIPTYCH_ASSIGN(const double value,
                  Value(p, quantity, TextOr(spec, "component", "total")));
  return Prediction{{"value", value}};
}

}  // namespace triptych::optical
