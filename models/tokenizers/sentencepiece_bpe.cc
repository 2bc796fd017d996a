// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "models/tokenizers/algorithm.h"
#include "models/tokenizers/pair_cuts.h"
#include "models/tokenizers/unicode.h"

namespace triptych {
namespace {

class SentencePieceBpe final : public TokenAlgorithm {
 public:
  explicit SentencePieceBpe(const Vocabulary& vocabulary)
      : vocabulary_(vocabulary), ranks_(vocabulary.size()), cuts_(vocabulary) {
    std::vector<float> scores;
    scores.reserve(vocabulary.size());
    for (size_t i = 0; i < vocabulary.size(); ++i) {
      scores.push_back(vocabulary[static_cast<TokenId>(i)].score);
    }
    std::vector<float> order = scores;
    std::sort(order.begin(), order.end(), std::greater());
    order.erase(std::unique(order.begin(), order.end()), order.end());
    for (size_t i = 0; i < scores.size(); ++i) {
      const auto at = std::lower_bound(order.begin(), order.end(), scores[i],
                                       std::greater());
      ranks_[i] = static_cast<uint32_t>(at - order.begin());
    }
  }

  void Append(std::string_view word, JoinScratch& scratch,
              std::vector<TokenId>& ids) const override {
    cuts_.ForEachPart(
        word, [&](std::string_view part) { AppendPart(part, scratch, ids); });
  }

 private:
  void AppendPart(std::string_view word, JoinScratch& scratch,
                  std::vector<TokenId>& ids) const {
    Joiner joiner(scratch);
    for (size_t at = 0; at < word.size();) {
      const size_t length = FirstCharacter(word.substr(at)).length;
      joiner.Add(at, length, vocabulary_.Find(word.substr(at, length)));
      at += length;
    }
    // A pair's text decides, not what the two were made of.
    joiner.JoinAll([&](const Symbol& left, const Symbol&, Joint& joint) {
      joint.id = vocabulary_.Find(word.substr(left.begin, joint.length));
      if (joint.id == kNoToken) return false;
      joint.rank = ranks_[static_cast<size_t>(joint.id)];
      return true;
    });
    joiner.ForEach([&](const Symbol& symbol) {
      if (symbol.id != kNoToken) {
        ids.push_back(symbol.id);
      } else {
        vocabulary_.AppendBytes(word.substr(symbol.begin, symbol.length), ids);
      }
    });
  }

  const Vocabulary& vocabulary_;
  std::vector<uint32_t> ranks_;  // of each piece: 0 has the highest score
  PairCuts cuts_;
};

}  // namespace

std::unique_ptr<const TokenAlgorithm> MakeSentencePieceBpe(
    const Vocabulary& vocabulary) {
  return std::make_unique<SentencePieceBpe>(vocabulary);
}

}  // namespace triptych
