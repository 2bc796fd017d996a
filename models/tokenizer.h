// Text to token ids and back. One face for the three kinds of tokenizer that
// models are published with:
//
//   SentencePiece BPE   from characters, by the score of the joined piece
//   merge BPE           from bytes (GPT-2) or characters, by a list of merges
//   WordPiece           the longest piece from the left (BERT)
//
// Inside, a piece's text is the bytes that it stands for: readers undo what
// files write for them (U+2581 for a space, GPT-2's letters for bytes, "##").
// SentencePiece and byte BPE give back any text byte for byte, unless there
// are steps that normalise it or bytes without a piece.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_TOKENIZER_H_
#define TRIPTYCH_MODELS_TOKENIZER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/result.h"
#include "models/tokenizers/algorithm.h"
#include "models/tokenizers/normalizer.h"
#include "models/tokenizers/pre_tokenizer.h"
#include "models/tokenizers/vocabulary.h"

namespace triptych {

enum class TokenizerKind : uint8_t { kSentencePiece, kMergeBpe, kWordPiece };

// All that a tokenizer is made of.
struct TokenizerSpec {
  TokenizerKind kind = TokenizerKind::kSentencePiece;
  std::vector<Piece> pieces;
  SpecialTokens special;
  // special.add_space_prefix: in front of the text, or of every run of text
  // between pieces that are cut out; always, or unless a space is there.
  bool prefix_every_run = false, prefix_unless_there = false;
  std::vector<NormalizeStep> normalize;  // before the text is cut
  std::vector<SplitRule> split;          // none: the text is one word
  std::vector<Merge> merges;             // kMergeBpe
  MergeBpeOptions merge_options;         // kMergeBpe
  size_t longest_word = 100;             // kWordPiece: characters
  // As the file has it, a Jinja template; "" if it has none. See chat.h.
  std::string chat_template;
};

struct EncodeOptions {
  bool special = true;  // bos and eos, where special() adds them
  // Text that reads like a control piece becomes that piece: for prompts
  // that are written out, never for what a user says.
  bool control_from_text = false;
  // Pieces that are not to be cut out of the text, even if user-defined.
  std::span<const TokenId> barred = {};
};

// Immutable once made, and cheap to copy; Encode and Decode may run on any
// number of threads.
class Tokenizer {
 public:
  // No vocabulary: empty() is true and nothing may be encoded.
  Tokenizer() = default;

  // Errors: those of Vocabulary::Fill, MakeMergeBpe and PreTokenizer::Create,
  // and steps to normalise by that could make a text 64 times as long.
  static Result<Tokenizer> Create(TokenizerSpec spec);
  // SentencePiece's.
  static Result<Tokenizer> Create(std::vector<Piece> pieces,
                                  const SpecialTokens& special);

  bool empty() const { return model_ == nullptr; }
  size_t size() const;
  const Piece& piece(TokenId id) const;
  const SpecialTokens& special() const;
  // What it was made of, less the pieces: those are piece(0..size()-1).
  const TokenizerSpec& spec() const;

  // The control, user-defined or normal piece that reads `text`, in this
  // order, the lowest id of equal ones; kNoToken if there is none.
  TokenId Find(std::string_view text) const;

  // Any bytes; user-defined pieces are cut out first, the longest of the
  // leftmost. O(n log n).
  std::vector<TokenId> Encode(std::string_view text,
                              const EncodeOptions& options = {}) const;

  // The text of the ids: control tokens have none, and a first space that
  // Encode put in front is taken off. Ids must be in range.
  std::string Decode(std::span<const TokenId> ids) const;

  // The bytes one id stands for, its leading space included.
  std::string_view TextOf(TokenId id) const;

  // What a text of nothing starts from: bos, or eos in a vocabulary without
  // one, as GPT-2's <|endoftext|> parts texts; 0 if it has neither.
  TokenId start() const;

  // Whether Decode takes a space off the front.
  bool starts_with_space() const;

 private:
  struct Model;
  std::shared_ptr<const Model> model_;
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
