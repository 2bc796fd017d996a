// The letters that GPT-2's files, and all byte-level BPE after them, write
// for bytes: printable bytes of Latin-1 stand for themselves, the other 68 are
// U+0100 and up, in order. A space is U+0120.
//
// Source: openai/gpt-2, src/encoder.py, bytes_to_unicode.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_FORMATS_BYTE_ALPHABET_H_
#define TRIPTYCH_MODELS_FORMATS_BYTE_ALPHABET_H_

#include <string>
#include <string_view>

namespace triptych {

// The bytes that `text` is written for; `text` itself if one of its
// characters is none of the letters.
std::string BytesOfLetters(std::string_view text);

// A letter for each byte.
std::string LettersOfBytes(std::string_view bytes);

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_FORMATS_BYTE_ALPHABET_H_
