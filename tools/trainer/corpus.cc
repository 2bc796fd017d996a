// SPDX-License-Identifier: Apache-2.0
#include "tools/trainer/corpus.h"

#include <algorithm>
#include <utility>

#include "kernels/base/rng.h"
#include "tools/trainer/bpe.h"

namespace triptych::trainer {
namespace {

// Streams of the corpus seed: training stories are 0 and up.
constexpr uint64_t kHeldOutStream = uint64_t{1} << 62;
constexpr uint64_t kVocabularyStream = uint64_t{1} << 63;

}  // namespace

Result<Tokenizer> LearnTokenizer(const StoryGrammar& grammar, uint64_t seed,
                                 size_t stories, size_t size) {
  WordCounts counts;
  for (size_t i = 0; i < stories; ++i) {
    Rng rng(seed, kVocabularyStream + i);
    CountWords(grammar.Sample(rng).text, counts);
  }
  return Tokenizer::Create(LearnPieces(counts, size), SpecialTokens{});
}

void Corpus::Encode(std::string_view text, std::vector<TokenId>& tokens) {
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    auto it = words_.find(word);
    if (it == words_.end()) {
      std::vector<TokenId> ids = tokenizer_.Encode(word);
      ids.erase(ids.begin());  // <s>
      it = words_.emplace(word, std::move(ids)).first;
    }
    tokens.insert(tokens.end(), it->second.begin(), it->second.end());
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

TokenStory Corpus::Draw(uint64_t stream) {
  Rng rng(seed_, stream);
  while (true) {
    const Story story = grammar_.Sample(rng);
    TokenStory result{{tokenizer_.special().bos}, story.log_probability};
    Encode(story.text, result.tokens);
    result.tokens.push_back(tokenizer_.special().eos);
    if (result.tokens.size() <= longest_ + 1) return result;
  }
}

TokenStory Corpus::Training(uint64_t index) { return Draw(index); }

TokenStory Corpus::HeldOut(uint64_t index) {
  return Draw(kHeldOutStream + index);
}

}  // namespace triptych::trainer
