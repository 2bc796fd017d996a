// The report of one run by operator and by layer, as tables and as JSON.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_CLI_LAYERS_H_
#define TRIPTYCH_TOOLS_CLI_LAYERS_H_

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "emulators/layer_report.h"

namespace triptych::cli {

// Where time, accuracy and energy go, a table each. A machine that counted
// nothing of itself has no columns for it.
std::string LayerTables(const LayerReport& report);

// {"nodes": [...], "operators": [...], "layers": [...], "total": {...}} of
// rows.
nlohmann::json ToJson(const LayerReport& report);

}  // namespace triptych::cli

#endif  // TRIPTYCH_TOOLS_CLI_LAYERS_H_
