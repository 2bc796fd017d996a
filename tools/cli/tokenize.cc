// tokenize: a text as the ids and pieces that a model reads.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "kernels/base/text.h"
#include "models/formats/tokenizer_file.h"
#include "models/mapped_file.h"
#include "tools/cli/model_source.h"
#include "tools/cli/options.h"
#include "tools/cli/output.h"
#include "tools/cli/table.h"

namespace triptych::cli {
namespace {

Result<std::string> ReadText(const TokenizeOptions& options) {
  if (options.text.empty()) return options.prompt;
  TRIPTYCH_ASSIGN(const MappedFile file, MappedFile::Open(options.text));
  return std::string(reinterpret_cast<const char*>(file.bytes().data()),
                     file.bytes().size());
}

std::string_view NameOf(PieceType type) {
  switch (type) {
    case PieceType::kNormal:
      return "normal";
    case PieceType::kUnknown:
      return "unknown";
    case PieceType::kControl:
      return "control";
    case PieceType::kUserDefined:
      return "user-defined";
    case PieceType::kUnused:
      return "unused";
    case PieceType::kByte:
      return "byte";
  }
  return "";
}

}  // namespace

Result<int> TokenizeCommand(const TokenizeOptions& options) {
  const std::string path =
      options.model.empty() ? DefaultModelPath() : options.model;
  TRIPTYCH_ASSIGN(const Tokenizer tokenizer, LoadTokenizer(path));
  TRIPTYCH_ASSIGN(const std::string text, ReadText(options));
  const std::vector<TokenId> ids =
      tokenizer.Encode(text, {.control_from_text = options.control});

  Table table({"id", "piece", "type"});
  nlohmann::json tokens = nlohmann::json::array();
  for (const TokenId id : ids) {
    const Piece& piece = tokenizer.piece(id);
    table.Add({std::to_string(id), Quoted(piece.text),
               std::string(NameOf(piece.type))});
    tokens.push_back(
        {{"id", id}, {"piece", piece.text}, {"type", NameOf(piece.type)}});
  }
  Print(options.json, fmt::format("{}{} tokens of {} bytes\n", table.Text(),
                                  ids.size(), text.size()));
  TRIPTYCH_TRY(WriteJson(options.json, "tokenize",
                         {{{"model", path},
                           {"bytes", text.size()},
                           {"count", ids.size()},
                           {"tokens", tokens}}}));
  return kOk;
}

}  // namespace triptych::cli
