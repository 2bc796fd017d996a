// SPDX-License-Identifier: Apache-2.0
#include "models/tokenizers/algorithm.h"
#include "models/tokenizers/prefix_index.h"
#include "models/tokenizers/unicode.h"

namespace triptych {
namespace {

class WordPiece final : public TokenAlgorithm {
 public:
  WordPiece(const Vocabulary& vocabulary, size_t longest_word)
      : vocabulary_(vocabulary), longest_word_(longest_word) {
    std::vector<PrefixIndex::Entry> starts, continuations;
    for (size_t i = 0; i < vocabulary.size(); ++i) {
      const auto id = static_cast<TokenId>(i);
      const Piece& piece = vocabulary[id];
      if (piece.type != PieceType::kNormal) continue;
      std::string_view text = piece.text;
      const bool starts_word = text.starts_with(' ');
      if (starts_word) text.remove_prefix(1);
      if (text.empty()) continue;
      (starts_word ? starts : continuations).push_back({text, id});
    }
    starts_ = PrefixIndex(std::move(starts));
    continuations_ = PrefixIndex(std::move(continuations));
  }

  void Append(std::string_view word, JoinScratch&,
              std::vector<TokenId>& ids) const override {
    const size_t before = ids.size();
    if (CountUpTo(word, longest_word_ + 1) <= longest_word_ &&
        TakeApart(word, ids)) {
      return;
    }
    ids.resize(before);
    if (vocabulary_.special().unknown != kNoToken) {
      ids.push_back(vocabulary_.special().unknown);
    }
  }

 private:
  static size_t CountUpTo(std::string_view word, size_t most) {
    size_t count = 0;
    for (; !word.empty() && count < most; ++count) {
      word.remove_prefix(FirstCharacter(word).length);
    }
    return count;
  }

  // False if it does not come out even.
  bool TakeApart(std::string_view word, std::vector<TokenId>& ids) const {
    const PrefixIndex* index = &starts_;
    while (!word.empty()) {
      const PrefixIndex::Entry longest = index->Longest(word);
      if (longest.id == kNoToken) return false;
      ids.push_back(longest.id);
      word.remove_prefix(longest.text.size());
      index = &continuations_;
    }
    return true;
  }

  const Vocabulary& vocabulary_;
  size_t longest_word_;
  PrefixIndex starts_, continuations_;
};

}  // namespace

std::unique_ptr<const TokenAlgorithm> MakeWordPiece(
    const Vocabulary& vocabulary, size_t longest_word) {
  return std::make_unique<WordPiece>(vocabulary, longest_word);
}

}  // namespace triptych
