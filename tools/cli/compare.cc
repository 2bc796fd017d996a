// run and compare: one graph on one target, and side by side on several.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "tools/cli/generate.h"
#include "tools/cli/layers.h"
#include "tools/cli/op_report.h"
#include "tools/cli/output.h"
#include "tools/cli/table.h"

namespace triptych::cli {
namespace {

constexpr size_t kTextColumns = 76;

std::vector<Track> TracksOf(const Model& model,
                            const std::vector<TargetRun>& runs) {
  std::vector<Track> tracks;
  for (const TargetRun& run : runs) {
    const std::string name = LabelOf(*run.target);
    tracks.push_back({name + " prefill", &model.graph, run.target.get(),
                      &run.ledgers.prefill});
    tracks.push_back({name + " decode", &model.graph, run.target.get(),
                      &run.ledgers.decode});
  }
  return tracks;
}

std::string ByLayer(const std::vector<TargetRun>& runs) {
  std::string text;
  const auto add = [&](const TargetRun& run, std::string_view phase,
                       const std::optional<LayerReport>& report) {
    if (!report) return;
    text += fmt::format("\n{}, {}, {}", LabelOf(*run.target), phase,
                        LayerTables(*report));
  };
  for (const TargetRun& run : runs) {
    add(run, "prefill", run.prefill_layers);
    add(run, "decode", run.decode_layers);
  }
  return text;
}

std::string SideBySide(const std::vector<TargetRun>& runs) {
  Table table({"target", "KL nats/token", "class", "top-1", "prefill",
               "decode/token", "energy/token", "assumed", "bound",
               "host time"});
  std::string texts;
  for (const TargetRun& run : runs) {
    const Generation& g = run.generation;
    table.Add({LabelOf(*run.target), fmt::format("{:.2e}", g.kl_nats_per_token),
               std::string(g.accuracy_class), Percent(g.top1_agreement),
               Si(g.prefill_s, "s"), Si(g.decode_s_per_token, "s"),
               Si(g.energy_j_per_token, "J"),
               Percent(g.assumed_energy_fraction), g.decode.bound,
               Si(g.host_wall_s, "s")});
    texts += fmt::format("{}:\n{}\n", LabelOf(*run.target),
                         Wrapped(g.text, kTextColumns, "  "));
  }
  return texts + "\n" + table.Text() + ByLayer(runs);
}

// The two commands differ in what they print.
Result<int> GenerateAndPrint(
    const GenerateOptions& options, const std::vector<std::string>& targets,
    std::string_view command,
    std::string (*print)(const std::vector<TargetRun>&)) {
  TRIPTYCH_ASSIGN(const auto model,
                  OpenModel(options.model, options.tokenizer, {}));
  TRIPTYCH_TRY(CheckWeights(*model));
  std::vector<TargetRun> runs;
  nlohmann::json results = nlohmann::json::array();
  std::optional<Error> failed;
  for (const std::string& spec : targets) {
    Result<TargetRun> run = RunOn(*model, spec, options);
    if (!run && runs.empty()) return std::unexpected(std::move(run).error());
    failed = run ? run->generation.interrupted : run.error();
    if (run) {
      results.push_back(ToJson(*run));
      runs.push_back(*std::move(run));
    }
    if (failed) break;
  }
  // What was computed is written, whatever came after.
  Print(options.json, print(runs));
  TRIPTYCH_TRY(WriteJson(options.json, command, results));
  TRIPTYCH_TRY(WriteTraceFile(options.trace, TracksOf(*model, runs),
                              options.trace_format));
  if (failed) return std::unexpected(*std::move(failed));
  return kOk;
}

}  // namespace

Result<int> CompareCommand(const GenerateOptions& options) {
  return GenerateAndPrint(options,
                          TargetsOr(options, {"cpu", "mesh", "optical", "npu"}),
                          "compare", SideBySide);
}

Result<int> RunCommand(const GenerateOptions& options) {
  const std::vector<std::string> targets = TargetsOr(options, {"cpu"});
  if (targets.size() > 1) {
    return MakeError(ErrorCode::kInvalid,
                     "run: takes one target; `compare` takes several");
  }
  return GenerateAndPrint(
      options, targets, "run", [](const std::vector<TargetRun>& runs) {
        return SideBySide(runs) + "\ndecode, by operator:\n" +
               OpTable(runs.front().generation.decode.kinds);
      });
}

}  // namespace triptych::cli
