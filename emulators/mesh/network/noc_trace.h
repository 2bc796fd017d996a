// Recorded NoC traffic: what every core of a chip did, in order, with the
// times at which silicon did it. A run here may use those times, or only the
// order.
//
// The file is JSON as tenstorrent/tt-npe reads it: a list of events, each with
// proc, sx, sy and timestamp, and either zone and zone_phase or noc, type, dx,
// dy and num_bytes.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_NETWORK_NOC_TRACE_H_
#define TRIPTYCH_EMULATORS_MESH_NETWORK_NOC_TRACE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "emulators/mesh/network/machine.h"
#include "emulators/mesh/network/torus.h"
#include "kernels/base/result.h"

namespace triptych::mesh {

struct TraceEvent {
  enum class Kind : uint8_t {
    kBegin,
    kRead,
    kBarrierStart,
    kBarrierEnd,
    kMark
  };
  Kind kind = Kind::kMark;
  Place memory;       // of a read
  int noc = 0;        // of a read
  int64_t bytes = 0;  // of a read
  double at = 0;      // cycles from the first event of the trace
};

// The events of one RISC-V core, in order of time.
struct TraceCore {
  Place place;
  std::string proc;
  std::vector<TraceEvent> events;
};

struct NocTrace {
  std::vector<TraceCore> cores;
  // First to last event.
  double cycles = 0;
};

// Errors: a file that cannot be read, no JSON, an event without what its kind
// needs, a place off the torus: "file:line: key: what; allowed ...".
Result<NocTrace> LoadNocTrace(const std::string& path, int32_t cols,
                              int32_t rows);

// What cores spend that were recorded with the profiler on; cycles.
struct TraceCosts {
  double first_read = 0;  // a kernel's begin to its first read from an L1
  double read = 0;        // between reads of interleaved pages in DRAM
  double shard_read = 0;  // between reads from one tile's L1
  double new_tile = 0;    // more when it is another tile, or DRAM at first
  double barrier = 0;     // before a barrier, after it, and to note its end
  double skew = 0;        // the first core's start to the others', on average
};
TraceCosts TraceCostsOf(const Params& params);

enum class IssueTimes : uint8_t { kRecorded, kPredicted };

// Cycles from the first event to the last of a run of this trace. Predicted
// issue times: every core starts `skew` after the first event, give or take
// half of it, the second core of a tile half a skew later; the mean over
// launches, whose draws do not depend on anything but their number.
double RunNocTrace(const MachineConfig& config, const TraceCosts& costs,
                   const NocTrace& trace, IssueTimes times);

}  // namespace triptych::mesh

#endif  // TRIPTYCH_EMULATORS_MESH_NETWORK_NOC_TRACE_H_
