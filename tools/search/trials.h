// Every point a search has asked for, with its answer.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_SEARCH_TRIALS_H_
#define TRIPTYCH_TOOLS_SEARCH_TRIALS_H_

#include <map>
#include <span>
#include <vector>

#include "tools/search/nsga2.h"

namespace triptych::search {

// Not thread-safe.
class Trials {
 public:
  Trials(std::span<const sweep::Objective> objectives, const Evaluate& evaluate,
         int threads)
      : objectives_(objectives), evaluate_(evaluate), threads_(threads) {}

  // Which trials the points are; evaluates those that are new.
  std::vector<size_t> Ask(const std::vector<Point>& points);

  // The objectives of a trial, all to be minimised; the largest number there
  // is after an error.
  std::vector<double> CostsOf(size_t trial) const;

  Found Take() &&;

 private:
  Trial Answer(const Point& point) const;

  std::span<const sweep::Objective> objectives_;
  const Evaluate& evaluate_;
  int threads_;
  std::vector<Trial> trials_;
  std::map<Point, size_t> index_;
};

}  // namespace triptych::search

#endif  // TRIPTYCH_TOOLS_SEARCH_TRIALS_H_
