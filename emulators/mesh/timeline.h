// When operators run whose times are not simply one after the other.
//
// A persistent program has its cores wait for each other's results, not for a
// launch, so operators that do not depend on each other overlap: a network
// beside the experts that stream, the keys' way beside the queries'. An
// operator begins when its inputs are there. The grid computes for one after
// another, and so do DRAM and Ethernet serve them; what an operator waits for
// (round trips, first operands, hops) passes beside the others' work. So a
// chain takes its whole time, and branches add up their work.
//
// Weights that are read ahead come while the operators before theirs run, as
// far as DRAM and the room in L1 allow; a product then waits for the last of
// them only.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_TIMELINE_H_
#define TRIPTYCH_EMULATORS_MESH_TIMELINE_H_

#include <vector>

#include "emulators/mesh/cost.h"
#include "emulators/mesh/params.h"
#include "emulators/mesh/sharding.h"
#include "models/graph.h"

namespace triptych::mesh {

// Immutable.
class Timeline {
 public:
  // Cycles from the program's begin.
  struct Slot {
    Cost cost;
    Busy busy;  // of a part, when no operator before this one has it
    double begin = 0, end = 0;
    double before = 0;  // the end of all operators that come before in the
                        // graph
    // What this operator adds to the whole.
    double adds() const { return std::max(0.0, end - before); }
  };

  Timeline(const Params& params, const Graph& graph, const Entry& entry,
           const Binding& binding, const Sharding& sharding);

  const Slot& Of(NodeId node) const { return slots_[node - first_]; }
  double end() const;

 private:
  NodeId first_;
  std::vector<Slot> slots_;
};

}  // namespace triptych::mesh

#endif  // TRIPTYCH_EMULATORS_MESH_TIMELINE_H_
