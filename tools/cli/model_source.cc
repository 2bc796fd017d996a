// SPDX-License-Identifier: Apache-2.0
#include "tools/cli/model_source.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "emulators/target.h"
#include "kernels/base/log.h"
#include "models/presets/presets.h"

namespace triptych::cli {
namespace {

// What is asked for where no file is.
struct NamedShape {
  ModelConfig config;
  std::optional<uint64_t> seed;  // of random weights, if there are to be any
};

// "NAME", "random:NAME" or "random:NAME:SEED".
Result<NamedShape> ReadShape(std::string_view model) {
  constexpr std::string_view kRandom = "random:";
  NamedShape shape;
  std::string_view name = model;
  if (name.starts_with(kRandom)) {
    name.remove_prefix(kRandom.size());
    const size_t colon = std::min(name.find(':'), name.size());
    const std::string_view digits = name.substr(colon);
    name = name.substr(0, colon);
    uint64_t seed = 0;
    if (!digits.empty()) {
      const char* const end = digits.data() + digits.size();
      const auto parsed = std::from_chars(digits.data() + 1, end, seed);
      if (parsed.ec != std::errc() || parsed.ptr != end) {
        return MakeError(ErrorCode::kInvalid,
                         fmt::format("{}: seed \"{}\" is not allowed; allowed "
                                     "0..2^64-1",
                                     model, digits.substr(1)));
      }
    }
    shape.seed = seed;
  }
  Result<ModelConfig> preset = PresetByName(name);
  if (!preset) {
    return MakeError(
        ErrorCode::kNotFound,
        fmt::format("{}: no such file, and no such preset; the presets are {}; "
                    "random:PRESET gives one weights",
                    model, fmt::join(PresetNames(), ", ")));
  }
  shape.config = *preset;
  return shape;
}

// Three special tokens, the 256 bytes, and "[id]" for ids that no text has.
// None (empty) where the vocabulary does not hold that many.
Result<Tokenizer> ByteTokenizer(int64_t vocab) {
  constexpr int64_t kFirstByte = 3, kBytes = 256;
  if (vocab < kFirstByte + kBytes) return Tokenizer();
  std::vector<Piece> pieces = {{"<unk>", 0, PieceType::kUnknown},
                               {"<s>", 0, PieceType::kControl},
                               {"</s>", 0, PieceType::kControl}};
  for (int64_t b = 0; b < kBytes; ++b) {
    pieces.push_back({fmt::format("<0x{:02X}>", b), 0, PieceType::kByte});
  }
  for (int64_t id = kFirstByte + kBytes; id < vocab; ++id) {
    pieces.push_back({fmt::format("[{}]", id), 0, PieceType::kUnused});
  }
  return Tokenizer::Create(
      std::move(pieces),
      {.bos = 1, .eos = 2, .unknown = 0, .add_space_prefix = false});
}

}  // namespace

std::string DefaultModelPath() {
  if (const char* path = std::getenv("TRIPTYCH_MODEL")) return path;
  constexpr const char* kPlaces[] = {TRIPTYCH_SOURCE_MODEL,
                                     TRIPTYCH_INSTALLED_MODEL};
  for (const char* place : kPlaces) {
    if (std::filesystem::exists(place)) return place;
  }
  return kPlaces[0];
}

Result<Weights> Model::WeightsOf(const Graph& other) const {
  if (seed) return Weights::Random(other, *seed, DType::kBf16);
  return Weights::Bind(other, file);
}

Result<std::unique_ptr<Model>> OpenModel(const std::string& model,
                                         const std::string& tokenizer,
                                         const BuildOptions& build) {
  auto opened = std::make_unique<Model>();
  const std::string path = model.empty() ? DefaultModelPath() : model;
  if (std::filesystem::exists(path)) {
    TRIPTYCH_ASSIGN(opened->file, LoadModel(path, tokenizer));
    TRIPTYCH_ASSIGN(opened->graph, BuildGraph(opened->file, build));
    TRIPTYCH_ASSIGN(Weights weights, opened->WeightsOf(opened->graph));
    opened->weights.emplace(std::move(weights));
    return opened;
  }
  TRIPTYCH_ASSIGN(const NamedShape shape, ReadShape(path));
  opened->file.config = shape.config;
  opened->seed = shape.seed;
  TRIPTYCH_ASSIGN(opened->graph, BuildGraph(opened->file.config, build));
  if (!shape.seed) return opened;
  if (!tokenizer.empty()) {
    return MakeError(ErrorCode::kInvalid,
                     fmt::format("{}: --tokenizer {}: random weights were "
                                 "trained on none; text is spelled in bytes",
                                 path, tokenizer));
  }
  TRIPTYCH_ASSIGN(opened->file.tokenizer,
                  ByteTokenizer(opened->file.config.vocab));
  TRIPTYCH_ASSIGN(Weights weights, opened->WeightsOf(opened->graph));
  opened->weights.emplace(std::move(weights));
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
