// One row for what a study has in several: a machine's prefill and its decode,
// so that one row has both TTFT and TPOT.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_ANALYSIS_JOIN_H_
#define TRIPTYCH_TOOLS_ANALYSIS_JOIN_H_

#include <string_view>

#include "kernels/base/result.h"
#include "tools/sweep/results.h"

namespace triptych::analysis {

// The study without `axis`: rows that are equal in every other axis become
// one, in the order of their first. A column in which such rows never differ,
// where they have a value, stays as it is: "ttft_s", which only prefill has,
// or an area. Any other becomes a column a level: "seconds@prefill",
// "seconds@decode"; so does an objective. Of rows that are equal in `axis`
// too, the last counts. Errors: no such axis.
Result<sweep::Results> JoinOver(const sweep::Results& results,
                                std::string_view axis);

}  // namespace triptych::analysis

#endif  // TRIPTYCH_TOOLS_ANALYSIS_JOIN_H_
