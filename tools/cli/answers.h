// What `sweep answers` and `report` share.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_CLI_ANSWERS_H_
#define TRIPTYCH_TOOLS_CLI_ANSWERS_H_

#include "tools/analysis/stability.h"
#include "tools/sweep/results.h"

namespace triptych::cli {

// The error of each target in `results`, from the measured tables that come
// with the emulators: those about whole steps of a model where there are any.
// Targets without a table, or whose table is not here, are left out.
analysis::ErrorModel ErrorsOf(const sweep::Results& results);

}  // namespace triptych::cli

#endif  // TRIPTYCH_TOOLS_CLI_ANSWERS_H_
