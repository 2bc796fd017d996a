// How far the error of the models could change a front.
//
// Each target has an error of its own against measured values; a point of the
// study can be off by as much. Whether another point could then take a front
// point's place is decided by intervals, not by draws: the front point as bad
// as its target's error allows, every other point as good as its own allows.
// What holds then holds for all errors in between.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_ANALYSIS_STABILITY_H_
#define TRIPTYCH_TOOLS_ANALYSIS_STABILITY_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tools/sweep/results.h"

namespace triptych::analysis {

// Fractions of the value: 0.1 is 10 %.
struct RelativeError {
  double median = 0, p90 = 0;
};

struct ErrorModel {
  // The error of each target that has been validated.
  std::map<std::string, RelativeError, std::less<>> of_target;
  // The text column that names a point's target. Where there is none, every
  // point is of the one target in `of_target`, or of no known one.
  std::string target_column = "target";
  // Objectives that no model predicts, as an area or a price. Axes of the
  // study are exact of themselves.
  std::vector<std::string> exact;
};

struct PointStability {
  size_t point;
  std::string target;
  // Of the target; none if it has not been validated: it then counts as
  // exact, which flatters it.
  std::optional<RelativeError> error;
  struct Holds {
    // No point could equal or beat it if every point errs on its own. (Points
    // of one target with equal objectives are one prediction, not rivals.)
    bool alone = true;
    // The same if a target is wrong by one factor for all of its points: only
    // points of other targets can.
    bool by_target = true;
  };
  Holds median, p90;  // with every target wrong by its median, its p90
};

// One for each point of the front, ascending.
std::vector<PointStability> FrontStability(const sweep::Results& results,
                                           const ErrorModel& model);

}  // namespace triptych::analysis

#endif  // TRIPTYCH_TOOLS_ANALYSIS_STABILITY_H_
