// Machines, scores and accuracies from JSON.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "tools/report/fields.h"
#include "tools/report/inputs.h"

namespace triptych::report {
namespace {

using Json = nlohmann::json;

OpKind ReadOp(const Json& json, Fields& owner) {
  Fields f(json);
  f.Require("op").Require("seconds");
  OpKind op{f.Text("op"),
            f.Number("nodes"),
            f.Number("seconds"),
            f.Number("energy_j"),
            f.Number("matrix_flops"),
            f.Number("off_chip_bytes")};
  owner.Keep(f.status());
  return op;
}

// The basis of each is beside it since energies have one.
std::vector<ActionEnergy> ReadEnergy(Fields& f) {
  std::vector<ActionEnergy> energy;
  const Json& basis = f.Object("energy_basis");
  for (const auto& [action, joules] : f.Object("energy_by_action").items()) {
    if (!joules.is_number()) continue;
    const bool assumed =
        basis.is_object() && basis.value(action, std::string()) == "assumed";
    energy.push_back({action, joules.get<double>(), assumed});
  }
  std::ranges::sort(energy, std::ranges::greater(), &ActionEnergy::joules);
  return energy;
}

Roofing ReadRoofing(const Json& json, Fields& owner) {
  Roofing roofing;
  if (!json.is_object()) return roofing;
  Fields f(json);
  roofing = {f.Number("peak_flops_per_s"), f.Number("off_chip_bytes_per_s"),
             f.Number("flops_per_byte"), f.Number("flops_per_s")};
  owner.Keep(f.status());
  return roofing;
}

MeshTraffic ReadTraffic(const Json& json, double seconds, Fields& owner) {
  MeshTraffic traffic;
  if (!json.is_object()) return traffic;
  Fields f(json);
  f.Require("columns").Require("rows").Require("right").Require("down");
  traffic.columns = static_cast<size_t>(std::max(0.0, f.Number("columns")));
  traffic.rows = static_cast<size_t>(std::max(0.0, f.Number("rows")));
  traffic.link_bytes_per_s = f.Number("link_bytes_per_s");
  traffic.seconds = seconds;
  traffic.right = f.Numbers("right");
  traffic.down = f.Numbers("down");
  traffic.macs = f.Numbers("macs");
  traffic.kinds = f.Texts("kinds");
  const size_t places = traffic.columns * traffic.rows;
  if (f.status() &&
      (traffic.right.size() != places || traffic.down.size() != places ||
       traffic.macs.size() != places || traffic.kinds.size() != places)) {
    owner.Keep(MakeError(ErrorCode::kCorrupt,
                         fmt::format("traffic: allowed are {} values of right, "
                                     "down, macs and kinds",
                                     places)));
  }
  owner.Keep(f.status());
  return traffic;
}

std::vector<TimelineUnit> ReadTimeline(const Json& units, Fields& owner) {
  std::vector<TimelineUnit> timeline;
  for (const Json& json : units) {
    Fields f(json);
    TimelineUnit unit{f.Text("unit"), {}};
    const auto begin = f.Numbers("begin_s"), end = f.Numbers("end_s");
    const auto busy = f.Numbers("busy");
    const auto ops = f.Texts("ops");
    if (begin.size() != end.size() || begin.size() != ops.size() ||
        begin.size() != busy.size()) {
      owner.Keep(MakeError(ErrorCode::kCorrupt,
                           "timeline: begin_s, end_s, busy and ops have to be "
                           "equally many"));
      return timeline;
    }
    for (size_t i = 0; i < begin.size(); ++i) {
      unit.slices.push_back({begin[i], end[i], ops[i], busy[i]});
    }
    owner.Keep(f.status());
    timeline.push_back(std::move(unit));
  }
  return timeline;
}

std::map<std::string, double> ReadNumbers(const Json& json) {
  std::map<std::string, double> numbers;
  if (!json.is_object()) return numbers;
  for (const auto& [name, value] : json.items()) {
    if (value.is_number()) numbers[name] = value.get<double>();
  }
  return numbers;
}

LayerLine ReadLayer(const Json& json, Fields& owner) {
  Fields f(json);
  f.Require("name").Require("seconds_by_part");
  LayerLine line{.name = f.Text("name"),
                 .seconds = ReadNumbers(f.Object("seconds_by_part")),
                 .joules = ReadNumbers(f.Object("energy_by_action")),
                 .errors = {},
                 .relative_rms = f.Number("relative_rms_error"),
                 .effective_bits = f.Number("effective_bits"),
                 .dominant_error = f.Text("dominant_error"),
                 .readings = {}};
  for (const Json& term : f.Array("errors")) {
    Fields t(term);
    line.errors[t.Text("name")] = t.Number("variance");
    owner.Keep(t.status());
  }
  for (const Json& reading : f.Object("readings")) {
    Fields r(reading);
    line.readings.push_back(
        {r.Text("name"), r.Text("unit"), r.Number("value")});
    owner.Keep(r.status());
  }
  owner.Keep(f.status());
  return line;
}

std::vector<LayerLines> ReadLayers(const Json& phases, Fields& owner) {
  std::vector<LayerLines> layers;
  if (!phases.is_object()) return layers;
  for (const auto& [phase, report] : phases.items()) {
    Fields f(report);
    LayerLines& lines = layers.emplace_back();
    lines.phase = phase;
    for (const Json& row : f.Require("operators").Array("operators")) {
      lines.operators.push_back(ReadLayer(row, owner));
    }
    owner.Keep(f.status());
  }
  return layers;
}

// What was profiled, in short and in full.
void ReadJob(Fields& f, Machine& m) {
  const std::string phase = f.Text("phase");
  if (phase.empty()) return;
  m.work = f.Text("model") + " " + phase;
  m.job = fmt::format("{}, batch {:.0f}, context {:.0f}", m.work,
                      f.Number("batch"), f.Number("context"));
}

// The costs of a generation are of all its decode steps; reports speak of
// one.
void ScaleToOneStep(Machine& m) {
  double seconds = 0;
  for (const OpKind& op : m.ops) seconds += op.seconds;
  if (!(seconds > 0) || !(m.step_s > 0)) return;
  const double part = m.step_s / seconds;
  for (OpKind& op : m.ops) {
    for (double* cost : {&op.nodes, &op.seconds, &op.energy_j, &op.matrix_flops,
                         &op.off_chip_bytes}) {
      *cost *= part;
    }
  }
  for (ActionEnergy& energy : m.energy) energy.joules *= part;
}

}  // namespace

Result<Machine> ReadMachine(const Json& result, const std::string& command) {
  const bool profile = command == "profile";
  Fields f(result);
  f.Require("target").Require("preset").Require(profile ? "seconds"
                                                        : "decode_s_per_token");
  Machine m{.command = command,
            .target = f.Text("target"),
            .preset = f.Text("preset"),
            .text = f.Text("text")};
  ReadJob(f, m);
  m.kl_nats_per_token = f.Number("kl_nats_per_token");
  m.top1_agreement = f.Number("top1_agreement");
  m.accuracy_class = f.Text("class");
  m.prefill_s = f.Number("prefill_s");
  m.step_s = f.Number(profile ? "seconds" : "decode_s_per_token");
  m.step_j = f.Number(profile ? "energy_j" : "energy_j_per_token");
  m.assumed_energy_fraction = f.Number("assumed_energy_fraction");
  m.cycles = f.Number("cycles");
  m.utilisation = f.Number("utilisation");
  m.bound = f.Text("bound");
  m.host_wall_s = f.Number("host_wall_s");
  for (const Json& op : f.Array("ops")) m.ops.push_back(ReadOp(op, f));
  for (const auto& [unit, busy] : f.Object("busy").items()) {
    if (busy.is_number()) m.busy[unit] = busy.get<double>();
  }
  m.energy = ReadEnergy(f);
  m.roofing = ReadRoofing(f.Object("roofline"), f);
  m.traffic = ReadTraffic(f.Object("traffic"), m.step_s, f);
  for (const Json& term : f.Array("error_budget")) {
    Fields t(term);
    m.error_budget.push_back({t.Text("name"), t.Number("variance")});
    f.Keep(t.status());
  }
  m.layers = ReadLayers(f.Object("layers"), f);
  m.timeline = ReadTimeline(f.Array("timeline"), f);
  if (!profile) ScaleToOneStep(m);
  TRIPTYCH_TRY(f.status());
  return m;
}

Result<Score> ReadScore(const Json& result) {
  Fields f(result);
  f.Require("measure").Require("rows_detail");
  Score score{.target = f.Text("target"),
              .table = f.Text("table"),
              .measure = f.Text("measure"),
              .mape_pct = f.Number("mape_pct"),
              .median_ape_pct = f.Number("median_ape_pct"),
              .p90_ape_pct = f.Number("p90_ape_pct"),
              .max_ape_pct = f.Number("max_ape_pct")};
  for (const Json& json : f.Array("rows_detail")) {
    Fields row(json);
    score.rows.push_back({row.Text("preset"), row.Text("keys"),
                          row.Number("measured"), row.Number("predicted"),
                          row.Number("error_pct")});
    f.Keep(row.status());
  }
  TRIPTYCH_TRY(f.status());
  return score;
}

Result<AccuracyScore> ReadAccuracy(const Json& result) {
  Fields f(result);
  f.Require("target").Require("kl_nats_per_token");
  AccuracyScore score{.target = f.Text("target"),
                      .preset = f.Text("preset"),
                      .accuracy_class = f.Text("class"),
                      .nll_nats_per_token = f.Number("nll_nats_per_token"),
                      .perplexity = f.Number("perplexity"),
                      .kl_nats_per_token = f.Number("kl_nats_per_token"),
                      .top1_agreement = f.Number("top1_agreement"),
                      .predictions = f.Number("predictions")};
  TRIPTYCH_TRY(f.status());
  return score;
}

}  // namespace triptych::report
