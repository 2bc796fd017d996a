// From operators of the graph to plans on the grid.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_LOWER_H_
#define TRIPTYCH_EMULATORS_MESH_LOWER_H_

#include "emulators/mesh/cost.h"
#include "emulators/mesh/params.h"
#include "models/graph.h"

namespace triptych::mesh {

// What `node` costs for one binding, whatever the operator: every operator
// of the op table has a schedule.
Cost CostOf(const Params& params, const Graph& graph, const Node& node,
            const Binding& binding);

}  // namespace triptych::mesh

#endif  // TRIPTYCH_EMULATORS_MESH_LOWER_H_
