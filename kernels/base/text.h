// Small questions about text that every reader of files asks.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_BASE_TEXT_H_
#define TRIPTYCH_KERNELS_BASE_TEXT_H_

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace triptych {

// The line (from 1) of the first byte that is not UTF-8.
std::optional<size_t> FirstLineNotUtf8(std::string_view text);

// Single-character edits between two words (Levenshtein).
size_t EditDistance(std::string_view a, std::string_view b);

// The first of `known` with the fewest edits from `word`; "" if there is none.
std::string Nearest(std::string_view word, std::span<const std::string> known);

// `text` in double quotes, with backslashes as JSON strings and the basic
// strings of TOML both have them. UTF-8 stays as it is.
std::string Quoted(std::string_view text);

// `text` as XML and HTML want it, in an element or in a quoted attribute.
// Control characters, which XML cannot hold, are left
// out; line ends and tabs stay.
std::string EscapeXml(std::string_view text);

}  // namespace triptych

#endif  // TRIPTYCH_KERNELS_BASE_TEXT_H_
