// Cutting text into the words that byte-pair merges stay within, by the
// rules that models are published with.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_TOKENIZERS_PRE_TOKENIZER_H_
#define TRIPTYCH_MODELS_TOKENIZERS_PRE_TOKENIZER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/result.h"
#include "models/tokenizers/pattern.h"

namespace triptych {

// What becomes of the matches of a rule's pattern. Names as in tokenizer.json.
enum class SplitBehavior : uint8_t {
  kIsolated,            // each is a word, and so is what lies between
  kRemoved,             // dropped; what lies between is a word
  kMergedWithPrevious,  // the end of the word before it
  kMergedWithNext,      // the beginning of the word after it
  kContiguous,          // as kIsolated, neighbouring matches being one
};

struct SplitRule {
  std::string pattern;  // as pattern.h understands it
  SplitBehavior behavior = SplitBehavior::kIsolated;
  bool invert = false;  // what lies between the matches is what matches

  friend bool operator==(const SplitRule&, const SplitRule&) = default;
};

// A published list of rules. Names as in GGUF's tokenizer.ggml.pre.
struct NamedRules {
  std::string_view name;
  std::vector<SplitRule> rules;
  // A word that is a piece is not taken apart and merged again.
  bool whole_words = false;
  bool add_bos = false;  // what a file means that does not say
};

// The first of a list of names for the same rules is the one to write.
const std::vector<NamedRules>& AllNamedRules();
// Null if there is none of that name.
const NamedRules* FindRules(std::string_view name);

// Immutable; Split may run on any number of threads.
class PreTokenizer {
 public:
  // Without rules all text is one word. Errors: more than 16 rules, a pattern
  // that is not understood ("rule N: offset N: what").
  static Result<PreTokenizer> Create(const std::vector<SplitRule>& rules);

  // Calls `visit` with the words of `text`, in order, none empty. Each rule
  // cuts what the one before it left, and sees nothing outside of it.
  using Visit = std::function<void(std::string_view)>;
  void Split(std::string_view text, const Visit& visit) const {
    SplitFrom(0, text, visit);
  }

 private:
  struct Stage {
    Pattern pattern;
    SplitBehavior behavior;
    bool invert;
  };
  void SplitFrom(size_t stage, std::string_view text, const Visit& visit) const;

  std::vector<Stage> stages_;
};

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_TOKENIZERS_PRE_TOKENIZER_H_
