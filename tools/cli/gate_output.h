// What the two commands that gate write alike.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_CLI_GATE_OUTPUT_H_
#define TRIPTYCH_TOOLS_CLI_GATE_OUTPUT_H_

#include <string>

#include "kernels/base/result.h"
#include "tools/gate/results.h"

namespace triptych::cli {

// Makes `path` what `text` is. Nothing for "".
Status WriteText(const std::string& path, const std::string& text);

// Rewrites the baseline `path` with `results`; its reasons stay, and `reason`
// is one more unless it is "". With `some_targets` so do the rows of targets
// that were not run. Errors: a file there that is no baseline.
Status Accept(const std::string& path, const std::string& reason,
              gate::Results results, bool some_targets);

}  // namespace triptych::cli

#endif  // TRIPTYCH_TOOLS_CLI_GATE_OUTPUT_H_
