// Text to token ids and back, the way SentencePiece's BPE models do it:
// start from characters, join the adjacent pair that makes the best-scoring
// piece until none is left, spell what has no piece in bytes.
//
// Inside, a space is a space; readers of files that write it as U+2581 put
// it back. Nothing is normalised: text comes back byte for byte.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_TOKENIZER_H_
#define TRIPTYCH_MODELS_TOKENIZER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/result.h"

namespace triptych {

using TokenId = int32_t;

// What a piece stands for. Values as in GGUF's tokenizer.ggml.token_type.
enum class PieceType : uint8_t {
  kNormal = 1,
  kUnknown = 2,      // in place of what cannot be spelled
  kControl = 3,      // begin, end: no text
  kUserDefined = 4,  // here: as kNormal
  kUnused = 5,       // never produced
  kByte = 6,         // "<0x0A>": one byte of a character without a piece
};

struct Piece {
  std::string text;
  float score = 0;  // higher joins first
  PieceType type = PieceType::kNormal;
};

struct SpecialTokens {
  TokenId bos = 1;
  TokenId eos = 2;
  TokenId unknown = 0;
  bool add_bos = true;           // Encode begins with bos
  bool add_space_prefix = true;  // "a" is encoded as " a"
};

// Immutable once made; Encode and Decode may run on any number of threads.
class Tokenizer {
 public:
  // No vocabulary: empty() is true and nothing may be encoded.
  Tokenizer() = default;

  // Errors: no pieces, a score that is not finite, a byte piece that is not
  // "<0xHH>" or names a byte twice, a special token outside the vocabulary.
  static Result<Tokenizer> Create(std::vector<Piece> pieces,
                                  const SpecialTokens& special);

  bool empty() const { return pieces_.empty(); }
  size_t size() const { return pieces_.size(); }
  const Piece& piece(TokenId id) const { return pieces_[CheckedIndex(id)]; }
  const SpecialTokens& special() const { return special_; }

  // Any bytes; those that are no UTF-8 are spelled as bytes. O(n log n).
  std::vector<TokenId> Encode(std::string_view text) const;

  // The text of the ids: control tokens have none, and the space that
  // add_space_prefix put in front is taken off. Ids must be in range.
  std::string Decode(std::span<const TokenId> ids) const;

  // The bytes one id stands for, its leading space included.
  std::string_view TextOf(TokenId id) const;

 private:
  friend class EncodeState;
  // Notes how `id` is found, by its text or as a byte. Errors as of Create.
  Status Enter(TokenId id, const Piece& piece);
  size_t CheckedIndex(TokenId id) const;
  // The id of a piece with exactly this text; -1 if there is none.
  TokenId Lookup(std::string_view text) const;
  void AppendBytes(std::string_view text, std::vector<TokenId>* ids) const;

  std::vector<Piece> pieces_;
  std::vector<TokenId> by_text_;         // normal pieces, sorted by text
  std::array<TokenId, 256> byte_ids_{};  // -1: the byte has no piece
  SpecialTokens special_;
};

// Decodes as tokens arrive. Bytes of a character that is not complete yet
// are held back, so that a terminal never shows half of one. The pieces
// given out, concatenated, are Decode of all ids.
class TokenStream {
 public:
  // Keeps a pointer: the tokenizer must outlive it.
  explicit TokenStream(const Tokenizer& tokenizer) : tokenizer_(&tokenizer) {}

  std::string Push(TokenId id);
  // What is still held back: a character that never became complete.
  std::string Finish();

 private:
  const Tokenizer* tokenizer_;
  std::string held_;
  bool at_start_ = true;
};

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_TOKENIZER_H_
