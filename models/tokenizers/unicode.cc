// SPDX-License-Identifier: Apache-2.0
#include "models/tokenizers/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <vector>

#include "kernels/base/check.h"

namespace triptych {
namespace {

static_assert(UTF8PROC_CATEGORY_CN == 0 && UTF8PROC_CATEGORY_CO == 29,
              "the 30 general categories have the bits of kAllCategories");

bool IsContinuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

// Bytes of a character that starts with `lead`; 0 if none does.
size_t LengthAfter(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead < 0xE0) return 2;
  if (lead >= 0xE0 && lead < 0xF0) return 3;
  if (lead >= 0xF0 && lead < 0xF5) return 4;
  return 0;
}

// Unicode 15, PropList.txt, White_Space.
bool IsWhiteSpace(char32_t code, utf8proc_category_t category) {
  return category == UTF8PROC_CATEGORY_ZS || category == UTF8PROC_CATEGORY_ZL ||
         category == UTF8PROC_CATEGORY_ZP || (code >= 9 && code <= 13) ||
         code == 0x85;
}

bool IsMark(utf8proc_int32_t code) {
  return utf8proc_get_property(code)->combining_class != 0;
}

// The canonical order of marks. utf8proc's own is quadratic in their number.
void OrderMarks(std::vector<utf8proc_int32_t>& codes) {
  for (auto at = codes.begin(); at != codes.end();) {
    const auto begin = std::find_if(at, codes.end(), IsMark);
    at = std::find_if_not(begin, codes.end(), IsMark);
    std::stable_sort(begin, at, [](auto a, auto b) {
      return utf8proc_get_property(a)->combining_class <
             utf8proc_get_property(b)->combining_class;
    });
  }
}

void Decompose(char32_t code, bool compatible,
               std::vector<utf8proc_int32_t>& out) {
  const int options =
      UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | (compatible ? UTF8PROC_COMPAT : 0);
  std::array<utf8proc_int32_t, 32> parts;  // Unicode's longest: 18
  const auto count = utf8proc_decompose_char(
      static_cast<utf8proc_int32_t>(code), parts.data(), parts.size(),
      static_cast<utf8proc_option_t>(options), nullptr);
  TRIPTYCH_CHECK(count >= 0 && count <= std::ssize(parts), "parts", count);
  out.insert(out.end(), parts.begin(), parts.begin() + count);
}

void Flush(std::vector<utf8proc_int32_t>& codes, bool compose,
           std::string& out) {
  OrderMarks(codes);
  auto count = static_cast<utf8proc_ssize_t>(codes.size());
  if (compose && count > 0) {
    count = utf8proc_normalize_utf32(
        codes.data(), count,
        static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
    TRIPTYCH_CHECK(count >= 0, "utf8proc", count);
  }
  for (utf8proc_ssize_t i = 0; i < count; ++i) {
    AppendUtf8(static_cast<char32_t>(codes[static_cast<size_t>(i)]), out);
  }
  codes.clear();
}

}  // namespace

Character FirstCharacter(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return {lead, 1};
  utf8proc_int32_t code = 0;
  const auto length =
      utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                       static_cast<utf8proc_ssize_t>(text.size()), &code);
  if (length <= 0) return {kNotUtf8, 1};
  return {static_cast<char32_t>(code), static_cast<size_t>(length)};
}

Character LastCharacter(std::string_view text) {
  size_t length = 1;
  while (length < 4 && length < text.size() &&
         IsContinuation(text[text.size() - length])) {
    ++length;
  }
  const Character c = FirstCharacter(text.substr(text.size() - length));
  return c.length == length ? c : Character{kNotUtf8, 1};
}

size_t UnfinishedTail(std::string_view text) {
  for (size_t back = 1; back <= std::min<size_t>(3, text.size()); ++back) {
    const char c = text[text.size() - back];
    if (IsContinuation(c)) continue;
    return LengthAfter(static_cast<unsigned char>(c)) > back ? back : 0;
  }
  return 0;
}

void AppendUtf8(char32_t code, std::string& out) {
  std::array<utf8proc_uint8_t, 4> bytes;
  const auto length =
      utf8proc_encode_char(static_cast<utf8proc_int32_t>(code), bytes.data());
  out.append(reinterpret_cast<const char*>(bytes.data()),
             static_cast<size_t>(length));
}

TraitSet TraitsOf(char32_t code) {
  const auto category = code == kNotUtf8
                            ? UTF8PROC_CATEGORY_SO
                            : utf8proc_category(static_cast<int32_t>(code));
  return TraitSet{1} << category |
         (IsWhiteSpace(code, category) ? kWhiteSpace : kNotWhiteSpace);
}

std::optional<TraitSet> CategoriesNamed(std::string_view name) {
  // In the order of the bits.
  constexpr std::string_view kNames =
      "CnLuLlLtLmLoMnMcMeNdNlNoPcPdPsPePiPfPoSmScSkSoZsZlZpCcCfCsCo";
  if (name.size() != 1 && name.size() != 2) return std::nullopt;
  TraitSet set = 0;
  for (size_t i = 0; i < kNames.size(); i += 2) {
    if (kNames.substr(i, name.size()) == name) set |= TraitSet{1} << (i / 2);
  }
  if (set == 0) return std::nullopt;
  return set;
}

char32_t LowerCase(char32_t code) {
  if (code == kNotUtf8) return code;
  return static_cast<char32_t>(utf8proc_tolower(static_cast<int32_t>(code)));
}

char32_t UpperCase(char32_t code) {
  if (code == kNotUtf8) return code;
  return static_cast<char32_t>(utf8proc_toupper(static_cast<int32_t>(code)));
}

std::string Normalized(std::string_view text, NormalForm form) {
  const bool compatible =
      form == NormalForm::kNfkc || form == NormalForm::kNfkd;
  const bool compose = form == NormalForm::kNfc || form == NormalForm::kNfkc;
  std::string out;
  out.reserve(text.size());
  std::vector<utf8proc_int32_t> codes;
  while (!text.empty()) {
    const Character c = FirstCharacter(text);
    if (c.code == kNotUtf8) {
      Flush(codes, compose, out);
      out += text[0];
    } else {
      // What starts afresh on both sides of it needs no more company: ASCII.
      if (c.code < 0x80 && codes.size() > 4096) Flush(codes, compose, out);
      Decompose(c.code, compatible, codes);
    }
    text.remove_prefix(c.length);
  }
  Flush(codes, compose, out);
  return out;
}

}  // namespace triptych
