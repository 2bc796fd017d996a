// Pieces that several commands report with.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_CLI_OP_REPORT_H_
#define TRIPTYCH_TOOLS_CLI_OP_REPORT_H_

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "emulators/profile.h"
#include "emulators/target.h"
#include "emulators/trace.h"
#include "kernels/base/result.h"

namespace triptych::cli {

// "mesh:blackhole-p150".
std::string LabelOf(const Target& target);

// Costs by operator, as a table and as an array of objects.
std::string OpTable(const std::vector<OpCost>& costs);
nlohmann::json ToJson(const std::vector<OpCost>& costs);

// What both a profile and a generation say of the machine that ran: `busy`,
// `energy_by_action` and `energy_basis`, `roofline`, and where there is one
// `error_budget`.
nlohmann::json MachineJson(const Target& target, const Profile& profile);

// emulators/traffic.h as JSON; null if there is none.
nlohmann::json ToJson(const std::optional<Traffic>& traffic);

// Writes the timeline of `tracks` to `path`, if that is not "". `format` is
// "json", "perfetto" or "auto": Perfetto's where `path` ends in .pftrace or
// there are more slices than JSON is good for. Viewers tell the two apart by
// what is in the file.
Status WriteTraceFile(const std::string& path, const std::vector<Track>& tracks,
                      std::string_view format = "auto");

}  // namespace triptych::cli

#endif  // TRIPTYCH_TOOLS_CLI_OP_REPORT_H_
