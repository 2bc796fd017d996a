// Pareto fronts of a study: which points no other point beats.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_ANALYSIS_PARETO_H_
#define TRIPTYCH_TOOLS_ANALYSIS_PARETO_H_

#include <cstddef>
#include <vector>

#include "tools/sweep/results.h"

namespace triptych::analysis {

// The exact non-dominated set, ascending. Rows that lack an objective are not
// in it; without objectives there is none.
std::vector<size_t> ParetoFront(const sweep::Results& results);

// The front, and every point that would be on it if all its objectives were
// better by the fraction `band` of their value. Ascending.
std::vector<size_t> ParetoBand(const sweep::Results& results, double band);

}  // namespace triptych::analysis

#endif  // TRIPTYCH_TOOLS_ANALYSIS_PARETO_H_
