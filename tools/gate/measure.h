// Runs a suite: what every operator of every target costs and gets wrong.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_GATE_MEASURE_H_
#define TRIPTYCH_TOOLS_GATE_MEASURE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "emulators/target.h"
#include "kernels/base/result.h"
#include "tools/gate/results.h"
#include "tools/gate/suite.h"

namespace triptych::gate {

struct MeasureOptions {
  std::optional<uint64_t> seed;  // instead of the cases' own
  int threads = 1;
  // How the graph is compiled for a target, for all that is measured; tests
  // put faults here. Empty: as always.
  std::function<CompileOptions(const Target&)> compile;
  // Told when a target of a case is done. May be empty.
  TokensDone tell;
};

// Errors: models, targets and texts that cannot be had; located by case.
Result<Results> Measure(const Suite& suite, const MeasureOptions& options);

}  // namespace triptych::gate

#endif  // TRIPTYCH_TOOLS_GATE_MEASURE_H_
