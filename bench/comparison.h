// One variant on one shape: against the roof, and against peers in turns.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_BENCH_COMPARISON_H_
#define TRIPTYCH_BENCH_COMPARISON_H_

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "bench/interleave.h"
#include "bench/measure.h"
#include "bench/peers/peer.h"
#include "bench/roof.h"
#include "bench/shapes.h"
#include "bench/statistics.h"
#include "kernels/variants.h"

namespace triptych::bench {

struct Conditions {
  int threads = 1;
  // Operands that no cache holds, as a decoder finds the weights of each
  // layer: calls go round over problems that together are four times the last
  // level (of tiny ones, over 4096).
  bool cold = false;
  Protocol protocol;
};

struct SideTimes {
  double best_s = 0, median_s = 0;  // of one call
};

// What came of a peer. A problem says why there are no times: it cannot do
// the shape, or its values are wrong.
struct PeerOutcome {
  std::string problem;
  SideTimes times;
  Ratio ratio;
};

struct Outcome {
  ListedShape shape;
  ProblemWork work;
  Ceiling ceiling;
  std::string problem;  // of our values; then nothing was timed
  size_t rounds = 0;
  SideTimes times;
  Rates rates = {};                // of the best time
  std::vector<PeerOutcome> peers;  // in the order given
};

// Checks a sample of the values of each side against kernels/ref or an f64
// sum, then times what is right. Operands are random; ours are packed, and
// those of the peers prepared, before. `peers` is empty for variants that are
// no products of m, n and k.
Outcome CompareOn(const Variant& variant, const ListedShape& shape,
                  std::span<const OpenPeer> peers, const Conditions& conditions,
                  Roof& roof);

}  // namespace triptych::bench

#endif  // TRIPTYCH_BENCH_COMPARISON_H_
