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
                    {"matrix_flops", op.cost.matrix_flops},
                    {"padding_flops", op.cost.padding_flops},
                    {"off_chip_bytes", op.cost.off_chip_bytes}});
  }
  return rows;
}

nlohmann::json MachineJson(const Target& target, const Profile& profile) {
  nlohmann::json basis = nlohmann::json::object();
  for (const Action& action : target.actions()) {
    if (profile.energy_j.contains(action.name)) {
      basis[action.name] = BasisName(action.basis);
    }
  }
  const Roofline roof = target.roofline();
  nlohmann::json json = {
      {"busy", profile.busy},
      {"energy_by_action", profile.energy_j},
      {"energy_basis", basis},
      {"roofline",
       {{"peak_flops_per_s", roof.matrix.value},
        {"off_chip_bytes_per_s", roof.off_chip.value},
        {"flops_per_byte", profile.roofline.flops_per_byte},
        {"flops_per_s", profile.roofline.flops_per_second}}}};
  for (const ErrorTerm& term : target.error_budget()) {
    json["error_budget"].push_back(
        {{"name", term.name}, {"variance", term.variance}});
  }
  return json;
}

nlohmann::json ToJson(const std::optional<Traffic>& traffic) {
  if (!traffic) return nullptr;
  nlohmann::json kinds = nlohmann::json::array();
  nlohmann::json macs = nlohmann::json::array();
  for (size_t i = 0; i < traffic->kinds.size(); ++i) {
    const bool tile = traffic->kinds[i] == RouterKind::kTile;
    kinds.push_back(RouterKindName(traffic->kinds[i]));
    macs.push_back(tile ? nlohmann::json(traffic->macs[i]) : nullptr);
  }
  return {{"columns", traffic->columns},
          {"rows", traffic->rows},
          {"link_bytes_per_s", traffic->link.value},
          {"byte_hops", traffic->byte_hops},
          {"kinds", kinds},
          {"right", traffic->right},
          {"down", traffic->down},
          {"received", traffic->received},
          {"macs", macs}};
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
