// What a program finds in L1 about the chip and its tile (kernels/tile/abi.h).
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_TILE_INFO_BLOCK_H_
#define TRIPTYCH_EMULATORS_MESH_TILE_INFO_BLOCK_H_

#include <cstdint>
#include <vector>

#include "emulators/mesh/tile/floorplan.h"

namespace triptych::mesh::tile {

struct InfoFacts {
  uint32_t l1_bytes = 0, payload = 0, clock_khz = 0;
  bool timing_only = false;
};

// Words from TILE_INFO on, for one tile.
std::vector<uint32_t> InfoBlock(const Floorplan& plan, size_t tile,
                                const InfoFacts& facts);

}  // namespace triptych::mesh::tile

#endif  // TRIPTYCH_EMULATORS_MESH_TILE_INFO_BLOCK_H_
