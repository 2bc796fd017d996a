// run and compare: one graph on one target, and side by side on several.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "emulators/trace.h"
#include "tools/cli/generate.h"
#include "tools/cli/json_output.h"
#include "tools/cli/table.h"

namespace triptych::cli {
namespace {

constexpr size_t kTextColumns = 76;

// A finished run, with what a trace still needs of it.
struct Finished {
  std::string spec;
  std::unique_ptr<Target> target;
  std::unique_ptr<Program> program;
  std::unique_ptr<Session> session;
  Generation generation;
};

Result<Finished> RunOn(const Model& model, const std::string& spec,
                       const GenerateOptions& options) {
  Finished done;
  done.spec = spec;
  TRIPTYCH_ASSIGN(done.target, MakeTarget(spec, OverridesFor(spec, options.set)));
  TRIPTYCH_ASSIGN(done.generation,
                  Generate(model, *done.target, options, &done.session,
                           &done.program));
  return done;
}

Result<std::vector<Finished>> RunAll(const Model& model,
                                     const GenerateOptions& options) {
  std::vector<Finished> all;
  for (const std::string& spec : options.targets) {
    TRIPTYCH_ASSIGN(Finished done, RunOn(model, spec, options));
    all.push_back(std::move(done));
  }
  return all;
}

Status WriteTraceFile(const std::string& path, const Model& model,
                      const std::vector<Finished>& all) {
  if (path.empty()) return {};
  std::vector<Track> tracks;
  for (const Finished& done : all) {
    const std::string name = fmt::format("{}:{}", done.target->name(),
                                         done.target->preset());
    tracks.push_back({name + " prefill", &model.graph, done.target.get(),
                      &done.session->prefill_ledger()});
    tracks.push_back({name + " decode", &model.graph, done.target.get(),
                      &done.session->decode_ledger()});
  }
  std::ofstream file(path, std::ios::binary);
  WriteTrace(file, tracks);
  file.close();
  if (!file) return MakeError(ErrorCode::kIo, path + ": cannot be written");
  return {};
}

std::string SideBySide(const std::vector<Finished>& all) {
  Table table({"target", "KL nats/token", "class", "top-1", "prefill",
               "decode/token", "energy/token", "assumed", "bound",
               "host time"});
  std::string texts;
  for (const Finished& done : all) {
    const Generation& g = done.generation;
    table.Add({fmt::format("{}:{}", done.target->name(),
                           done.target->preset()),
               fmt::format("{:.2e}", g.kl_nats_per_token),
               std::string(g.accuracy_class), Percent(g.top1_agreement),
               Si(g.prefill_s, "s"), Si(g.decode_s_per_token, "s"),
               Si(g.energy_j_per_token, "J"),
               Percent(g.assumed_energy_fraction), g.decode.bound,
               Si(g.host_wall_s, "s")});
    texts += fmt::format("{}:\n{}\n", done.target->name(),
                         Wrapped(g.text, kTextColumns, "  "));
  }
  return texts + "\n" + table.Text();
}

std::string OpTable(const Profile& profile) {
  Table table({"operator", "nodes", "time", "share", "energy", "off-chip"});
  for (const OpCost& op : profile.kinds) {
    table.Add({op.op, std::to_string(op.nodes), Si(op.cost.seconds, "s"),
               Percent(op.time_share), Si(op.cost.energy_j, "J"),
               Si(static_cast<double>(op.cost.off_chip_bytes), "B")});
  }
  return table.Text();
}

// The two commands differ in what they print.
int GenerateAndPrint(GenerateOptions options, std::string_view command,
                     std::string (*print)(const std::vector<Finished>&)) {
  const auto model = OpenModel(options.model, options.tokenizer, {});
  if (!model) return Fail(model.error());
  if (!(*model)->weights) {
    return Fail({ErrorCode::kInvalid,
                 options.model + ": is a shape without weights; `profile` "
                                 "times it"});
  }
  const auto all = RunAll(**model, options);
  if (!all) return Fail(all.error());
  nlohmann::json results = nlohmann::json::array();
  for (const Finished& done : *all) {
    results.push_back(ToJson(*done.target, done.generation));
  }
  Print(options.json, print(*all));
  if (auto s = WriteJson(options.json, command, results); !s) {
    return Fail(s.error());
  }
  if (auto s = WriteTraceFile(options.trace, **model, *all); !s) {
    return Fail(s.error());
  }
  return kOk;
}

}  // namespace

int CompareCommand(const GenerateOptions& options) {
  GenerateOptions with_defaults = options;
  if (with_defaults.targets.empty()) {
    with_defaults.targets = {"cpu", "mesh", "optical", "npu"};
  }
  return GenerateAndPrint(std::move(with_defaults), "compare", SideBySide);
}

int RunCommand(const GenerateOptions& options) {
  GenerateOptions with_defaults = options;
  if (with_defaults.targets.empty()) with_defaults.targets = {"cpu"};
  if (with_defaults.targets.size() > 1) {
    return Fail({ErrorCode::kInvalid,
                 "run: takes one target; `compare` takes several"});
  }
  return GenerateAndPrint(
      std::move(with_defaults), "run", [](const std::vector<Finished>& all) {
        return SideBySide(all) + "\ndecode, by operator:\n" +
               OpTable(all.front().generation.decode);
      });
}

}  // namespace triptych::cli
