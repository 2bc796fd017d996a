// Small graphs, and what running them gives.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TESTS_EMULATORS_CONFORMANCE_RIG_H_
#define TRIPTYCH_TESTS_EMULATORS_CONFORMANCE_RIG_H_

#include <string>
#include <vector>

#include "emulators/target.h"
#include "models/graph.h"
#include "models/graph_weights.h"

namespace triptych::conformance {

// Two layers; no size is a multiple of 32, so that every tile has a tail.
Graph TinyLlama();
// The same with latent attention and experts; and an encoder without caches.
Graph TinyDeepseek();
Graph TinyVit();
// Two layers of a size at which rates matter more than latencies.
Graph WideLlama();

// One run of each phase that a graph has: a prefill of kTokens, then a decode
// step on top of them.
inline constexpr int64_t kTokens = 9;
std::vector<RunRequest> RequestsFor(const Graph& graph, int threads = 1);

struct PhaseRun {
  RunRequest request;
  Ledger ledger;              // every charge
  std::vector<float> output;  // empty in a timing-only run
};
// Both runs share caches. Null weights: timing only. Aborts if the graph does
// not compile or run: that is for other tests to say well.
std::vector<PhaseRun> RunAll(const Target& target, const Graph& graph,
                             const Weights* weights, int threads = 1);

// The graph that has only this node, for the graph's first phase; its
// activations are inputs.
Graph Isolate(const Graph& graph, const Node& node);

}  // namespace triptych::conformance

#endif  // TRIPTYCH_TESTS_EMULATORS_CONFORMANCE_RIG_H_
