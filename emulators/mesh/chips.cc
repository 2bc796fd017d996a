// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/chips.h"

#include <algorithm>
#include <cmath>
#include <ranges>

#include "emulators/mesh/noc.h"
#include "kernels/base/units.h"

namespace triptych::mesh {
namespace {

// The size at which the routers' tables were measured to be fastest.
constexpr double kPacketBytes = 4096;

// One axis of a collective, in ns.
struct Along {
  double hops_ns = 0;  // until the first packet has come furthest
  double wire_ns = 0;  // of the busiest link
  double ns() const { return hops_ns + wire_ns; }
};

Along AlongAxis(const Params& p, Collective kind, int64_t chips, double bytes) {
  const auto n = static_cast<double>(chips);
  const bool ring = p.chips_topology == "ring" && chips > 2 &&
                    (chips == p.chips_cols || chips == p.chips_rows);
  // A ring's parts come half from the left and half from the right; the last
  // chip of a line gets all of them from one side.
  const double hops = ring ? std::ceil((n - 1) / 2) : n - 1;
  double passing = 0;  // bytes over the busiest link, one direction
  switch (kind) {
    case Collective::kAllGather:
    case Collective::kReduceScatter:
      passing = hops / n * bytes;
      break;
    case Collective::kAllToAll:
      // From each chip of one half to each of the other, bytes / n^2.
      passing = bytes / (ring ? 8 : 4);
      break;
    case Collective::kAllReduce:
      // Every chip sends all of its part to every other, which adds them up.
      passing = hops * bytes;
      break;
    case Collective::kSend:
      passing = bytes;
      break;
  }
  const double copy =
      kPacketBytes / (p.noc_bytes_per_cycle * p.clock.value / 1e9);
  const double hop =
      p.fabric_hop_ns +
      std::min(passing, kPacketBytes) / p.fabric_ethernet_gb_per_s + copy;
  return {(kind == Collective::kSend ? 1 : hops) * hop,
          passing / (LinkRate(p) * static_cast<double>(p.chips_links))};
}

// One axis after the other. What is left to do for the next one shrinks,
// unless all of it goes on.
Along AlongAxes(const Params& p, Collective kind,
                const std::vector<int64_t>& axes, double bytes) {
  const bool shrinks =
      kind == Collective::kAllGather || kind == Collective::kReduceScatter;
  Along all;
  for (const int64_t chips : axes) {
    const Along along = AlongAxis(p, kind, chips, bytes);
    all.hops_ns += along.hops_ns;
    all.wire_ns += along.wire_ns;
    if (shrinks) bytes /= static_cast<double>(chips);
  }
  return all;
}

// In one pass that sends whole parts, or in two (scattered sums, gathered) for
// fewer bytes and twice the hops: what is faster.
Along AllReduce(const Params& p, const std::vector<int64_t>& axes,
                double bytes) {
  const Along one = AlongAxes(p, Collective::kAllReduce, axes, bytes);
  Along two = AlongAxes(p, Collective::kReduceScatter, axes, bytes);
  two.hops_ns *= 2;  // back the way that they came
  two.wire_ns *= 2;
  return one.ns() < two.ns() ? one : two;
}

}  // namespace

double LinkRate(const Params& p) {
  return kPacketBytes / std::max(p.fabric_packet_ns,
                                 kPacketBytes / p.fabric_ethernet_gb_per_s);
}

std::vector<int64_t> AxesOf(const Params& p, int64_t ways) {
  const int64_t longer = std::max(p.chips_cols, p.chips_rows);
  if (ways <= 1) return {};
  if (ways <= longer) return {ways};
  return {longer, CeilDiv(ways, longer)};
}

Cost CollectiveCost(const Params& p, Collective kind, int64_t ways,
                    double bytes) {
  Cost cost;
  if (ways <= 1 || p.fabric_ethernet_gb_per_s == 0) return cost;
  std::vector<int64_t> axes = AxesOf(p, ways);
  if (kind == Collective::kSend) axes = {2};
  const Along along = kind == Collective::kAllReduce
                          ? AllReduce(p, axes, bytes)
                          : AlongAxes(p, kind, axes, bytes);
  const double cycles = p.clock.value / 1e9;
  cost.ethernet = along.wire_ns * cycles;
  cost.ethernet_bytes = std::llround(along.wire_ns * LinkRate(p) *
                                     static_cast<double>(p.chips_links));
  cost.launch = p.gap_cycles + p.launch_cycles;
  cost.total = cost.launch + along.ns() * cycles;
  return cost;
}

}  // namespace triptych::mesh
