// SPDX-License-Identifier: Apache-2.0
#include "models/tokenizers/normalizer.h"

#include <algorithm>

#include "models/tokenizers/unicode.h"

namespace triptych {
namespace {

// What `map(character, its bytes, out)` appends for each character.
template <class Map>
std::string ForEachCharacter(std::string_view text, const Map& map) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Character c = FirstCharacter(text);
    map(c.code, text.substr(0, c.length), out);
    text.remove_prefix(c.length);
  }
  return out;
}

std::string Lowercase(std::string_view text) {
  return ForEachCharacter(
      text, [](char32_t code, std::string_view bytes, std::string& out) {
        const char32_t lower = LowerCase(code);
        if (lower == code) {
          out += bytes;
        } else {
          AppendUtf8(lower, out);
        }
      });
}

std::string DropCategory(std::string_view text, TraitSet categories) {
  return ForEachCharacter(
      text, [&](char32_t code, std::string_view bytes, std::string& out) {
        if ((TraitsOf(code) & categories) == 0) out += bytes;
      });
}

// google-research/bert, tokenization.py, _clean_text.
std::string CleanText(std::string_view text) {
  static const TraitSet kControls = *CategoriesNamed("C");
  return ForEachCharacter(
      text, [](char32_t code, std::string_view bytes, std::string& out) {
        if (code == 0 || code == 0xFFFD || code == kNotUtf8) return;
        const bool line = code == '\t' || code == '\n' || code == '\r';
        const TraitSet traits = TraitsOf(code);
        if ((traits & kControls) != 0 && !line) return;
        if ((traits & kWhiteSpace) != 0) {
          out += ' ';
        } else {
          out += bytes;
        }
      });
}

// google-research/bert, tokenization.py, _is_chinese_char.
bool IsIdeograph(char32_t code) {
  struct Range {
    char32_t first, last;
  };
  constexpr Range kBlocks[] = {{0x3400, 0x4DBF},   {0x4E00, 0x9FFF},
                               {0xF900, 0xFAFF},   {0x20000, 0x2A6DF},
                               {0x2A700, 0x2B73F}, {0x2B740, 0x2B81F},
                               {0x2B820, 0x2CEAF}, {0x2F800, 0x2FA1F}};
  return std::any_of(std::begin(kBlocks), std::end(kBlocks), [&](Range block) {
    return code >= block.first && code <= block.last;
  });
}

std::string SpaceIdeographs(std::string_view text) {
  return ForEachCharacter(
      text, [](char32_t code, std::string_view bytes, std::string& out) {
        const bool apart = IsIdeograph(code);
        if (apart) out += ' ';
        out += bytes;
        if (apart) out += ' ';
      });
}

bool IsSpace(char32_t code) { return (TraitsOf(code) & kWhiteSpace) != 0; }

std::string_view StripLeft(std::string_view text) {
  while (!text.empty()) {
    const Character c = FirstCharacter(text);
    if (!IsSpace(c.code)) break;
    text.remove_prefix(c.length);
  }
  return text;
}

std::string_view StripRight(std::string_view text) {
  while (!text.empty()) {
    const Character c = LastCharacter(text);
    if (!IsSpace(c.code)) break;
    text.remove_suffix(c.length);
  }
  return text;
}

std::string Apply(const NormalizeStep& step, std::string_view text) {
  using Kind = NormalizeStep::Kind;
  switch (step.kind) {
    case Kind::kNfc:
      return Normalized(text, NormalForm::kNfc);
    case Kind::kNfd:
      return Normalized(text, NormalForm::kNfd);
    case Kind::kNfkc:
      return Normalized(text, NormalForm::kNfkc);
    case Kind::kNfkd:
      return Normalized(text, NormalForm::kNfkd);
    case Kind::kLowercase:
      return Lowercase(text);
    case Kind::kStripAccents:
      return DropCategory(text, *CategoriesNamed("Mn"));
    case Kind::kCleanText:
      return CleanText(text);
    case Kind::kSpaceIdeographs:
      return SpaceIdeographs(text);
    case Kind::kReplace:
      return ReplaceAll(text, step.from, step.to);
    case Kind::kStripLeft:
      return std::string(StripLeft(text));
    case Kind::kStripRight:
      return std::string(StripRight(text));
    case Kind::kPrependIfMissing:
      if (text.empty() || text.starts_with(step.to)) return std::string(text);
      return step.to + std::string(text);
  }
  return std::string(text);
}

}  // namespace

std::string ReplaceAll(std::string_view text, std::string_view from,
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

std::vector<NormalizeStep> BertNormalizer(bool uncased) {
  using Kind = NormalizeStep::Kind;
  std::vector<NormalizeStep> steps = {{Kind::kCleanText},
                                      {Kind::kSpaceIdeographs}};
  if (uncased) {
    steps.push_back({Kind::kNfd});
    steps.push_back({Kind::kStripAccents});
    steps.push_back({Kind::kLowercase});
  }
  return steps;
}

std::string Normalize(std::span<const NormalizeStep> steps,
                      std::string_view text) {
  std::string out(text);
  for (const NormalizeStep& step : steps) out = Apply(step, out);
  return out;
}

}  // namespace triptych
