// SPDX-License-Identifier: Apache-2.0
#include "models/formats/gguf_tokenizer.h"

#include <fmt/core.h>

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "models/formats/gguf.h"
#include "models/formats/gguf_writer.h"

namespace triptych {
namespace {

constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // U+2581

std::string Replace(std::string_view text, std::string_view from,
                    std::string_view to) {
  std::string out;
  for (size_t at = 0;;) {
    const size_t found = text.find(from, at);
    out += text.substr(at, found - at);
    if (found == std::string_view::npos) return out;
    out += to;
    at = found + from.size();
  }
}

Result<std::vector<Piece>> ReadPieces(const GgufFile& file, int64_t vocab) {
  constexpr std::string_view kTokens = "tokenizer.ggml.tokens";
  constexpr std::string_view kScores = "tokenizer.ggml.scores";
  constexpr std::string_view kTypes = "tokenizer.ggml.token_type";
  TRIPTYCH_ASSIGN(const auto texts, file.Texts(kTokens));
  TRIPTYCH_ASSIGN(const auto scores, file.Floats(kScores));
  TRIPTYCH_ASSIGN(const auto types, file.Ints(kTypes));
  if (std::cmp_greater(texts.size(), vocab)) {
    return file.Fail(kTokens, fmt::format("{} tokens: the embedding table has "
                                          "{} rows",
                                          texts.size(), vocab));
  }
  if (scores.size() != texts.size() || types.size() != texts.size()) {
    return file.Fail(kScores,
                     fmt::format("{} scores and {} types: must be {} "
                                 "of each, one a token",
                                 scores.size(), types.size(), texts.size()));
  }
  std::vector<Piece> pieces(texts.size());
  for (size_t i = 0; i < pieces.size(); ++i) {
    if (types[i] < 1 || types[i] > 6) {
      return file.Fail(
          kTypes, fmt::format("{} for token {}: must be 1..6", types[i], i));
    }
    pieces[i] = {Replace(texts[i], kSpaceMark, " "), scores[i],
                 static_cast<PieceType>(types[i])};
  }
  return pieces;
}

}  // namespace

Result<Tokenizer> ReadGgufTokenizer(const GgufFile& file, int64_t vocab) {
  constexpr std::string_view kModel = "tokenizer.ggml.model";
  if (!file.Has(kModel)) return Tokenizer();
  TRIPTYCH_ASSIGN(const std::string_view kind, file.Text(kModel));
  if (kind != "llama") {
    return file.Fail(kModel,
                     fmt::format("{}: only llama (SentencePiece BPE) is read",
                                 Printable(kind)),
                     ErrorCode::kUnsupported);
  }
  TRIPTYCH_ASSIGN(std::vector<Piece> pieces, ReadPieces(file, vocab));
  SpecialTokens special;
  const auto token = [&](std::string_view key, TokenId& id) -> Status {
    TRIPTYCH_ASSIGN(
        const int64_t value,
        file.Int(key, 0, static_cast<int64_t>(pieces.size()) - 1, id));
    id = static_cast<TokenId>(value);
    return {};
  };
  TRIPTYCH_TRY(token("tokenizer.ggml.bos_token_id", special.bos));
  TRIPTYCH_TRY(token("tokenizer.ggml.eos_token_id", special.eos));
  TRIPTYCH_TRY(token("tokenizer.ggml.unknown_token_id", special.unknown));
  TRIPTYCH_ASSIGN(special.add_bos,
                  file.Bool("tokenizer.ggml.add_bos_token", true));
  TRIPTYCH_ASSIGN(special.add_space_prefix,
                  file.Bool("tokenizer.ggml.add_space_prefix", true));
  Result<Tokenizer> made = Tokenizer::Create(std::move(pieces), special);
  if (!made) return file.Fail("tokenizer.ggml.tokens", made.error().message);
  return made;
}

void AddGgufTokenizer(const Tokenizer& tokenizer, GgufWriter& writer) {
  std::vector<std::string> texts;
  std::vector<float> scores;
  std::vector<int32_t> types;
  for (size_t i = 0; i < tokenizer.size(); ++i) {
    const Piece& piece = tokenizer.piece(static_cast<TokenId>(i));
    texts.push_back(Replace(piece.text, " ", kSpaceMark));
    scores.push_back(piece.score);
    types.push_back(static_cast<int32_t>(piece.type));
  }
  const SpecialTokens& special = tokenizer.special();
  const auto id = [](TokenId token) { return static_cast<uint32_t>(token); };
  writer.Add("tokenizer.ggml.model", "llama");
  writer.Add("tokenizer.ggml.tokens", std::span<const std::string>(texts));
  writer.Add("tokenizer.ggml.scores", std::span<const float>(scores));
  writer.Add("tokenizer.ggml.token_type", std::span<const int32_t>(types));
  writer.Add("tokenizer.ggml.bos_token_id", id(special.bos));
  writer.Add("tokenizer.ggml.eos_token_id", id(special.eos));
  writer.Add("tokenizer.ggml.unknown_token_id", id(special.unknown));
  writer.Add("tokenizer.ggml.add_bos_token", special.add_bos);
  writer.Add("tokenizer.ggml.add_space_prefix", special.add_space_prefix);
}

}  // namespace triptych
