// SPDX-License-Identifier: Apache-2.0
#include "models/formats/byte_alphabet.h"

#include <array>
#include <cstddef>

#include "models/tokenizers/unicode.h"

namespace triptych {
namespace {

constexpr size_t kLetters = 256 + 68;

struct Alphabet {
  std::array<char32_t, 256> letter_of{};
  std::array<int, kLetters> byte_of{};  // by letter; -1: not a letter
};

constexpr Alphabet MakeAlphabet() {
  Alphabet made;
  made.byte_of.fill(-1);
  char32_t next = 256;
  for (int byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= '!' && byte <= '~') ||
                           (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    const char32_t letter = printable ? static_cast<char32_t>(byte) : next++;
    made.letter_of[static_cast<size_t>(byte)] = letter;
    made.byte_of[letter] = byte;
  }
  return made;
}

constexpr Alphabet kAlphabet = MakeAlphabet();

}  // namespace

std::string BytesOfLetters(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  for (std::string_view rest = text; !rest.empty();) {
    const Character c = FirstCharacter(rest);
    const int byte = c.code < kLetters ? kAlphabet.byte_of[c.code] : -1;
    if (byte < 0) return std::string(text);
    bytes += static_cast<char>(byte);
    rest.remove_prefix(c.length);
  }
  return bytes;
}

std::string LettersOfBytes(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) {
    AppendUtf8(kAlphabet.letter_of[static_cast<unsigned char>(byte)], text);
  }
  return text;
}

}  // namespace triptych
