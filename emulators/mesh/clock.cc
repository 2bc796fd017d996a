// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/clock.h"

#include <algorithm>

namespace triptych::mesh {

double DynamicJoules(const Params& p, const Cost& cost, int phases) {
  const double pj =
      static_cast<double>(cost.macs) * phases * p.energy_mac_phase_pj +
      static_cast<double>(cost.unpack_bytes + cost.pack_bytes) *
          p.energy_l1_byte_pj +
      static_cast<double>(cost.noc_bytes) * p.energy_noc_byte_pj +
      static_cast<double>(cost.dram_bytes) * p.energy_dram_byte_pj +
      static_cast<double>(cost.ethernet_bytes) * p.host.energy_link_byte_pj;
  return pj * 1e-12;
}

double Slowdown(const Params& p, double seconds, double joules) {
  const double budget = p.power_limit_w - p.static_w;
  const double at_speed = p.power_window_ms * 1e-3;
  if (p.power_limit_w == 0 || budget <= 0 || seconds <= at_speed) return 1;
  const double ratio = std::max(1.0, joules / seconds / budget);
  return (at_speed + (seconds - at_speed) * ratio) / seconds;
}

}  // namespace triptych::mesh
