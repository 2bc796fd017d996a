// Timelines for ui.perfetto.dev and chrome://tracing.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_TRACE_H_
#define TRIPTYCH_EMULATORS_TRACE_H_

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

// Chrome's JSON: one process a track, one thread a unit that was used (more
// where charges of a unit overlap, so that slices always nest), complete
// events in order of time, microseconds with fractions.
void WriteTrace(std::ostream& out, const std::vector<Track>& tracks);

}  // namespace triptych

#endif  // TRIPTYCH_EMULATORS_TRACE_H_
