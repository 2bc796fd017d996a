// A whole phase of a graph as one stream: its nodes' segments, with one layout
// for everything they read and write.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_COMPILE_PHASE_H_
#define TRIPTYCH_EMULATORS_NPU_COMPILE_PHASE_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "emulators/npu/compile/lower.h"
#include "emulators/npu/params.h"
#include "kernels/base/result.h"
#include "models/graph.h"

namespace triptych::npu {

// What lies where: a weight's codes or scales, a cache, an input, a table.
struct MapEntry {
  enum class Form : uint8_t {
    kCodes,       // of a quantised weight
    kScales,      // its scales
    kFloats,      // a weight in f32
    kTable,       // of `node` (lower.h)
    kCacheCodes,  // keys or values
    kCacheScales,
    kActivations,  // an input of the graph, or the phase's output
  };
  std::string name;
  Form form = Form::kFloats;
  Region region = Region::kL2;
  int64_t offset = 0, bytes = 0;
  ValueId value = 0;
  NodeId node = 0;
};
std::string_view NameOf(MapEntry::Form form);

struct PhaseStream {
  std::vector<Command> commands;  // rolled
  size_t unrolled = 0;            // commands before that
  std::array<int64_t, kRegions> region_bytes{};
  std::vector<MapEntry> map;
};

struct PhaseOptions {
  bool roll = true;  // layers become loops (roll.h)
  bool fuse = true;  // groups of nodes are one piece of work (fuse.h)
};

// Errors: no such phase; a node that has no commands, or does not fit; more
// than the regions' 4 GiB of offsets can reach where loops need it.
Result<PhaseStream> CompilePhase(const Params& params, const Graph& graph,
                                 Phase phase, const Binding& binding,
                                 const PhaseOptions& options = {});

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_COMPILE_PHASE_H_
