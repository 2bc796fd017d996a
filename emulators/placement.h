// Where the nodes of an entry run, what has to move between the machine and
// its host, and how one placed node is walked: shared by programs
// (executor.cc) and estimates (estimate.cc).
//
// Nodes run one after the other. A value lives on the host, on the device, or
// on both after it was moved; where it is needed is known when the graph is
// compiled, so every transfer is part of the schedule. Graph inputs start on
// the host and an entry's output ends there. A cache lives with the nodes
// that read it; a node on the other side sends the rows that it adds.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_PLACEMENT_H_
#define TRIPTYCH_EMULATORS_PLACEMENT_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "emulators/ledger.h"
#include "emulators/target.h"
#include "models/graph.h"
#include "models/tensors.h"

namespace triptych {

enum class Side : uint8_t { kHost, kDevice };

Side SideOf(const Target& target, const Graph& graph, const Node& node);
// The side of every node of a graph. `on_host`, by node, sends some of what
// the machine could do to the host (CompileOptions).
std::vector<Side> SidesOf(const Target& target, const Graph& graph,
                          const std::vector<bool>& on_host = {});

// One node in its place, with what has to move before and after it.
struct Placed {
  const Node* node = nullptr;
  std::vector<ValueId> moves_before;
  bool cache_read_moves = false;
  bool cache_write_moves = false;
  bool output_moves = false;   // the entry's output, to the host
  std::vector<ValueId> drops;  // activations nobody needs after this
};

// The nodes of `entry` in the order in which they run.
std::vector<Placed> PlaceEntry(const Graph& graph, const Entry& entry,
                               std::span<const Side> sides);

bool WritesCache(const Graph& graph, const Node& node);

// The step for `node`: the machine's own, or the host's where the machine has
// none or `on_host` says so. `weights` may be null. Errors are those of
// Target::Lower, located.
Result<std::unique_ptr<Step>> LowerNode(const Target& target,
                                        const Graph& graph, const Node& node,
                                        const Weights* weights,
                                        bool on_host = false);

// Batch, tokens and context that a phase allows.
Status CheckBinding(const Graph& graph, const RunRequest& request);

// Moves, computes and charges one node from `begin` on; returns when it ends.
// Without tensors nothing is computed. `failure`, if not null, is set when a
// step says that it cannot go on (StepContext::Fail).
Picos WalkNode(const Target& target, const Graph& graph, const Placed& placed,
               const Step& step, const RunRequest& request,
               TensorStore* tensors, Picos begin, Ledger& ledger,
               Status* failure = nullptr);

}  // namespace triptych

#endif  // TRIPTYCH_EMULATORS_PLACEMENT_H_
