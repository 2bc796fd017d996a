// How a word becomes ids: what the three kinds of tokenizer have in common.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_TOKENIZERS_ALGORITHM_H_
#define TRIPTYCH_MODELS_TOKENIZERS_ALGORITHM_H_

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "kernels/base/result.h"
#include "models/tokenizers/joiner.h"
#include "models/tokenizers/vocabulary.h"

namespace triptych {

// `left` and `right` side by side become `joined`; the lowest rank first.
struct Merge {
  TokenId left = 0, right = 0, joined = 0;
  uint32_t rank = 0;

  friend bool operator==(const Merge&, const Merge&) = default;
};

// Immutable. The vocabulary it was made with outlives it.
class TokenAlgorithm {
 public:
  virtual ~TokenAlgorithm() = default;
  // Appends the ids of `word`, any bytes, in O(n log n). `scratch` is the
  // caller's, one a thread: memory that is used again.
  virtual void Append(std::string_view word, JoinScratch& scratch,
                      std::vector<TokenId>& ids) const = 0;
};

// SentencePiece's BPE: from characters, join the adjacent pair that makes the
// best-scoring piece; spell in byte pieces what has no piece.
std::unique_ptr<const TokenAlgorithm> MakeSentencePieceBpe(
    const Vocabulary& vocabulary);

struct MergeBpeOptions {
  // Starts from bytes, whose pieces are the one-byte texts; else from
  // characters, and one without a piece is spelled in "<0xHH>" pieces.
  bool bytes = true;
  // A word that is a piece is that piece, whatever the merges say.
  bool whole_words = false;
  // Of characters: neighbours that have neither a piece nor byte pieces are
  // one unknown token, not one each.
  bool fuse_unknown = false;
};

// BPE by a list of merges. Errors: a merge of or to an id outside the
// vocabulary, the same pair twice.
Result<std::unique_ptr<const TokenAlgorithm>> MakeMergeBpe(
    const Vocabulary& vocabulary, std::span<const Merge> merges,
    const MergeBpeOptions& options);

// BERT's WordPiece: the longest piece from the left, again and again. A piece
// whose text begins with a space begins a word, any other continues one. A
// word that does not come out even, or is of more than `longest_word`
// characters, is the unknown token.
std::unique_ptr<const TokenAlgorithm> MakeWordPiece(
    const Vocabulary& vocabulary, size_t longest_word);

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_TOKENIZERS_ALGORITHM_H_
