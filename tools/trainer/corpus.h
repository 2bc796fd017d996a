// Endless stories as tokens. Every story has a number; the same seed and
// number give the same story on every machine, so that training can stop and
// go on, and held-out stories are simply numbers that training never reaches.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_TRAINER_CORPUS_H_
#define TRIPTYCH_TOOLS_TRAINER_CORPUS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "kernels/base/result.h"
#include "models/tokenizer.h"
#include "tools/trainer/story_grammar.h"

namespace triptych::trainer {

// The vocabulary of a grammar, learned from `stories` stories of their own.
Result<Tokenizer> LearnTokenizer(const StoryGrammar& grammar, uint64_t seed,
                                 size_t stories, size_t size);

struct TokenStory {
  std::vector<TokenId> tokens;  // <s>, the story, </s>
  double log_probability;       // of all of them after <s>, nats

  size_t predictions() const { return tokens.size() - 1; }
};

// Not thread-safe: it remembers the tokens of words. The grammar and the
// tokenizer must outlive it.
class Corpus {
 public:
  // Stories of more than `longest` predictions do not fit the context: in
  // their place stands the next of the same stream that does.
  Corpus(const StoryGrammar& grammar, const Tokenizer& tokenizer,
         uint64_t seed, size_t longest)
      : grammar_(grammar),
        tokenizer_(tokenizer),
        seed_(seed),
        longest_(longest) {}

  // Story `index` of either set.
  TokenStory Training(uint64_t index);
  TokenStory HeldOut(uint64_t index);

  // As the tokenizer's Encode: no piece spans two words, so words can be
  // encoded one by one, once.
  void Encode(std::string_view text, std::vector<TokenId>& tokens);

 private:
  TokenStory Draw(uint64_t stream);

  const StoryGrammar& grammar_;
  const Tokenizer& tokenizer_;
  uint64_t seed_;
  size_t longest_;
  std::map<std::string, std::vector<TokenId>, std::less<>> words_;
};

}  // namespace triptych::trainer

#endif  // TRIPTYCH_TOOLS_TRAINER_CORPUS_H_
