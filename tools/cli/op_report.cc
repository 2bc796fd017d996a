// SPDX-License-Identifier: Apache-2.0
#include "tools/cli/op_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "tools/cli/output.h"
#include "tools/cli/table.h"

namespace triptych::cli {

std::string LabelOf(const Target& target) {
  return fmt::format("{}:{}", target.name(), target.preset());
}

std::string OpTable(const std::vector<OpCost>& costs) {
  Table table({"operator", "nodes", "time", "share", "energy", "off-chip"});
  for (const OpCost& op : costs) {
    table.Add({op.op, std::to_string(op.nodes), Si(op.cost.seconds, "s"),
               Percent(op.time_share), Si(op.cost.energy_j, "J"),
               Si(static_cast<double>(op.cost.off_chip_bytes), "B")});
  }
  return table.Text();
}

nlohmann::json ToJson(const std::vector<OpCost>& costs) {
  nlohmann::json rows = nlohmann::json::array();
  for (const OpCost& op : costs) {
    rows.push_back({{"name", op.name},
                    {"op", op.op},
                    {"nodes", op.nodes},
                    {"time_share", op.time_share},
                    {"seconds", op.cost.seconds},
                    {"energy_j", op.cost.energy_j},
                    {"flops", op.cost.flops},
                    {"padding_flops", op.cost.padding_flops},
                    {"off_chip_bytes", op.cost.off_chip_bytes}});
  }
  return rows;
}

Status WriteTraceFile(const std::string& path, const std::vector<Track>& tracks,
                      std::string_view format) {
  auto chosen = TraceFormat::kAuto;
  if (format == "json") chosen = TraceFormat::kJson;
  if (format == "perfetto" || (format == "auto" && path.ends_with(".pftrace")))
    chosen = TraceFormat::kPerfetto;
  return WriteFile(path,
                   [&](std::ostream& out) { WriteTrace(out, tracks, chosen); });
}

}  // namespace triptych::cli
