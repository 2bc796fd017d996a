// What operators of a run waited for.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_CLI_BOUNDS_H_
#define TRIPTYCH_TOOLS_CLI_BOUNDS_H_

#include <map>
#include <string>

#include "emulators/ledger.h"
#include "emulators/target.h"
#include "models/graph.h"

namespace triptych::cli {

// The unit that is busy longest, or "latency" if none is busy half of the
// time; and the busiest of the others, which would bound if the first were
// faster ("" if there is none).
struct WhatBounds {
  std::string bound = "latency", next_bound;
};

// `busy`: seconds (or any measure) by unit; `whole`: the same of the run.
WhatBounds BoundsOf(const std::map<std::string, double>& busy, double whole);

// By kind of operator ("matmul"), from the charges of its nodes.
std::map<std::string, WhatBounds> BoundsByOp(const Graph& graph,
                                             const Target& target,
                                             const Ledger& ledger);

}  // namespace triptych::cli

#endif  // TRIPTYCH_TOOLS_CLI_BOUNDS_H_
