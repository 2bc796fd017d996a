// A probabilistic grammar of small stories, and the exact probability of
// every story it tells.
//
// The grammar is data (stories.grammar explains its notation); this file is
// the machine that runs it: parse it, draw from it, read a text back, and
// compute the entropy of what it generates. A derivation is a list of
// choices; its probability is their product. While one derivation runs,
// variables remember what was chosen ("Lily", a girl), so that names,
// pronouns and objects agree over the whole story.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_TRAINER_STORY_GRAMMAR_H_
#define TRIPTYCH_TOOLS_TRAINER_STORY_GRAMMAR_H_

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/result.h"
#include "kernels/base/rng.h"

namespace triptych::trainer {

struct Story {
  std::string text;
  double log_probability;  // of the derivation, nats; never positive
};

// What a text can mean to a grammar.
struct Reading {
  size_t derivations;      // 0: not in the language; > 1: ambiguous
  double log_probability;  // of the text: the sum over its derivations, nats
};

// Immutable once parsed; all const members are thread-safe.
class StoryGrammar {
 public:
  // Errors carry "name:line:" (syntax, unknown rules, recursion, a variable
  // used before it is bound, a field that some alternative lacks).
  static Result<StoryGrammar> Parse(std::string_view source,
                                    const std::string& name);
  static Result<StoryGrammar> Load(const std::string& path);

  // One derivation of the first rule, or of `rule` (which must exist).
  Story Sample(Rng& rng, std::string_view rule = {}) const;

  // Every derivation of a rule, in the order of its choices. Aborts beyond
  // `limit`: this is for sub-grammars.
  std::vector<Story> Enumerate(std::string_view rule, size_t limit) const;

  // All derivations that give exactly `text`.
  Reading Read(std::string_view text, std::string_view rule = {}) const;

  // Shannon entropy of the derivations of a rule, nats, exact: the expected
  // sum of the entropies of the choices made.
  double Entropy(std::string_view rule = {}) const;

  // One step of a derivation; an implementation detail made visible for the
  // two walkers in story_grammar.cc and story_walk.cc.
  struct Node {
    enum class Kind : uint8_t { kText, kRule, kField, kRecall };
    Kind kind = Kind::kText;
    bool capital = false;  // the next letter written is upper case
    bool silent = false;   // chosen and remembered, not written
    std::string text;      // kText
    size_t index = 0;      // kRule: the rule. kField, kRecall: the variable
    size_t field = 0;      // kField
    int bind = -1;         // the variable that remembers it, or none
    int line = 0;
  };
  using Sequence = std::vector<Node>;
  struct Alternative {
    double log_p = 0;
    Sequence body;
    std::map<size_t, Sequence> fields;
  };
  struct Rule {
    std::string name;
    int line = 0;
    std::vector<Alternative> alternatives;
  };

 private:
  friend class GrammarParser;
  // Picks the alternative of each choice in turn.
  using Chooser = std::function<size_t(const Rule&)>;

  size_t Find(std::string_view rule) const;
  Story Derive(size_t rule, const Chooser& choose) const;

  std::vector<Rule> rules_;
  std::vector<std::string> variables_, fields_;
};

}  // namespace triptych::trainer

#endif  // TRIPTYCH_TOOLS_TRAINER_STORY_GRAMMAR_H_
