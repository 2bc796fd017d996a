// profile: what a model would cost, by its shape alone.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/profile.h"

#include <fmt/format.h>

#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>

#include "emulators/trace.h"
#include "tools/cli/generate.h"
#include "tools/cli/json_output.h"
#include "tools/cli/model_source.h"
#include "tools/cli/table.h"

namespace triptych::cli {
namespace {

Phase PhaseOf(const std::string& name) {
  if (name == "prefill") return Phase::kPrefill;
  return name == "encode" ? Phase::kEncode : Phase::kDecode;
}

Binding BindingOf(const ProfileOptions& o) {
  if (o.phase == "prefill") return {o.batch, std::max<int64_t>(1, o.context), 0};
  if (o.phase == "encode") return {o.batch, std::max<int64_t>(1, o.context), 0};
  return {o.batch, 1, o.context};
}

nlohmann::json ProfileJson(const Target& target, const Profile& p,
                           double wall) {
  nlohmann::json bytes = p.bytes;
  bytes["off_chip"] = p.total.off_chip_bytes;
  bytes["internal"] = p.total.internal_bytes;
  return {{"target", target.name()},
          {"preset", target.preset()},
          {"seconds", p.total.seconds},
          {"cycles", p.cycles},
          {"energy_j", p.total.energy_j},
          {"assumed_energy_fraction", p.total.assumed_energy_fraction()},
          {"bytes", bytes},
          {"flops", p.total.flops},
          {"padding_flops", p.total.padding_flops},
          {"utilisation", p.utilisation},
          {"bound", p.bound},
          {"roof_fraction", p.roofline.roof_fraction},
          {"busy", p.busy},
          {"energy_by_action", p.energy_j},
          {"host_wall_s", wall},
          {"ops", ToJson(p.kinds)}};
}

std::string Breakdown(const Target& target, const Profile& p) {
  Table table({"operator", "nodes", "time", "share", "energy", "off-chip"});
  for (const OpCost& op : p.kinds) {
    table.Add({op.op, std::to_string(op.nodes), Si(op.cost.seconds, "s"),
               Percent(op.time_share), Si(op.cost.energy_j, "J"),
               Si(static_cast<double>(op.cost.off_chip_bytes), "B")});
  }
  return fmt::format("\n{}:{}, by operator:\n{}", target.name(),
                     target.preset(), table.Text());
}

struct Row {
  std::unique_ptr<Target> target;
  std::unique_ptr<Program> program;
  Ledger ledger;
  Profile profile;
  double wall = 0;
};

Result<Row> ProfileOn(const Model& model, const std::string& spec,
                      const ProfileOptions& o) {
  const auto start = std::chrono::steady_clock::now();
  Row row;
  TRIPTYCH_ASSIGN(row.target, MakeTarget(spec, OverridesFor(spec, o.set)));
  TRIPTYCH_ASSIGN(row.program, row.target->Compile(model.graph, nullptr));
  row.ledger = Ledger(o.trace.empty() ? Ledger::Mode::kFold
                                      : Ledger::Mode::kKeep);
  const RunRequest request{.phase = PhaseOf(o.phase), .binding = BindingOf(o)};
  TRIPTYCH_TRY(row.program->Run(request, nullptr, row.ledger));
  row.profile = MakeProfile(model.graph, *row.target, row.ledger);
  row.wall = std::chrono::duration<double>(
                 std::chrono::steady_clock::now() - start)
                 .count();
  return row;
}

Status WriteTraceFile(const std::string& path, const Model& model,
                      const std::vector<Row>& rows) {
  if (path.empty()) return {};
  std::vector<Track> tracks;
  for (const Row& row : rows) {
    tracks.push_back({fmt::format("{}:{}", row.target->name(),
                                  row.target->preset()),
                      &model.graph, row.target.get(), &row.ledger});
  }
  std::ofstream file(path, std::ios::binary);
  WriteTrace(file, tracks);
  file.close();
  if (!file) return MakeError(ErrorCode::kIo, path + ": cannot be written");
  return {};
}

}  // namespace

int ProfileCommand(const ProfileOptions& options) {
  const auto model = OpenModel(options.model, "", {});
  if (!model) return Fail(model.error());
  std::vector<std::string> specs = options.targets;
  if (specs.empty()) {
    for (const TargetEntry& entry : AllTargets()) {
      specs.emplace_back(entry.name);
    }
  }
  Table table({"target", "time", "energy", "assumed", "off-chip", "FLOP",
               "utilisation", "of roof", "bound", "host time"});
  std::vector<Row> rows;
  nlohmann::json results = nlohmann::json::array();
  std::string breakdowns;
  for (const std::string& spec : specs) {
    auto row = ProfileOn(**model, spec, options);
    if (!row) return Fail(row.error());
    const Profile& p = row->profile;
    const auto bytes = static_cast<double>(p.total.off_chip_bytes);
    table.Add({fmt::format("{}:{}", row->target->name(),
                           row->target->preset()),
               Si(p.total.seconds, "s"), Si(p.total.energy_j, "J"),
               Percent(p.total.assumed_energy_fraction()), Si(bytes, "B"),
               Si(static_cast<double>(p.total.flops), ""),
               Percent(p.utilisation), Percent(p.roofline.roof_fraction),
               p.bound, Si(row->wall, "s")});
    breakdowns += Breakdown(*row->target, p);
    results.push_back(ProfileJson(*row->target, p, row->wall));
    rows.push_back(std::move(*row));
  }
  Print(options.json, table.Text() + breakdowns);
  if (auto s = WriteJson(options.json, "profile", results); !s) {
    return Fail(s.error());
  }
  if (auto s = WriteTraceFile(options.trace, **model, rows); !s) {
    return Fail(s.error());
  }
  return kOk;
}

}  // namespace triptych::cli
