// Vocabulary, corpus and learner: they agree with the tokenizer that will
// read the model, and repeat exactly.
// SPDX-License-Identifier: Apache-2.0
#include "tools/trainer/corpus.h"

#include <doctest/doctest.h>

#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "kernels/base/rng.h"
#include "tools/trainer/bpe.h"
#include "tools/trainer/learner.h"

namespace triptych::trainer {
namespace {

TEST_CASE("pieces are learned in the order of how often neighbours meet") {
  // " aab" 5 times, " aa" 3: (a, a) meets 8 times, as (' ', a) does, and
  // ' ' sorts before a; then (" a", a) 8; then (" aa", b) 5.
  const std::vector<Piece> pieces =
      LearnPieces({{" aab", 5}, {" aa", 3}}, 259 + 3 + 3);
  REQUIRE(pieces.size() == 265);
  CHECK(pieces[0].type == PieceType::kUnknown);
  CHECK(pieces[3].text == "<0x00>");
  CHECK(pieces[258].text == "<0xFF>");
  CHECK(pieces[259].text == " a");
  CHECK(pieces[260].text == " aa");
  CHECK(pieces[261].text == " aab");
  CHECK(pieces[262].text == " ");
  for (size_t i = 260; i < pieces.size(); ++i) {
    CHECK(pieces[i].score < pieces[i - 1].score);
  }
}

struct Fixture {
  StoryGrammar grammar = *StoryGrammar::Load(TRIPTYCH_GRAMMAR_FILE);
  Tokenizer tokenizer = *LearnTokenizer(grammar, 1, 500, 1024);
  Corpus corpus{grammar, tokenizer, 1, 256};
};

TEST_CASE("stories survive the tokenizer, and words can be encoded alone") {
  Fixture f;
  size_t bytes = 0, tokens = 0;
  for (uint64_t i = 0; i < 300; ++i) {
    Rng rng(3, i);
    const std::string text = f.grammar.Sample(rng).text;
    const std::vector<TokenId> whole = f.tokenizer.Encode(text);
    std::vector<TokenId> words = {f.tokenizer.special().bos};
    f.corpus.Encode(text, words);
    CHECK(words == whole);
    CHECK(f.tokenizer.Decode(whole) == text);
    for (size_t t = 1; t < whole.size(); ++t) {
      CHECK(f.tokenizer.piece(whole[t]).type == PieceType::kNormal);
    }
    bytes += text.size();
    tokens += whole.size();
  }
  // A vocabulary that learned nothing would spell every letter.
  CHECK(static_cast<double>(bytes) / static_cast<double>(tokens) > 3);
}

TEST_CASE("stories have numbers; held-out stories are others") {
  Fixture f;
  Corpus again(f.grammar, f.tokenizer, 1, 256);
  CHECK(f.corpus.Training(7).tokens == again.Training(7).tokens);
  CHECK(f.corpus.Training(7).tokens != f.corpus.Training(8).tokens);
  CHECK(f.corpus.Training(7).tokens != f.corpus.HeldOut(7).tokens);
  CHECK(f.corpus.HeldOut(7).tokens.front() == 1);
  CHECK(f.corpus.HeldOut(7).tokens.back() == 2);
}

ModelConfig TinyConfig() {
  ModelConfig c;
  c.layers = 1;
  c.dim = 16;
  c.ffn = 32;
  c.heads = 2;
  c.kv_heads = 1;
  c.head_dim = 8;
  c.rope.dim = 8;
  c.vocab = 1024;
  c.context = 256;
  c.tied_head = true;
  return c;
}

std::vector<TokenStory> Batch(Corpus& corpus, uint64_t first) {
  std::vector<TokenStory> stories;
  for (uint64_t i = 0; i < 9; ++i) {
    stories.push_back(corpus.Training(first + i));
  }
  return stories;
}

TEST_CASE("learning lowers the loss, the same way for any thread count") {
  Fixture f;
  Learner one(TinyConfig(), 5, 1), three(TinyConfig(), 5, 3);
  std::vector<double> losses;
  for (uint64_t step = 0; step < 12; ++step) {
    const auto stories = Batch(f.corpus, 9 * step);
    losses.push_back(one.Step(stories, 1e-2f));
    CHECK(losses.back() == three.Step(stories, 1e-2f));
  }
  for (size_t i = 0; i < one.parameters().size(); ++i) {
    REQUIRE(one.parameters()[i] == three.parameters()[i]);
  }
  CHECK(losses.back() < losses.front() - 1);
  const Assessment a = one.Assess(f.corpus, 20);
  CHECK(a.excess == doctest::Approx(a.loss - a.bound));
  CHECK(a.excess > 0);
}

TEST_CASE("a run that is stopped and goes on is the run that was not") {
  Fixture f;
  const std::string path =
      (std::filesystem::temp_directory_path() / "triptych_trainer.checkpoint")
          .string();
  Learner straight(TinyConfig(), 5, 1), stopped(TinyConfig(), 5, 1);
  straight.Step(Batch(f.corpus, 0), 1e-2f);
  straight.Step(Batch(f.corpus, 9), 1e-2f);
  stopped.Step(Batch(f.corpus, 0), 1e-2f);
  REQUIRE(stopped.Save(path, "this run").has_value());
  Learner resumed(TinyConfig(), 6, 1);
  CHECK(!resumed.Load(path, "another run").has_value());
  REQUIRE(resumed.Load(path, "this run").has_value());
  CHECK(resumed.steps() == 1);
  resumed.Step(Batch(f.corpus, 9), 1e-2f);
  for (size_t i = 0; i < straight.parameters().size(); ++i) {
    REQUIRE(straight.parameters()[i] == resumed.parameters()[i]);
  }
  std::remove(path.c_str());
}

}  // namespace
}  // namespace triptych::trainer
