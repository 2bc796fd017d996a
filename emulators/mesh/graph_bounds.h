// What a run of a graph waited for.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_GRAPH_BOUNDS_H_
#define TRIPTYCH_EMULATORS_MESH_GRAPH_BOUNDS_H_

#include <functional>

#include "emulators/target.h"

namespace triptych::mesh {

// Adds the seconds that `ledger` has each unit of the machine busy, on behalf
// of nodes that `counts` accepts: "bound_s.<unit>" (emulators/validate.h).
void AddBounds(const Target& target, const Ledger& ledger,
               Prediction& prediction,
               const std::function<bool(NodeId)>& counts = {});

// Joules of everything but idle power.
double DynamicJoules(const Target& target, const Ledger& ledger);

}  // namespace triptych::mesh

#endif  // TRIPTYCH_EMULATORS_MESH_GRAPH_BOUNDS_H_
