// SPDX-License-Identifier: Apache-2.0
#include "models/formats/gguf_tokenizer.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "models/formats/byte_alphabet.h"
#include "models/formats/gguf.h"
#include "models/formats/gguf_writer.h"

namespace triptych {
namespace {

constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // U+2581
constexpr std::string_view kModel = "tokenizer.ggml.model";
constexpr std::string_view kPre = "tokenizer.ggml.pre";
constexpr std::string_view kTokens = "tokenizer.ggml.tokens";
constexpr std::string_view kScores = "tokenizer.ggml.scores";
constexpr std::string_view kTypes = "tokenizer.ggml.token_type";
constexpr std::string_view kMerges = "tokenizer.ggml.merges";
constexpr std::string_view kTemplate = "tokenizer.chat_template";

using Texts = std::vector<std::string_view>;

// ---- Reading ----

// The bytes that the file writes `text` for.
std::string TextOfPiece(TokenizerKind kind, PieceType type,
                        std::string_view text) {
  switch (kind) {
    case TokenizerKind::kSentencePiece:
      return ReplaceAll(text, kSpaceMark, " ");
    case TokenizerKind::kMergeBpe:
      return type == PieceType::kNormal ? BytesOfLetters(text)
                                        : std::string(text);
    case TokenizerKind::kWordPiece:
      // What begins a word has the mark in front; "##" is gone already.
      if (type != PieceType::kNormal || !text.starts_with(kSpaceMark)) {
        return std::string(text);
      }
      return ' ' + std::string(text.substr(kSpaceMark.size()));
  }
  return std::string(text);
}

Result<std::vector<Piece>> ReadPieces(const GgufFile& file, TokenizerKind kind,
                                      const Texts& texts) {
  // The score is SentencePiece's order of merges; the others need none.
  const bool scored = kind == TokenizerKind::kSentencePiece;
  std::vector<float> scores(texts.size());
  if (scored) {
    TRIPTYCH_ASSIGN(scores, file.Floats(kScores));
  }
  std::vector<int32_t> types(texts.size(),
                             static_cast<int32_t>(PieceType::kNormal));
  if (scored || file.Has(kTypes)) {
    TRIPTYCH_ASSIGN(types, file.Ints(kTypes));
  }
  if (scores.size() != texts.size() || types.size() != texts.size()) {
    return file.Fail(scored ? kScores : kTypes,
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
    const auto type = static_cast<PieceType>(types[i]);
    pieces[i] = {TextOfPiece(kind, type, texts[i]), scores[i], type};
  }
  return pieces;
}

// "a b": the pieces a and b become ab. In order of rank.
Result<std::vector<Merge>> ReadMerges(const GgufFile& file,
                                      const Texts& texts) {
  TextIndex ids(texts.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    ids.Insert(texts[i], static_cast<TokenId>(i));
  }
  TRIPTYCH_ASSIGN(const Texts lines, file.Texts(kMerges));
  std::vector<Merge> merges(lines.size());
  std::string joined;
  for (size_t i = 0; i < lines.size(); ++i) {
    const auto fail = [&](std::string_view what) {
      return file.Fail(kMerges, fmt::format("merge {}: {}: {}", i,
                                            Printable(lines[i]), what));
    };
    // A piece is never empty, and may be a space only in first place.
    const size_t space = lines[i].find(' ', 1);
    if (space == lines[i].npos) return fail("must be two pieces and a space");
    const std::string_view left = lines[i].substr(0, space);
    const std::string_view right = lines[i].substr(space + 1);
    joined.assign(left).append(right);
    const TokenId a = ids.Find(left), b = ids.Find(right), c = ids.Find(joined);
    if (a == kNoToken || b == kNoToken || c == kNoToken) {
      return fail("both pieces and what they make must be tokens");
    }
    merges[i] = {a, b, c, static_cast<uint32_t>(i)};
  }
  return merges;
}

// The id of the token that reads `text`, for files that leave the key out.
TokenId IdOf(const Texts& texts, std::string_view text) {
  const auto found = std::find(texts.begin(), texts.end(), text);
  return found == texts.end() ? kNoToken
                              : static_cast<TokenId>(found - texts.begin());
}

// What a file means that says nothing of special tokens. Source:
// ggerganov/llama.cpp, src/llama-vocab.cpp.
SpecialTokens DefaultSpecial(TokenizerKind kind, const Texts& texts,
                             bool add_bos) {
  switch (kind) {
    case TokenizerKind::kSentencePiece:
      return {};
    case TokenizerKind::kMergeBpe:
      return {kNoToken, kNoToken, kNoToken, add_bos, false};
    case TokenizerKind::kWordPiece: {
      const TokenId cls = IdOf(texts, "[CLS]"), sep = IdOf(texts, "[SEP]");
      return {cls,
              sep,
              IdOf(texts, "[UNK]"),
              cls != kNoToken,
              false,
              sep != kNoToken};
    }
  }
  return {};
}

Status ReadSpecial(const GgufFile& file, TokenizerKind kind, size_t tokens,
                   SpecialTokens& special) {
  // What files write that have the key but no such token.
  constexpr int64_t kNone = UINT32_MAX;
  const auto token = [&](const char* name, TokenId& id) -> Status {
    const std::string key = fmt::format("tokenizer.ggml.{}_token_id", name);
    TRIPTYCH_ASSIGN(int64_t value, file.Int(key, -1, kNone, id));
    if (value == kNone) value = kNoToken;
    if (value != kNoToken) {
      TRIPTYCH_ASSIGN(value,
                      file.Int(key, 0, static_cast<int64_t>(tokens) - 1, id));
    }
    id = static_cast<TokenId>(value);
    return {};
  };
  if (kind == TokenizerKind::kWordPiece) {
    // BERT's names first: files have both, or one or the other.
    TRIPTYCH_TRY(token("cls", special.bos));
    TRIPTYCH_TRY(token("seperator", special.eos));  // GGUF spells it so
  }
  TRIPTYCH_TRY(token("bos", special.bos));
  TRIPTYCH_TRY(token("eos", special.eos));
  TRIPTYCH_TRY(token("unknown", special.unknown));
  // What is only meant, not said, needs a token to say it with.
  if (special.bos == kNoToken) special.add_bos = false;
  if (special.eos == kNoToken) special.add_eos = false;
  TRIPTYCH_ASSIGN(special.add_bos,
                  file.Bool("tokenizer.ggml.add_bos_token", special.add_bos));
  TRIPTYCH_ASSIGN(special.add_eos,
                  file.Bool("tokenizer.ggml.add_eos_token", special.add_eos));
  TRIPTYCH_ASSIGN(
      special.add_space_prefix,
      file.Bool("tokenizer.ggml.add_space_prefix", special.add_space_prefix));
  return {};
}

// How text is cut. Files from before the key existed mean GPT-2's rules.
Result<const NamedRules*> ReadRules(const GgufFile& file, TokenizerKind kind) {
  if (kind == TokenizerKind::kSentencePiece) return nullptr;
  if (kind == TokenizerKind::kWordPiece) return FindRules("bert-bge");
  TRIPTYCH_ASSIGN(const std::string_view name, file.Text(kPre, "gpt-2"));
  if (const NamedRules* rules = FindRules(name)) return rules;
  std::string known;
  for (const NamedRules& rules : AllNamedRules()) {
    known += (known.empty() ? "" : ", ") + std::string(rules.name);
  }
  return file.Fail(
      kPre, fmt::format("{}: not known; known are {}", Printable(name), known),
      ErrorCode::kUnsupported);
}

Result<TokenizerKind> ReadKind(const GgufFile& file) {
  TRIPTYCH_ASSIGN(const std::string_view kind, file.Text(kModel));
  if (kind == "llama") return TokenizerKind::kSentencePiece;
  if (kind == "gpt2") return TokenizerKind::kMergeBpe;
  if (kind == "bert") return TokenizerKind::kWordPiece;
  return file.Fail(kModel,
                   fmt::format("{}: llama (SentencePiece BPE), gpt2 (byte "
                               "BPE) and bert (WordPiece) are read",
                               Printable(kind)),
                   ErrorCode::kUnsupported);
}

// ---- Writing ----

std::string LettersOfPiece(TokenizerKind kind, const Piece& piece) {
  switch (kind) {
    case TokenizerKind::kSentencePiece:
      return ReplaceAll(piece.text, " ", kSpaceMark);
    case TokenizerKind::kMergeBpe:
      return piece.type == PieceType::kNormal ? LettersOfBytes(piece.text)
                                              : piece.text;
    case TokenizerKind::kWordPiece:
      if (piece.type != PieceType::kNormal || !piece.text.starts_with(' ')) {
        return piece.text;
      }
      return std::string(kSpaceMark) + piece.text.substr(1);
  }
  return piece.text;
}

std::vector<std::string> LinesOfMerges(const TokenizerSpec& spec,
                                       std::span<const std::string> texts) {
  std::vector<Merge> merges = spec.merges;
  std::stable_sort(
      merges.begin(), merges.end(),
      [](const Merge& a, const Merge& b) { return a.rank < b.rank; });
  std::vector<std::string> lines;
  for (const Merge& merge : merges) {
    lines.push_back(texts[static_cast<size_t>(merge.left)] + ' ' +
                    texts[static_cast<size_t>(merge.right)]);
  }
  return lines;
}

// The name that GGUF has for how this tokenizer cuts; null if it has none.
const NamedRules* RulesOf(const TokenizerSpec& spec) {
  for (const NamedRules& rules : AllNamedRules()) {
    if (rules.rules == spec.split &&
        rules.whole_words == spec.merge_options.whole_words) {
      return &rules;
    }
  }
  return nullptr;
}

Status AddKind(const TokenizerSpec& spec, std::span<const std::string> texts,
               GgufWriter& writer) {
  const bool merges = spec.kind == TokenizerKind::kMergeBpe;
  const bool words = spec.kind == TokenizerKind::kWordPiece;
  const NamedRules* rules = RulesOf(spec);
  if (merges && (!spec.merge_options.bytes || rules == nullptr)) {
    return MakeError(ErrorCode::kUnsupported,
                     "tokenizer: merges of characters, or words cut by rules "
                     "without a name: GGUF has no keys for them");
  }
  if (spec.prefix_every_run || spec.prefix_unless_there) {
    return MakeError(ErrorCode::kUnsupported,
                     "tokenizer: a space that goes in front only where there "
                     "is none, or of every run: GGUF has no keys for it");
  }
  if (!words && !spec.normalize.empty()) {
    return MakeError(ErrorCode::kUnsupported,
                     "tokenizer: text is normalised: GGUF has no keys for it");
  }
  if (words && (spec.normalize != BertNormalizer(true) ||
                rules != FindRules("bert-bge"))) {
    return MakeError(ErrorCode::kUnsupported,
                     "tokenizer: WordPiece other than uncased BERT's: GGUF "
                     "has no keys for it");
  }
  writer.Add(kModel, merges ? "gpt2" : words ? "bert" : "llama");
  if (merges || words) writer.Add(kPre, rules->name);
  if (merges) {
    const std::vector<std::string> lines = LinesOfMerges(spec, texts);
    writer.Add(kMerges, std::span<const std::string>(lines));
  }
  return {};
}

void AddSpecial(const SpecialTokens& special, GgufWriter& writer) {
  const auto token = [&](const char* name, TokenId id) {
    if (id == kNoToken) return;
    writer.Add(fmt::format("tokenizer.ggml.{}_token_id", name),
               static_cast<uint32_t>(id));
  };
  token("bos", special.bos);
  token("eos", special.eos);
  token("unknown", special.unknown);
  writer.Add("tokenizer.ggml.add_bos_token", special.add_bos);
  writer.Add("tokenizer.ggml.add_eos_token", special.add_eos);
  writer.Add("tokenizer.ggml.add_space_prefix", special.add_space_prefix);
}

}  // namespace

Result<Tokenizer> ReadGgufTokenizer(const GgufFile& file, int64_t vocab) {
  if (!file.Has(kModel)) return Tokenizer();
  TokenizerSpec spec;
  TRIPTYCH_ASSIGN(spec.kind, ReadKind(file));
  TRIPTYCH_ASSIGN(const Texts texts, file.Texts(kTokens));
  if (std::cmp_greater(texts.size(), vocab)) {
    return file.Fail(kTokens, fmt::format("{} tokens: the embedding table has "
                                          "{} rows",
                                          texts.size(), vocab));
  }
  TRIPTYCH_ASSIGN(const NamedRules* rules, ReadRules(file, spec.kind));
  if (rules != nullptr) {
    spec.split = rules->rules;
    spec.merge_options.whole_words = rules->whole_words;
  }
  TRIPTYCH_ASSIGN(spec.pieces, ReadPieces(file, spec.kind, texts));
  spec.special =
      DefaultSpecial(spec.kind, texts, rules != nullptr && rules->add_bos);
  TRIPTYCH_TRY(ReadSpecial(file, spec.kind, texts.size(), spec.special));
  if (spec.kind == TokenizerKind::kMergeBpe) {
    TRIPTYCH_ASSIGN(spec.merges, ReadMerges(file, texts));
  }
  if (spec.kind == TokenizerKind::kWordPiece) {
    spec.normalize = BertNormalizer(true);
  }
  TRIPTYCH_ASSIGN(const std::string_view chat, file.Text(kTemplate, ""));
  spec.chat_template = chat;
  Result<Tokenizer> made = Tokenizer::Create(std::move(spec));
  if (!made) return file.Fail(kTokens, made.error().message);
  return made;
}

Status AddGgufTokenizer(const Tokenizer& tokenizer, GgufWriter& writer) {
  const TokenizerSpec& spec = tokenizer.spec();
  std::vector<std::string> texts;
  std::vector<float> scores;
  std::vector<int32_t> types;
  for (size_t i = 0; i < tokenizer.size(); ++i) {
    const Piece& piece = tokenizer.piece(static_cast<TokenId>(i));
    texts.push_back(LettersOfPiece(spec.kind, piece));
    scores.push_back(piece.score);
    types.push_back(static_cast<int32_t>(piece.type));
  }
  TRIPTYCH_TRY(AddKind(spec, texts, writer));
  writer.Add(kTokens, std::span<const std::string>(texts));
  writer.Add(kScores, std::span<const float>(scores));
  writer.Add(kTypes, std::span<const int32_t>(types));
  AddSpecial(spec.special, writer);
  if (!spec.chat_template.empty()) writer.Add(kTemplate, spec.chat_template);
  return {};
}

}  // namespace triptych
