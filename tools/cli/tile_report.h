// What came of a program on tiles: as JSON, as text, as a timeline.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_CLI_TILE_REPORT_H_
#define TRIPTYCH_TOOLS_CLI_TILE_REPORT_H_

#include <nlohmann/json_fwd.hpp>
#include <ostream>
#include <string>

#include "emulators/mesh/tile/chip.h"

namespace triptych::cli {

nlohmann::json TileReportJson(const mesh::tile::Chip& chip,
                              const mesh::tile::RunReport& report);
// From that JSON, and how long the host took.
std::string TileReportText(const nlohmann::json& report);

// Chrome's trace events: a process for each tile, a thread for each core and
// each of the engine's. Cores: what they waited for, and marks; the engine:
// its commands.
void WriteTileTrace(const mesh::tile::Chip& chip, std::ostream& out);

}  // namespace triptych::cli

#endif  // TRIPTYCH_TOOLS_CLI_TILE_REPORT_H_
