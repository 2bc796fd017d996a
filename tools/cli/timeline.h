// A ledger in few enough slices for a picture.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_CLI_TIMELINE_H_
#define TRIPTYCH_TOOLS_CLI_TIMELINE_H_

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "emulators/ledger.h"
#include "emulators/target.h"
#include "models/graph.h"

namespace triptych::cli {

struct TimeSlice {
  Picos begin, end;
  std::string_view op;  // the operator it worked for most
  double busy = 1;      // of its time
};
struct UnitTimeline {
  std::string_view unit;
  std::vector<TimeSlice> slices;  // in order; they do not overlap
};

inline constexpr size_t kMostSlices = 2000;  // of a unit

// What every unit of the target did, the order of nodes apart, from a ledger
// in kKeep mode. Concurrent charges are aspects of others and are left out.
// Where a unit has more than `most` charges, time is cut into `most` equal
// parts, and neighbours that are alike are joined. Names live as long as
// graph and target.
std::vector<UnitTimeline> TimelineOf(const Graph& graph, const Target& target,
                                     const Ledger& ledger,
                                     size_t most = kMostSlices);

nlohmann::json ToJson(const std::vector<UnitTimeline>& timeline);

}  // namespace triptych::cli

#endif  // TRIPTYCH_TOOLS_CLI_TIMELINE_H_
