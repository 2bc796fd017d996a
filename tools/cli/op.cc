// op: one operator or microbenchmark of a target.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "emulators/target.h"
#include "tools/cli/json_output.h"
#include "tools/cli/model_source.h"
#include "tools/cli/options.h"
#include "tools/cli/table.h"

namespace triptych::cli {
namespace {

Result<OpSpec> ParseSpec(const std::vector<std::string>& words) {
  OpSpec spec;
  for (const std::string& word : words) {
    const size_t equals = word.find('=');
    if (equals == 0 || equals == std::string::npos) {
      return MakeError(ErrorCode::kInvalid,
                       fmt::format("op: \"{}\": expected key=value", word));
    }
    spec[word.substr(0, equals)] = word.substr(equals + 1);
  }
  return spec;
}

}  // namespace

int OpCommand(const OpOptions& options) {
  const auto spec = ParseSpec(options.spec);
  if (!spec) return Fail(spec.error());
  if (options.targets.empty()) {
    return Fail({ErrorCode::kInvalid, "op: -t: name at least one target"});
  }
  Table table({"target", "measure", "value"});
  nlohmann::json results = nlohmann::json::array();
  for (const std::string& name : options.targets) {
    const auto target = MakeTarget(name, OverridesFor(name, options.set));
    if (!target) return Fail(target.error());
    const auto prediction = (*target)->Predict(options.kind, *spec);
    if (!prediction) return Fail(prediction.error());
    nlohmann::json row = {{"target", (*target)->name()},
                          {"preset", (*target)->preset()},
                          {"kind", options.kind}};
    for (const auto& [measure, value] : *prediction) {
      row[measure] = value;
      table.Add({name, measure, fmt::format("{:.6g}", value)});
    }
    results.push_back(row);
  }
  Print(options.json, table.Text());
  if (auto s = WriteJson(options.json, "op", results); !s) {
    return Fail(s.error());
  }
  return kOk;
}

}  // namespace triptych::cli
