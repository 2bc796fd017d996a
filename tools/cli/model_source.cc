// SPDX-License-Identifier: Apache-2.0
#include "tools/cli/model_source.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdlib>
#include <filesystem>

#include "emulators/target.h"
#include "kernels/base/log.h"
#include "models/presets/presets.h"

namespace triptych::cli {

std::string DefaultModelPath() {
  if (const char* path = std::getenv("TRIPTYCH_MODEL")) return path;
  constexpr const char* kPlaces[] = {TRIPTYCH_SOURCE_MODEL,
                                     TRIPTYCH_INSTALLED_MODEL};
  for (const char* place : kPlaces) {
    if (std::filesystem::exists(place)) return place;
  }
  return kPlaces[0];
}

Result<std::unique_ptr<Model>> OpenModel(const std::string& model,
                                         const std::string& tokenizer,
                                         const BuildOptions& build) {
  auto opened = std::make_unique<Model>();
  const std::string path = model.empty() ? DefaultModelPath() : model;
  if (std::filesystem::exists(path)) {
    TRIPTYCH_ASSIGN(opened->file, LoadModel(path, tokenizer));
    TRIPTYCH_ASSIGN(opened->graph, BuildGraph(opened->file, build));
    TRIPTYCH_ASSIGN(Weights weights,
                    Weights::Bind(opened->graph, opened->file));
    opened->weights.emplace(std::move(weights));
    return opened;
  }
  Result<ModelConfig> preset = PresetByName(path);
  if (!preset) {
    return MakeError(ErrorCode::kNotFound,
                     fmt::format("{}: no such file, and no such preset; the "
                                 "presets are {}",
                                 path, fmt::join(PresetNames(), ", ")));
  }
  opened->file.config = *preset;
  TRIPTYCH_ASSIGN(opened->graph, BuildGraph(opened->file.config, build));
  return opened;
}

Status CheckWeights(const Model& model) {
  if (model.weights) return {};
  return MakeError(ErrorCode::kInvalid,
                   model.file.config.name +
                       ": is a shape without weights; `profile` times it");
}

Status CheckTokenizer(const Model& model) {
  if (!model.file.tokenizer.empty()) return {};
  return MakeError(ErrorCode::kInvalid,
                   model.file.config.name +
                       ": has no tokenizer inside; name one with --tokenizer");
}

std::vector<std::string> TargetNames() {
  std::vector<std::string> names;
  for (const TargetEntry& entry : AllTargets()) {
    names.emplace_back(entry.name);
  }
  return names;
}

Status CheckContext(const ModelConfig& config, int64_t tokens,
                    const std::string& where) {
  if (tokens <= config.context) return {};
  std::string message =
      fmt::format("{}: {} tokens in a row, but {} was made for at most {}",
                  where, tokens, config.name, config.context);
  if (config.positions == Positions::kLearned) {
    return MakeError(ErrorCode::kInvalid, std::move(message));
  }
  Log(LogLevel::kWarning, "model", message);
  return {};
}

std::vector<std::string> OverridesFor(const std::string& spec,
                                      const std::vector<std::string>& set) {
  const std::string target = spec.substr(0, spec.find(':'));
  std::vector<std::string> mine;
  for (const std::string& assignment : set) {
    const size_t colon = assignment.find(':');
    if (colon == std::string::npos || colon > assignment.find('=')) {
      mine.push_back(assignment);
    } else if (assignment.substr(0, colon) == target) {
      mine.push_back(assignment.substr(colon + 1));
    }
  }
  return mine;
}

}  // namespace triptych::cli
