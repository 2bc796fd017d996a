// Why a run took as long as it did: from the core that ended last back to the
// start, through whatever each was waiting for.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_TILE_CRITICAL_PATH_H_
#define TRIPTYCH_EMULATORS_MESH_TILE_CRITICAL_PATH_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "emulators/mesh/tile/history.h"

namespace triptych::mesh::tile {

// A part of the path: an agent's own work, or the network's.
struct PathSegment {
  uint32_t tile = 0;
  std::string what;  // "core B", "math", "noc read"
  double begin = 0, end = 0;
};

struct CriticalPath {
  std::vector<PathSegment> segments;     // latest first, without gaps
  std::map<std::string, double> cycles;  // by what, together
};

// Polling loops count as work of their core: nothing says what they wait for.
CriticalPath FindCriticalPath(const std::vector<const History*>& tiles,
                              uint32_t last_tile, Agent last_agent, double end);

}  // namespace triptych::mesh::tile

#endif  // TRIPTYCH_EMULATORS_MESH_TILE_CRITICAL_PATH_H_
