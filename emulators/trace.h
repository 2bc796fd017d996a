// Timelines for ui.perfetto.dev and chrome://tracing.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_TRACE_H_
#define TRIPTYCH_EMULATORS_TRACE_H_

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "emulators/ledger.h"
#include "emulators/target.h"

namespace triptych {

// One process of the timeline: a ledger in kKeep mode, and what its charges
// mean.
struct Track {
  std::string name;  // "mesh:blackhole-p150 prefill"
  const Graph* graph = nullptr;
  const Target* target = nullptr;
  const Ledger* ledger = nullptr;
};

enum class TraceFormat : uint8_t {
  kAuto,      // JSON, or kPerfetto above kMaxJsonSlices
  kJson,      // Chrome's trace events: any script reads it; exact to the ps
  kPerfetto,  // TrackEvent packets: a third of the size, times in whole ns
};

// More than that in JSON is more than a browser likes to open.
inline constexpr size_t kMaxJsonSlices = 1'000'000;
size_t CountSlices(const std::vector<Track>& tracks);

// Both forms hold the same: one process a track, one thread a unit that was
// used (more where charges of a unit overlap, so that slices always nest),
// slices named after their node with its operator as category and action,
// count and energy as arguments; and three counters a process, "power" in W,
// "off-chip" and "on-chip" in B/s, which are step functions whose integrals
// are the ledger's energy and bytes. Slices and counter values of one thread
// come in order of time. Needs eight bytes of memory a charge.
void WriteTrace(std::ostream& out, const std::vector<Track>& tracks,
                TraceFormat format = TraceFormat::kAuto);

}  // namespace triptych

#endif  // TRIPTYCH_EMULATORS_TRACE_H_
