// profile: what a model would cost, by its shape alone.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "tools/cli/bounds.h"
#include "tools/cli/layers.h"
#include "tools/cli/model_source.h"
#include "tools/cli/op_report.h"
#include "tools/cli/options.h"
#include "tools/cli/output.h"
#include "tools/cli/table.h"
#include "tools/cli/timeline.h"

namespace triptych::cli {
namespace {

using Clock = std::chrono::steady_clock;

RunRequest RequestOf(const ProfileOptions& o) {
  RunRequest request{.phase = Phase::kDecode,
                     .binding = {o.batch, 1, o.context},
                     .threads = ThreadsOf(o)};
  if (o.phase != "decode") {
    request.phase = o.phase == "prefill" ? Phase::kPrefill : Phase::kEncode;
    request.binding = {o.batch, std::max<int64_t>(1, o.context), 0};
  }
  return request;
}

struct Row {
  std::unique_ptr<Target> target;
  Ledger ledger;
  Profile profile;
  std::map<std::string, WhatBounds> bounds;  // by kind of operator
  std::optional<Traffic> traffic;
  std::optional<LayerReport> layers;
  double wall_s = 0;
};

Result<Row> ProfileOn(const Model& model, const std::string& spec,
                      const ProfileOptions& o) {
  const auto start = Clock::now();
  Row row;
  TRIPTYCH_ASSIGN(row.target, MakeTarget(spec, OverridesFor(spec, o.set)));
  std::optional<LayerMeter> meter;
  if (o.layers) meter.emplace(model.graph, *row.target, nullptr);
  TRIPTYCH_ASSIGN(
      const auto program,
      row.target->Compile(model.graph, nullptr,
                          meter ? meter->Watching() : CompileOptions()));
  const bool keep = !o.trace.empty() || o.timeline;
  row.ledger = Ledger(keep ? Ledger::Mode::kKeep : Ledger::Mode::kFold);
  const RunRequest request = RequestOf(o);
  TRIPTYCH_TRY(program->Run(request, nullptr, row.ledger));
  row.profile = MakeProfile(model.graph, *row.target, row.ledger);
  if (meter) row.layers = meter->Report(request.phase, row.ledger);
  row.bounds = BoundsByOp(model.graph, *row.target, row.ledger);
  if (!o.json.empty()) {
    row.traffic =
        row.target->TrafficOf(model.graph, request.binding, request.phase);
  }
  row.wall_s = std::chrono::duration<double>(Clock::now() - start).count();
  return row;
}

nlohmann::json ProfileJson(const Model& model, const Row& row,
                           const ProfileOptions& o) {
  const Profile& p = row.profile;
  nlohmann::json bytes = p.bytes;
  bytes["off_chip"] = p.total.off_chip_bytes;
  bytes["internal"] = p.total.internal_bytes;
  nlohmann::json json = {
      {"target", row.target->name()},
      {"preset", row.target->preset()},
      {"model", model.graph.name()},
      {"phase", o.phase},
      {"batch", o.batch},
      {"context", o.context},
      {"seconds", p.total.seconds},
      {"cycles", p.cycles},
      {"energy_j", p.total.energy_j},
      {"assumed_energy_fraction", p.total.assumed_energy_fraction()},
      {"bytes", bytes},
      {"flops", p.total.flops},
      {"padding_flops", p.total.padding_flops},
      {"utilisation", p.utilisation},
      {"bound", p.bound},
      {"next_bound", BoundsOf(p.busy, 1).next_bound},
      {"roof_fraction", p.roofline.roof_fraction},
      {"host_wall_s", row.wall_s},
      {"ops", ToJson(p.kinds)}};
  for (nlohmann::json& op : json["ops"]) {
    const WhatBounds& what = row.bounds.at(op["op"].get<std::string>());
    op["bound"] = what.bound;
    op["next_bound"] = what.next_bound;
  }
  json.update(MachineJson(*row.target, p));
  if (row.traffic) json["traffic"] = ToJson(row.traffic);
  if (row.layers) json["layers"][o.phase] = ToJson(*row.layers);
  if (o.timeline) {
    json["timeline"] = ToJson(TimelineOf(model.graph, *row.target, row.ledger));
  }
  return json;
}

std::string TextOf(const std::vector<Row>& rows) {
  Table table({"target", "time", "energy", "assumed", "off-chip", "FLOP",
               "utilisation", "of roof", "bound", "host time"});
  std::string by_operator;
  for (const Row& row : rows) {
    const Profile& p = row.profile;
    const std::string label = LabelOf(*row.target);
    table.Add({label, Si(p.total.seconds, "s"), Si(p.total.energy_j, "J"),
               Percent(p.total.assumed_energy_fraction()),
               Si(static_cast<double>(p.total.off_chip_bytes), "B"),
               Si(static_cast<double>(p.total.flops), ""),
               Percent(p.utilisation), Percent(p.roofline.roof_fraction),
               p.bound, Si(row.wall_s, "s")});
    by_operator +=
        fmt::format("\n{}, by operator:\n{}", label, OpTable(p.kinds));
    Table why({"operator", "bound", "next bound"});
    for (const OpCost& kind : p.kinds) {
      const WhatBounds& what = row.bounds.at(kind.op);
      why.Add({kind.op, what.bound, what.next_bound});
    }
    by_operator += "\n" + why.Text();
    if (row.layers) {
      by_operator += fmt::format("\n{}, {}", label, LayerTables(*row.layers));
    }
  }
  return table.Text() + by_operator;
}

}  // namespace

Result<int> ProfileCommand(const ProfileOptions& options) {
  TRIPTYCH_ASSIGN(const auto model, OpenModel(options.model, "", {}));
  const std::vector<std::string> specs = TargetsOr(options, TargetNames());
  Progress progress("profile");
  std::vector<Row> rows;
  std::vector<Track> tracks;
  nlohmann::json results = nlohmann::json::array();
  for (const std::string& spec : specs) {
    TRIPTYCH_ASSIGN(Row row, ProfileOn(*model, spec, options));
    results.push_back(ProfileJson(*model, row, options));
    rows.push_back(std::move(row));
    progress(rows.size(), specs.size());
  }
  for (const Row& row : rows) {
    tracks.push_back(
        {LabelOf(*row.target), &model->graph, row.target.get(), &row.ledger});
  }
  Print(options.json, TextOf(rows));
  TRIPTYCH_TRY(WriteJson(options.json, "profile", results));
  TRIPTYCH_TRY(WriteTraceFile(options.trace, tracks, options.trace_format));
  return kOk;
}

}  // namespace triptych::cli
