// Times several programs in turns, so that what disturbs the machine disturbs
// all of them.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_BENCH_INTERLEAVE_H_
#define TRIPTYCH_BENCH_INTERLEAVE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace triptych::bench {

// Of a clock that only goes forward.
double SteadySeconds();

struct Protocol {
  // A slice is as many calls as fill this, or one: long against the clock's
  // resolution, short against a scheduler's quantum.
  double slice_s = 1e-3;
  // Of slices, for each side; and rounds at least. A side so slow that its
  // share of the rounds takes twice the seconds ends them early, though not
  // before the fifth: the weakest figures there are.
  double seconds = 0.3;
  size_t rounds = 30;
  // Untimed calls come first in a slice, two or, where it has one call, one:
  // so that a side finds its operands in the caches that they fit into, not
  // what the others left there. (After one, operands of 12 MiB were still not
  // back in the last level.)
  bool warm = true;
  uint64_t seed = 1;  // of the order in each round
  // What times calls. (Tests have one that other programs do not move.)
  double (*now)() = SteadySeconds;
};

// One call of a side.
using Side = std::function<void()>;

// times[side][round]: seconds of one call, the mean of a slice. In a round
// each side has one slice, and the order is shuffled every time.
std::vector<std::vector<double>> Interleave(std::span<const Side> sides,
                                            const Protocol& protocol);

}  // namespace triptych::bench

#endif  // TRIPTYCH_BENCH_INTERLEAVE_H_
