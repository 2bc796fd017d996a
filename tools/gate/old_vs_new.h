// Two builds or two machines compared, without a file of what should be.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_GATE_OLD_VS_NEW_H_
#define TRIPTYCH_TOOLS_GATE_OLD_VS_NEW_H_

#include <string>
#include <vector>

#include "kernels/base/result.h"
#include "tools/gate/measure.h"
#include "tools/gate/results.h"
#include "tools/gate/suite.h"

namespace triptych::gate {

// One of the two.
struct Side {
  std::string build;             // a `triptych` program; "": this one
  std::string target;            // instead of the suite's; "": theirs
  std::vector<std::string> set;  // beside the suite's
};

// What `text`, of --old or --new, names: a program, else a target.
Side SideOf(const std::string& text, std::vector<std::string> set);

// Measures one side. Errors: a program that cannot be run or fails (its
// stderr has been seen), and those of Measure.
Result<Results> MeasureSide(const Suite& suite, const Side& side,
                            const MeasureOptions& options);

// Both, `repeats` times in turn so that a busy host is busy for both; host
// times are those of all repetitions. Rows of the two sides get one name
// where their targets differ.
struct OldAndNew {
  Results old, now;
};
Result<OldAndNew> MeasureBoth(const Suite& suite, const Side& old,
                              const Side& now, int repeats,
                              const MeasureOptions& options);

}  // namespace triptych::gate

#endif  // TRIPTYCH_TOOLS_GATE_OLD_VS_NEW_H_
