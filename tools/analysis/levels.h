// The levels of an axis: the groups that effects and maps average over.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_ANALYSIS_LEVELS_H_
#define TRIPTYCH_TOOLS_ANALYSIS_LEVELS_H_

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "tools/sweep/results.h"

namespace triptych::analysis {

inline constexpr uint32_t kNoLevel = std::numeric_limits<uint32_t>::max();
// As many as a table or a map shows well.
inline constexpr size_t kMaxLevels = 12;

struct Levels {
  std::vector<std::string> labels;  // numbers rising, texts by alphabet
  std::vector<uint32_t> of_point;   // kNoLevel where a point has no value
  bool binned = false;              // labels are ranges: "100 .. 220"
};

// Each value of the column is a level. Numbers with more than `most` of them
// (an axis that was sampled) are put into ranges of about as many points;
// texts never are.
Levels LevelsOf(const sweep::Column& column, size_t most = kMaxLevels);

// An axis that moves with an earlier one: each value of the one goes with one
// value of the other, so that nothing can tell their effects apart.
struct Follower {
  std::string axis, leader;
};
std::vector<Follower> Followers(const sweep::Results& results);

// Axes of the study that take more than one value and follow no other, in its
// order.
std::vector<const sweep::Column*> VaryingAxes(const sweep::Results& results);

}  // namespace triptych::analysis

#endif  // TRIPTYCH_TOOLS_ANALYSIS_LEVELS_H_
