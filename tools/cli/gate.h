// The accuracy gate: scores of targets against a reviewed baseline.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_CLI_GATE_H_
#define TRIPTYCH_TOOLS_CLI_GATE_H_

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "emulators/accuracy.h"
#include "kernels/base/result.h"

namespace triptych::cli {

struct ScoredTarget {
  std::string target, preset;
  Accuracy accuracy;
  std::string failure;  // against the baseline; "" is a pass

  std::string Label() const { return target + ":" + preset; }
};

// One of the results[] of `accuracy`, and of a baseline.
nlohmann::json ToJson(const ScoredTarget& scored);

// Fills `failure` of each: KL risen by more than a tenth and its own standard
// error, another number of predictions, or no line in the baseline. Errors: a
// file that cannot be read or is not what `accuracy --accept` writes.
Status JudgeByBaseline(const std::string& path,
                       std::vector<ScoredTarget>& scored);

// One test case a target. Nothing for "".
Status WriteJunit(const std::string& path,
                  const std::vector<ScoredTarget>& scored);

}  // namespace triptych::cli

#endif  // TRIPTYCH_TOOLS_CLI_GATE_H_
