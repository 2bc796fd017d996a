// What `accuracy` found on one target, as tables and as JSON.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_CLI_ACCURACY_REPORT_H_
#define TRIPTYCH_TOOLS_CLI_ACCURACY_REPORT_H_

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "emulators/accuracy.h"
#include "emulators/attribution.h"
#include "emulators/op_error.h"
#include "tools/gate/statistics.h"

namespace triptych::cli {

struct ScoredTarget {
  std::string target, preset;
  Accuracy accuracy;  // the mean over seeds
  // By seed. `deterministic`: two seeds gave the same to the last bit, and no
  // more were run.
  gate::Mean kl_by_seed, nll_by_seed;
  bool deterministic = false;
  std::vector<OpError> own, propagated;  // by node; empty if not asked for
  std::optional<Attribution> attribution;

  std::string Label() const { return target + ":" + preset; }
};

std::string TextOf(const std::vector<ScoredTarget>& all);
nlohmann::json ToJson(const ScoredTarget& scored);

}  // namespace triptych::cli

#endif  // TRIPTYCH_TOOLS_CLI_ACCURACY_REPORT_H_
