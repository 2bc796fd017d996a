// op: one operator or microbenchmark of a target.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "emulators/target.h"
#include "emulators/validate.h"
#include "tools/cli/model_source.h"
#include "tools/cli/options.h"
#include "tools/cli/output.h"
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

Result<int> OpCommand(const OpOptions& options) {
  TRIPTYCH_ASSIGN(const OpSpec spec, ParseSpec(options.spec));
  if (options.targets.empty()) {
    return MakeError(ErrorCode::kInvalid, "op: -t: name at least one target");
  }
  Table table({"target", "measure", "value"});
  nlohmann::json results = nlohmann::json::array();
  for (const std::string& name : options.targets) {
    TRIPTYCH_ASSIGN(const auto target,
                    MakeTarget(name, OverridesFor(name, options.set)));
    TRIPTYCH_ASSIGN(const Prediction prediction,
                    target->Predict(options.kind, spec));
    nlohmann::json row = {{"target", target->name()},
                          {"preset", target->preset()},
                          {"kind", options.kind}};
    for (const auto& [measure, value] : prediction) {
      row[measure] = value;
      table.Add({name, measure, fmt::format("{:.6g}", value)});
    }
    const std::vector<Bound> bounds = BoundsIn(prediction);
    for (size_t i = 0; i < std::min<size_t>(2, bounds.size()); ++i) {
      const char* key = i == 0 ? "bound" : "next_bound";
      row[key] = bounds[i].part;
      table.Add({name, key, bounds[i].part});
    }
    results.push_back(row);
  }
  Print(options.json, table.Text());
  TRIPTYCH_TRY(WriteJson(options.json, "op", results));
  return kOk;
}

}  // namespace triptych::cli
