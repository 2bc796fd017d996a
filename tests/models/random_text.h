// Texts that tokenizers find hard.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TESTS_MODELS_RANDOM_TEXT_H_
#define TRIPTYCH_TESTS_MODELS_RANDOM_TEXT_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "kernels/base/rng.h"
#include "models/tokenizers/unicode.h"

namespace triptych {

// Fewer than `units` of: ASCII of every kind, spaces and line ends, any
// character of Unicode, any byte, contractions.
inline std::string RandomText(Rng& rng, uint32_t units) {
  constexpr const char* kCommon[] = {
      "a", "b", "Z", "e", " ",  "  ",  "\n",     "\r\n",   "\t",     "1",
      "9", "'", "-", "!", "'s", "'LL", "\u00E9", "\u4F60", "\u00A0", "\u0301"};
  std::string text;
  for (uint32_t left = rng.Below(units); left > 0; --left) {
    const uint32_t kind = rng.Below(8);
    if (kind == 0) {
      const char32_t code = rng.Below(0x110000);
      if (code < 0xD800 || code > 0xDFFF) AppendUtf8(code, text);
    } else if (kind == 1) {
      text += static_cast<char>(rng.Below(256));
    } else {
      text += kCommon[rng.Below(std::size(kCommon))];
    }
  }
  return text;
}

}  // namespace triptych

#endif  // TRIPTYCH_TESTS_MODELS_RANDOM_TEXT_H_
