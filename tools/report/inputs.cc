// SPDX-License-Identifier: Apache-2.0
#include "tools/report/inputs.h"

#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tools/report/fields.h"
#include "tools/report/study.h"
#include "tools/sweep/reader.h"

namespace triptych::report {
namespace {

using Json = nlohmann::json;

Result<Json> ParseFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return MakeError(ErrorCode::kIo, path + ": cannot be read");
  Json document = Json::parse(file, nullptr, /*allow_exceptions=*/false);
  if (document.is_discarded() || !document.is_object()) {
    return MakeError(ErrorCode::kCorrupt,
                     path +
                         ": is no JSON object; allowed is what commands "
                         "write with --json");
  }
  return document;
}

Status AddResults(const Json& document, const std::string& command,
                  Material& material) {
  const auto results = document.find("results");
  if (results == document.end() || !results->is_array()) {
    return MakeError(ErrorCode::kCorrupt, "results: has to be an array");
  }
  for (size_t i = 0; i < results->size(); ++i) {
    const Json& result = (*results)[i];
    const std::string where = fmt::format("results[{}]", i);
    const auto add = [&](auto read, auto& list) -> Status {
      if (!read) return Locate(std::move(read).error(), where);
      list.push_back(*std::move(read));
      return {};
    };
    if (command == "validate") {
      TRIPTYCH_TRY(add(ReadScore(result), material.scores));
    } else if (command == "accuracy") {
      TRIPTYCH_TRY(add(ReadAccuracy(result), material.accuracies));
    } else {
      TRIPTYCH_TRY(add(ReadMachine(result, command), material.machines));
    }
  }
  return {};
}

// The tier that was walked in full, if there is one and it has what the other
// has not: how far numbers are from the exact model's.
Status AddDetailed(const std::string& path, Material& material) {
  constexpr std::string_view kKl = "kl_nats_per_token";
  TRIPTYCH_ASSIGN(sweep::Results results,
                  sweep::ReadResults(path, sweep::Tier::kDetailed));
  if (results.points == 0 || results.Find(kKl) == nullptr) return {};
  results.study += ", in full";
  results.objectives = {{std::string(kKl), /*maximise=*/false}};
  material.studies.push_back(Analyse(std::move(results)));
  return {};
}

Status AddDatabase(const std::string& path, const ErrorSource& errors,
                   Material& material) {
  TRIPTYCH_ASSIGN(sweep::Results results, sweep::ReadResults(path));
  const analysis::ErrorModel model =
      errors ? errors(results) : analysis::ErrorModel();
  material.studies.push_back(Analyse(std::move(results), model));
  return AddDetailed(path, material);
}

// A sweep's own JSON has no more than its front: the database has it all.
Status AddSweep(const Json& document, const ErrorSource& errors,
                Material& material) {
  const Json results = document.value("results", Json::array());
  for (const Json& result : results) {
    Fields f(result);
    const std::string db = f.Require("db").Text("db");
    TRIPTYCH_TRY(f.status());
    TRIPTYCH_TRY(AddDatabase(db, errors, material));
  }
  return {};
}

Status AddDocument(const Json& document, const ErrorSource& errors,
                   Material& material) {
  const std::string command =
      document.contains("command") && document["command"].is_string()
          ? document["command"].get<std::string>()
          : "";
  if (document.contains("version") && document["version"].is_string()) {
    material.version = document["version"].get<std::string>();
  }
  if (command == "sweep") return AddSweep(document, errors, material);
  for (const char* known :
       {"run", "compare", "profile", "validate", "accuracy"}) {
    if (command == known) return AddResults(document, command, material);
  }
  return MakeError(ErrorCode::kCorrupt,
                   fmt::format("command: \"{}\" has no pictures; allowed run, "
                               "compare, profile, validate, accuracy, sweep",
                               command));
}

}  // namespace

Result<Material> ReadInputs(std::span<const std::string> paths,
                            const ErrorSource& errors) {
  Material material;
  for (const std::string& path : paths) {
    material.sources.push_back(path);
    if (IsDatabase(path)) {
      TRIPTYCH_TRY(AddDatabase(path, errors, material));
      continue;
    }
    TRIPTYCH_ASSIGN(const Json document, ParseFile(path));
    Status added = AddDocument(document, errors, material);
    if (!added) return Locate(std::move(added).error(), path);
  }
  return material;
}

}  // namespace triptych::report
