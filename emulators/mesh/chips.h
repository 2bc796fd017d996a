// Collectives among the chips of a machine, over Ethernet.
//
// Chips are a mesh of cols x rows; each pair of neighbours has
// `chips.links` links, each with a router whose program takes its time for
// every packet (network/predict.h, which is held to measured tables). A group
// of chips lies along one axis of the mesh or fills both; a collective runs
// along one axis after the other, in both directions at once, its packets
// following each other without a break.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_CHIPS_H_
#define TRIPTYCH_EMULATORS_MESH_CHIPS_H_

#include <cstdint>
#include <vector>

#include "emulators/mesh/cost.h"
#include "emulators/mesh/params.h"

namespace triptych::mesh {

enum class Collective : uint8_t {
  kAllGather,      // every chip gets the parts of all
  kReduceScatter,  // every chip gets its part of the sum
  kAllReduce,      // every chip gets the sum
  kAllToAll,       // every chip sends a part of its own to every other
  kSend,           // one chip to its neighbour
};

// GB/s of one link in one direction: that of the table's linear patterns. What
// a neighbour exchange of fabric_bandwidth.csv gets is a third of that; Wan2.2
// on 32 chips would take 190 s with it, 142 are measured.
double LinkRate(const Params& params);

// Lengths along the axes of the mesh of a group of `ways` chips.
std::vector<int64_t> AxesOf(const Params& params, int64_t ways);

// What one of `ways` chips spends on a value of `bytes`, all parts together.
// Nothing for one chip.
Cost CollectiveCost(const Params& params, Collective kind, int64_t ways,
                    double bytes);

}  // namespace triptych::mesh

#endif  // TRIPTYCH_EMULATORS_MESH_CHIPS_H_
