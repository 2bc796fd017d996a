// The grammar machine on small grammars that can be counted out, and the
// shipped grammar by sampling.
// SPDX-License-Identifier: Apache-2.0
#include "tools/trainer/story_grammar.h"

#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <string>

#include "kernels/base/rng.h"

namespace triptych::trainer {
namespace {

constexpr char kSmall[] = R"(
# Two people, a place, an optional word, fields with choices.
story
  (3) <Who=person> went <where>. <^Who.they> was [|very ]<Who.mood>.
  (1) <Who~person>Then <Who> [slept|sang].

person
  (2) Lily ; they=she ; mood=[glad|calm|shy]
  Tom ; they=he ; mood=[bold|loud|quick]

where
  home
  (2) to the
      [sea|lake]
)";

StoryGrammar Small() {
  auto grammar = StoryGrammar::Parse(kSmall, "small");
  REQUIRE_MESSAGE(grammar.has_value(), grammar.error().message);
  return *grammar;
}

std::string ErrorOf(const std::string& source) {
  const auto grammar = StoryGrammar::Parse(source, "g");
  return grammar ? "" : grammar.error().message;
}

TEST_CASE("the derivations of a grammar: all of them, once, adding up to 1") {
  const StoryGrammar grammar = Small();
  const auto all = grammar.Enumerate("story", 1000);
  CHECK(all.size() == 2 * 3 * 2 * 3 + 2 * 2);
  double total = 0, entropy = 0;
  std::map<std::string, double> by_text;
  for (const Story& s : all) {
    total += std::exp(s.log_probability);
    entropy -= std::exp(s.log_probability) * s.log_probability;
    by_text[s.text] += std::exp(s.log_probability);
  }
  CHECK(total == doctest::Approx(1).epsilon(1e-12));
  CHECK(by_text.size() == all.size());
  CHECK(grammar.Entropy() == doctest::Approx(entropy).epsilon(1e-12));
  // 3/4 * 2/3 * (2/3 * 1/2) * 1/2 * 1/3, by hand.
  CHECK(by_text["Lily went to the sea. She was very shy."] ==
        doctest::Approx(1.0 / 36).epsilon(1e-12));
  CHECK(by_text["Then Tom sang."] == doctest::Approx(1.0 / 24).epsilon(1e-12));
}

TEST_CASE("reading a text gives the probability of writing it") {
  const StoryGrammar grammar = Small();
  for (const Story& s : grammar.Enumerate("story", 1000)) {
    const Reading reading = grammar.Read(s.text);
    INFO(s.text);
    CHECK(reading.derivations == 1);
    CHECK(reading.log_probability == doctest::Approx(s.log_probability));
  }
  CHECK(grammar.Read("Tom went home. She was bold.").derivations == 0);
  CHECK(grammar.Read("Tom went home. He was shy.").derivations == 0);
  CHECK(grammar.Read("Tom went home.").derivations == 0);
}

TEST_CASE("a text with two derivations is seen, with the sum of both") {
  const auto grammar =
      StoryGrammar::Parse("s\n  [a|ab] [b|c]\n  a b\n", "ambiguous");
  REQUIRE(grammar.has_value());
  const Reading reading = grammar->Read("a b");
  CHECK(reading.derivations == 2);
  CHECK(std::exp(reading.log_probability) ==
        doctest::Approx(0.5 * 0.25 + 0.5));
}

TEST_CASE("texts are drawn as often as they are probable") {
  const StoryGrammar grammar = Small();
  constexpr int kDraws = 40000;
  std::map<std::string, int> drawn;
  for (int i = 0; i < kDraws; ++i) {
    Rng rng(5, static_cast<uint64_t>(i));
    ++drawn[grammar.Sample(rng).text];
  }
  double chi2 = 0;
  const auto all = grammar.Enumerate("story", 1000);
  for (const Story& s : all) {
    const double expected = kDraws * std::exp(s.log_probability);
    chi2 += std::pow(drawn[s.text] - expected, 2) / expected;
  }
  // 39 degrees of freedom: mean 39, standard deviation 8.8; five of them.
  CHECK(chi2 < 39 + 5 * 8.8);
}

TEST_CASE("what is wrong with a grammar is said, with the line") {
  CHECK(ErrorOf("") == "g:0: a grammar needs a rule");
  CHECK(ErrorOf("s\n  <t>\n") == "g:2: no rule is called \"t\"");
  CHECK(ErrorOf("s\n  a [b|c\n") == "g:2: a '[' is never closed");
  CHECK(ErrorOf("s\n  a ] b\n") == "g:2: there is a ']' or '|' too many");
  CHECK(ErrorOf("s\n  <A=t\n") == "g:2: a '<' is never closed");
  CHECK(ErrorOf("s\n  a\ns\n  b\n") == "g:3: this rule exists already");
  CHECK(ErrorOf("s\n") == "g:1: a rule needs alternatives");
  CHECK(ErrorOf("s\n  (0) a\n") ==
        "g:2: a weight looks like (2) and is positive");
  CHECK(ErrorOf("s\n  <t>\nt\n  a <s>\n") ==
        "g:1: rule \"s\" contains itself");
  CHECK(ErrorOf("s\n  <A>\n") ==
        "g:2: a variable is used that may not be bound");
  CHECK(ErrorOf("s\n  [<A=t>|x] <A>\nt\n  a\n") ==
        "g:2: a variable is used that may not be bound");
  CHECK(ErrorOf("s\n  <A=t> <A.f>\nt\n  a ; f=1\n  b\n") ==
        "g:2: an alternative of \"t\" lacks this field");
}

// What sampling can say of the shipped grammar: its probabilities are its
// frequencies (the mean of -log p is the entropy), and no text that was
// drawn has a second derivation.
TEST_CASE("the shipped grammar") {
  const auto grammar = StoryGrammar::Load(TRIPTYCH_GRAMMAR_FILE);
  REQUIRE_MESSAGE(grammar.has_value(), grammar.error().message);
  constexpr int kStories = 1500;
  double sum = 0, squares = 0;
  for (int i = 0; i < kStories; ++i) {
    Rng rng(9, static_cast<uint64_t>(i));
    const Story story = grammar->Sample(rng);
    sum -= story.log_probability;
    squares += story.log_probability * story.log_probability;
    INFO(story.text);
    CHECK(story.text.find("  ") == std::string::npos);
    CHECK(story.text.find(" .") == std::string::npos);
    CHECK(std::string(".!?\"").find(story.text.back()) != std::string::npos);
    const Reading reading = grammar->Read(story.text);
    CHECK(reading.derivations == 1);
    CHECK(reading.log_probability ==
          doctest::Approx(story.log_probability).epsilon(1e-9));
  }
  const double mean = sum / kStories;
  const double error =
      std::sqrt((squares / kStories - mean * mean) / kStories);
  CHECK(std::abs(mean - grammar->Entropy()) < 5 * error);
}

}  // namespace
}  // namespace triptych::trainer
