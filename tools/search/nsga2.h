// Guided search for a Pareto front: NSGA-II (K. Deb, A. Pratap, S. Agarwal,
// T. Meyarivan, IEEE Trans. Evol. Comp. 6(2), 2002) of pagmo2 (F. Biscani, D.
// Izzo, J. Open Source Softw. 5(53), 2020), where the build has it.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_SEARCH_NSGA2_H_
#define TRIPTYCH_TOOLS_SEARCH_NSGA2_H_

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "kernels/base/result.h"
#include "tools/search/space.h"
#include "tools/sweep/results.h"

namespace triptych::search {

// The objectives of a point, in the order of the search's; an Error for a
// point that nothing can be said about. Called from several threads at once
// if Options::threads is more than 1.
using Evaluate =
    std::function<Result<std::vector<double>>(std::span<const double> point)>;

struct Options {
  uint64_t seed = 1;
  // Points of a generation; rounded up to a multiple of 4, and at least 8.
  size_t population = 100;
  size_t generations = 100;  // after the first, which is random
  int threads = 1;
  // After each generation; may be empty.
  std::function<void(size_t done, size_t total)> progress;
};

// A point that was evaluated.
struct Trial {
  Point point;
  std::vector<double> objectives;  // empty after an error
  std::string error;               // of Evaluate, or a number not finite
};

struct Found {
  std::vector<Trial> trials;  // distinct, in the order they were asked for
  // The exact front of all of them, not of the last generation alone: indices
  // of trials, ascending.
  std::vector<size_t> front;
};

// Whether this build can.
bool HasNsga2();

// The same for the same seed, whatever the threads. No point is evaluated
// twice. Points with errors lose against all others. Errors: the space; no
// objective; kUnsupported where the build has no pagmo2.
Result<Found> Nsga2(std::span<const Axis> axes,
                    std::span<const sweep::Objective> objectives,
                    const Evaluate& evaluate, const Options& options = {});

}  // namespace triptych::search

#endif  // TRIPTYCH_TOOLS_SEARCH_NSGA2_H_
