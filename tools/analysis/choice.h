// "The cheapest point that meets TTFT and TPOT": the best point by one column
// under bounds on others, and what the bounds cost.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_ANALYSIS_CHOICE_H_
#define TRIPTYCH_TOOLS_ANALYSIS_CHOICE_H_

#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/result.h"
#include "tools/sweep/results.h"

namespace triptych::analysis {

struct Bound {
  std::string column;
  double limit = 0;       // inclusive
  bool at_least = false;  // or else at most
};

struct Wish {
  sweep::Objective best;
  std::vector<Bound> bounds;
};

// Reads "ttft_s<=0.5" and "tokens_per_s >= 20"; Errors say what is allowed.
Result<Bound> ParseBound(std::string_view text);
std::string ToText(const Bound& bound);

// What one bound does to the choice.
struct BoundCost {
  size_t met = 0;  // points that meet it, whatever the others
  // How far the best point stays from the limit, as a fraction of it: 0 is
  // at it. NaN without a best point or for a limit of 0.
  double slack = std::numeric_limits<double>::quiet_NaN();
  // The best point were this bound not there, if that one is better: the
  // bound is then tight. Where nothing meets all bounds, what would meet the
  // others.
  std::optional<size_t> without;
};

struct Choice {
  std::vector<size_t> best;       // best first; of equal ones the first
  size_t feasible = 0;            // points that meet all bounds
  std::vector<BoundCost> bounds;  // as in the wish
};

// The best `most` points. A point takes part if it has a finite number to be
// ranked by; one without a number for a bound does not meet it. Errors: a
// column that is not there or holds texts.
Result<Choice> Choose(const sweep::Results& results, const Wish& wish,
                      size_t most = 5);

}  // namespace triptych::analysis

#endif  // TRIPTYCH_TOOLS_ANALYSIS_CHOICE_H_
