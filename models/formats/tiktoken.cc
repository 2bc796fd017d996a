// SPDX-License-Identifier: Apache-2.0
#include "models/formats/tiktoken.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

namespace triptych {
namespace {

// Special tokens follow the ranks in this order.
struct Family {
  size_t ranks;
  std::string_view rules;  // a name of named_rules.cc
  std::vector<std::string> special;
  size_t special_count;  // with reserved ones up to here
  std::string_view bos, eos;
};

const std::vector<Family>& Families() {
  static const std::vector<Family> kFamilies = {
      {50256, "gpt-2", {"<|endoftext|>"}, 1, "", "<|endoftext|>"},
      {128000,
       "llama-bpe",
       {"<|begin_of_text|>", "<|end_of_text|>", "<|reserved_special_token_0|>",
        "<|reserved_special_token_1|>", "<|finetune_right_pad_id|>",
        "<|step_id|>", "<|start_header_id|>", "<|end_header_id|>", "<|eom_id|>",
        "<|eot_id|>", "<|python_tag|>", "<|image|>"},
       256,
       "<|begin_of_text|>",
       "<|end_of_text|>"},
      {151643,
       "qwen2",
       {"<|endoftext|>", "<|im_start|>", "<|im_end|>"},
       3,
       "",
       "<|endoftext|>"},
  };
  return kFamilies;
}

int Base64Digit(char c) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const size_t at = kDigits.find(c);
  return at == kDigits.npos ? -1 : static_cast<int>(at);
}

// Nothing if `text` is not base64 with its padding.
std::optional<std::string> FromBase64(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0) return std::nullopt;
  const size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  std::string bytes;
  uint32_t bits = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const int digit = i >= text.size() - padding ? 0 : Base64Digit(text[i]);
    if (digit < 0) return std::nullopt;
    bits = bits << 6 | static_cast<uint32_t>(digit);
    if (i % 4 != 3) continue;
    for (const int shift : {16, 8, 0}) {
      bytes += static_cast<char>(bits >> shift & 0xFF);
    }
    bits = 0;
  }
  bytes.resize(bytes.size() - padding);
  return bytes;
}

struct Line {
  std::string text;
  size_t rank = 0;
};

std::optional<Line> ParseLine(std::string_view line) {
  const size_t space = line.find(' ');
  if (space == line.npos) return std::nullopt;
  std::optional<std::string> text = FromBase64(line.substr(0, space));
  Line parsed;
  const char* end = line.data() + line.size();
  const auto [stop, error] =
      std::from_chars(line.data() + space + 1, end, parsed.rank);
  if (!text || error != std::errc() || stop != end) return std::nullopt;
  parsed.text = std::move(*text);
  return parsed;
}

std::string_view TakeLine(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(text.size(), line.size() + 1));
  return line.ends_with('\r') ? line.substr(0, line.size() - 1) : line;
}

Result<std::vector<Piece>> ReadRanks(std::string_view text,
                                     const std::string& file) {
  std::vector<Piece> pieces;
  for (size_t number = 1; !text.empty(); ++number) {
    const auto fail = [&](std::string_view what) {
      return MakeError(ErrorCode::kCorrupt,
                       fmt::format("{}:{}: {}", file, number, what));
    };
    const std::optional<Line> line = ParseLine(TakeLine(text));
    if (!line) return fail("must be a piece in base64, a space and its rank");
    if (line->rank != pieces.size()) {
      return fail(fmt::format("rank {}: must be {}, in order", line->rank,
                              pieces.size()));
    }
    pieces.push_back({line->text});
  }
  return pieces;
}

TokenId SpecialNamed(const Family& family, const std::vector<Piece>& pieces,
                     std::string_view wanted) {
  for (size_t i = pieces.size(); i > family.ranks; --i) {
    if (pieces[i - 1].text == wanted) return static_cast<TokenId>(i - 1);
  }
  return kNoToken;
}

}  // namespace

bool LooksLikeTiktoken(std::string_view text) {
  // Pieces are short: a longer first line is something else.
  text = text.substr(0, 1024);
  return text.find('\n') != text.npos && ParseLine(TakeLine(text)).has_value();
}

std::vector<Merge> MergesByRank(const std::vector<Piece>& pieces) {
  TextIndex ids(pieces.size());
  for (size_t i = 0; i < pieces.size(); ++i) {
    ids.Insert(pieces[i].text, static_cast<TokenId>(i));
  }
  std::vector<Merge> merges;
  for (size_t i = 0; i < pieces.size(); ++i) {
    const std::string_view text = pieces[i].text;
    for (size_t cut = 1; cut < text.size(); ++cut) {
      const TokenId left = ids.Find(text.substr(0, cut));
      const TokenId right = ids.Find(text.substr(cut));
      if (left == kNoToken || right == kNoToken) continue;
      merges.push_back(
          {left, right, static_cast<TokenId>(i), static_cast<uint32_t>(i)});
    }
  }
  return merges;
}

Result<Tokenizer> ParseTiktoken(std::string_view text,
                                const std::string& file) {
  TokenizerSpec spec;
  spec.kind = TokenizerKind::kMergeBpe;
  TRIPTYCH_ASSIGN(spec.pieces, ReadRanks(text, file));
  std::vector<size_t> known;
  const Family* family = nullptr;
  for (const Family& candidate : Families()) {
    known.push_back(candidate.ranks);
    if (candidate.ranks == spec.pieces.size()) family = &candidate;
  }
  if (family == nullptr) {
    return MakeError(
        ErrorCode::kUnsupported,
        fmt::format("{}: {} ranks: the rules that cut text are known for {}",
                    file, spec.pieces.size(), fmt::join(known, ", ")));
  }
  spec.merges = MergesByRank(spec.pieces);
  spec.split = FindRules(family->rules)->rules;
  spec.merge_options.whole_words = true;
  for (size_t i = 0; i < family->special_count; ++i) {
    // Two of the reserved ones have names of their own before the rest.
    const std::string text_of =
        i < family->special.size()
            ? family->special[i]
            : fmt::format("<|reserved_special_token_{}|>",
                          i - family->special.size() + 2);
    spec.pieces.push_back({text_of, 0, PieceType::kControl});
  }
  spec.special = {SpecialNamed(*family, spec.pieces, family->bos),
                  SpecialNamed(*family, spec.pieces, family->eos), kNoToken,
                  !family->bos.empty(), false};
  Result<Tokenizer> made = Tokenizer::Create(std::move(spec));
  if (!made) return Locate(std::move(made).error(), file);
  return made;
}

}  // namespace triptych
