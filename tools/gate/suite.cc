// SPDX-License-Identifier: Apache-2.0
#include "tools/gate/suite.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <utility>

#include "tools/sweep/document.h"

namespace triptych::gate {
namespace {

using sweep::Document;
using sweep::DocumentEntry;
using sweep::DocumentValue;

constexpr std::string_view kCaseKeys[] = {
    "name",   "model",    "tokenizer", "targets", "set",
    "phases", "batch",    "context",   "tokens",  "operator_tokens",
    "text",   "protocol", "chunk",     "seeds",   "seed"};

// Reads one [[case]], key by key.
class CaseReader {
 public:
  CaseReader(const Document& document, const DocumentValue& value,
             const std::string& folder)
      : document_(document), value_(value), folder_(folder) {}

  Result<Case> Run() {
    if (value_.table() == nullptr) {
      return document_.Fail(value_.line, "case", "each is a table: [[case]]");
    }
    TRIPTYCH_TRY(CheckKeys(document_, *value_.table(), "case.", kCaseKeys));
    TRIPTYCH_TRY(ReadNames());
    TRIPTYCH_TRY(ReadWork());
    TRIPTYCH_TRY(ReadScoring());
    return std::move(case_);
  }

 private:
  const DocumentValue* At(std::string_view key) const {
    return Find(*value_.table(), key);
  }

  Status ReadNames() {
    TRIPTYCH_TRY(Text("name", case_.name));
    TRIPTYCH_TRY(Text("model", case_.model));
    TRIPTYCH_TRY(Text("tokenizer", case_.tokenizer));
    TRIPTYCH_TRY(Texts("targets", case_.targets));
    TRIPTYCH_TRY(Texts("set", case_.set));
    if (case_.name.empty()) {
      return document_.Fail(value_.line, "case.name", "is needed");
    }
    if (case_.targets.empty()) {
      return document_.Fail(value_.line, "case.targets",
                            "is needed: at least one target");
    }
    InFolder(case_.model, /*or_a_name=*/true);
    InFolder(case_.tokenizer, false);
    return {};
  }

  Status ReadWork() {
    std::vector<std::string> phases;
    TRIPTYCH_TRY(Texts("phases", phases));
    if (!phases.empty()) case_.phases.clear();
    for (const std::string& name : phases) {
      const auto phase = std::ranges::find(kPhases, name, PhaseName);
      if (phase == std::end(kPhases)) {
        return document_.Fail(At("phases")->line, "case.phases",
                              fmt::format("\"{}\" is not allowed; allowed "
                                          "prefill, decode, encode",
                                          name));
      }
      case_.phases.push_back(*phase);
    }
    TRIPTYCH_TRY(Number("batch", 1, 1 << 20, case_.batch));
    return Number("context", 1, 1 << 24, case_.context);
  }

  Status ReadScoring() {
    int64_t tokens = 0, seed = 0;
    TRIPTYCH_TRY(Number("tokens", 0, 1 << 20, tokens));
    TRIPTYCH_TRY(Text("text", case_.text.file));
    TRIPTYCH_TRY(Text("protocol", case_.text.protocol));
    TRIPTYCH_TRY(Number("chunk", 4, 1 << 20, case_.text.context));
    TRIPTYCH_TRY(Number("operator_tokens", 0, 1 << 20, case_.operator_tokens));
    TRIPTYCH_TRY(Number("seeds", 1, 1000, case_.seeds));
    TRIPTYCH_TRY(Number("seed", 0, int64_t{1} << 53, seed));
    case_.seed = static_cast<uint64_t>(seed);
    case_.scored = tokens > 0 || !case_.text.file.empty();
    if (tokens > 0) case_.text.self_tokens = tokens;
    InFolder(case_.text.file, false);
    const std::string& protocol = case_.text.protocol;
    if (protocol == "story" || protocol == "llama.cpp") return {};
    return document_.Fail(At("protocol")->line, "case.protocol",
                          fmt::format("\"{}\" is not allowed; allowed story, "
                                      "llama.cpp",
                                      protocol));
  }

  // A relative path is the suite's; a name that is no file may be a preset.
  void InFolder(std::string& path, bool or_a_name) const {
    if (path.empty() || folder_.empty()) return;
    const std::string there = (std::filesystem::path(folder_) / path).string();
    if (!or_a_name || std::filesystem::exists(there)) path = there;
  }

  Status Text(std::string_view key, std::string& out) const {
    const DocumentValue* value = At(key);
    if (value == nullptr) return {};
    if (value->text() == nullptr) return Wrong(*value, key, "text is needed");
    out = *value->text();
    return {};
  }

  Status Texts(std::string_view key, std::vector<std::string>& out) const {
    const DocumentValue* value = At(key);
    if (value == nullptr) return {};
    if (value->list() == nullptr) {
      return Wrong(*value, key, "a list of texts is needed");
    }
    for (const DocumentValue& one : *value->list()) {
      if (one.text() == nullptr) return Wrong(one, key, "text is needed");
      out.push_back(*one.text());
    }
    return {};
  }

  Status Number(std::string_view key, int64_t least, int64_t most,
                int64_t& out) const {
    const DocumentValue* value = At(key);
    if (value == nullptr) return {};
    const auto* number = std::get_if<int64_t>(&value->value);
    if (number == nullptr || *number < least || *number > most) {
      return Wrong(
          *value, key,
          fmt::format("allowed whole numbers from {} to {}", least, most));
    }
    out = *number;
    return {};
  }

  std::unexpected<Error> Wrong(const DocumentValue& value, std::string_view key,
                               std::string_view allowed) const {
    return document_.Fail(
        value.line, fmt::format("case.{}", key),
        fmt::format("{} is not allowed; {}", value.Describe(), allowed));
  }

  static constexpr Phase kPhases[] = {Phase::kPrefill, Phase::kDecode,
                                      Phase::kEncode};

  const Document& document_;
  const DocumentValue& value_;
  const std::string& folder_;
  Case case_;
};

}  // namespace

Result<Suite> ParseSuite(std::string_view text, const std::string& file) {
  TRIPTYCH_ASSIGN(const Document document, sweep::ParseDocument(text, file));
  constexpr std::string_view kKeys[] = {"case"};
  TRIPTYCH_TRY(CheckKeys(document, document.entries, "", kKeys));
  const DocumentValue* cases = Find(document.entries, "case");
  if (cases == nullptr || cases->list() == nullptr || cases->list()->empty()) {
    return document.Fail(1, "case", "at least one [[case]] is needed");
  }
  const std::string folder = std::filesystem::path(file).parent_path().string();
  Suite suite{.file = file, .cases = {}};
  for (const DocumentValue& value : *cases->list()) {
    TRIPTYCH_ASSIGN(Case one, CaseReader(document, value, folder).Run());
    if (std::ranges::find(suite.cases, one.name, &Case::name) !=
        suite.cases.end()) {
      return document.Fail(value.line, "case.name",
                           fmt::format("\"{}\" is there twice", one.name));
    }
    suite.cases.push_back(std::move(one));
  }
  return suite;
}

Result<Suite> ReadSuite(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return MakeError(ErrorCode::kIo, path + ": cannot be read");
  return ParseSuite(std::string(std::istreambuf_iterator<char>(file), {}),
                    path);
}

}  // namespace triptych::gate
