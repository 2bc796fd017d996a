// The pieces of a tokenizer and the ids that mean something special: what
// every algorithm works on.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_TOKENIZERS_VOCABULARY_H_
#define TRIPTYCH_MODELS_TOKENIZERS_VOCABULARY_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/result.h"
#include "models/tokenizers/text_index.h"

namespace triptych {

// What a piece stands for. Values as in GGUF's tokenizer.ggml.token_type.
enum class PieceType : uint8_t {
  kNormal = 1,
  kUnknown = 2,      // in place of what cannot be spelled
  kControl = 3,      // begin, end: no text, and never made from text
  kUserDefined = 4,  // cut out of the text before anything else
  kUnused = 5,       // never produced
  kByte = 6,         // "<0x0A>": one byte of a character without a piece
};

struct Piece {
  std::string text;
  float score = 0;  // SentencePiece: higher joins first
  PieceType type = PieceType::kNormal;
  // Takes the white space before (after) it along when cut out of a text.
  bool takes_left = false, takes_right = false;
};

// What a byte piece reads: "<0x0A>" -> 10.
std::optional<uint8_t> ByteOfPiece(std::string_view text);

// kNoToken: the vocabulary has none.
struct SpecialTokens {
  TokenId bos = 1;
  TokenId eos = 2;
  TokenId unknown = 0;
  bool add_bos = true;           // Encode begins with bos
  bool add_space_prefix = true;  // "a" is encoded as " a"
  bool add_eos = false;          // Encode ends with eos
};

// Immutable once made, and not moved: it keeps views of its own texts.
class Vocabulary {
 public:
  Vocabulary() = default;
  Vocabulary(const Vocabulary&) = delete;
  Vocabulary& operator=(const Vocabulary&) = delete;

  // Errors: no pieces, a score that is not finite, a byte piece that is not
  // "<0xHH>" or names a byte twice, a special token outside the vocabulary.
  Status Fill(std::vector<Piece> pieces, const SpecialTokens& special);

  size_t size() const { return pieces_.size(); }
  // 0 <= id < size().
  const Piece& operator[](TokenId id) const {
    return pieces_[static_cast<size_t>(id)];
  }
  const SpecialTokens& special() const { return special_; }

  // The normal piece with exactly this text, the lowest id of equal ones;
  // kNoToken if there is none.
  TokenId Find(std::string_view text) const { return by_text_.Find(text); }

  // The piece of a byte, or kNoToken.
  TokenId ByteId(unsigned char byte) const { return byte_ids_[byte]; }

  // Whether all bytes of `text` have pieces.
  bool HasBytes(std::string_view text) const;
  // `text` spelled in byte pieces; the unknown token, if there is one, for a
  // byte without a piece.
  void AppendBytes(std::string_view text, std::vector<TokenId>& ids) const;

  // The bytes that one id stands for; a control piece has none.
  std::string_view TextOf(TokenId id) const;

 private:
  Status Enter(TokenId id);

  std::vector<Piece> pieces_;
  SpecialTokens special_;
  TextIndex by_text_;
  std::array<TokenId, 256> byte_ids_{};
};

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_TOKENIZERS_VOCABULARY_H_
