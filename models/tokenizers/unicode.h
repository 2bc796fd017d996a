// What tokenizers ask of Unicode: characters of UTF-8, their categories and
// cases, and the normal forms. The tables are libutf8proc's.
//
// Text need not be UTF-8. A byte that belongs to no well-formed character is
// a character of its own, kNotUtf8, and counts as a symbol (So), as U+FFFD,
// which other programs put in its place, does.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_TOKENIZERS_UNICODE_H_
#define TRIPTYCH_MODELS_TOKENIZERS_UNICODE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace triptych {

inline constexpr char32_t kNotUtf8 = 0x110000;

struct Character {
  char32_t code = 0;
  size_t length = 1;  // bytes
};

// The first character of `text`, which is not empty.
Character FirstCharacter(std::string_view text);
// The last character of `text`, which is not empty.
Character LastCharacter(std::string_view text);

// Bytes at the end of `text` that begin a character and may still complete.
size_t UnfinishedTail(std::string_view text);

// Appends a character; `code` <= U+10FFFF.
void AppendUtf8(char32_t code, std::string& out);

// A set of general categories, one bit each, and of two traits besides.
using TraitSet = uint32_t;
inline constexpr TraitSet kWhiteSpace = TraitSet{1} << 30;
inline constexpr TraitSet kNotWhiteSpace = TraitSet{1} << 31;
inline constexpr TraitSet kAllCategories = kWhiteSpace - 1;

// The general category of a character, and whether it is White_Space.
TraitSet TraitsOf(char32_t code);

// "L" or "Lu" -> the categories; nothing for a name Unicode does not have.
std::optional<TraitSet> CategoriesNamed(std::string_view name);

// The simple case mappings.
char32_t LowerCase(char32_t code);
char32_t UpperCase(char32_t code);

enum class NormalForm : uint8_t { kNfc, kNfd, kNfkc, kNfkd };

// O(n log n), also for marks without end; what is not UTF-8 stays.
std::string Normalized(std::string_view text, NormalForm form);

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_TOKENIZERS_UNICODE_H_
