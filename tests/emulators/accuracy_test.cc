// SPDX-License-Identifier: Apache-2.0
#include "emulators/accuracy.h"

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "emulators/session.h"
#include "models/build/build.h"
#include "tests/emulators/fake_target.h"
#include "tests/models/tiny_config.h"

namespace triptych {
namespace {

TEST_CASE("KL, NLL and agreement of two distributions by hand") {
  // Reference 1/4, 1/4, 1/2; target 1/2, 1/4, 1/4; shifts do not matter.
  const std::vector<double> reference = {std::log(1.0) + 3, std::log(1.0) + 3,
                                         std::log(2.0) + 3};
  const std::vector<float> logits = {std::log(2.0f) - 5, -5, -5};
  const std::vector<float> same = {0, 0, std::log(2.0f)};
  const std::vector<TokenScore> scores = {ScoreOf(reference, logits, 0),
                                          ScoreOf(reference, same, 2)};
  const Accuracy a = SummaryOf(scores);
  CHECK(a.predictions == 2);
  // KL = 1/4 log(1/2) + 0 + 1/2 log 2 = log(2) / 4, and 0.
  CHECK(a.kl_nats_per_token == doctest::Approx(std::log(2.0) / 8));
  CHECK(a.kl_max == doctest::Approx(std::log(2.0) / 4));
  CHECK(a.nll_nats_per_token == doctest::Approx(std::log(2.0)));
  CHECK(a.perplexity == doctest::Approx(2));
  CHECK(a.reference_nll_nats_per_token ==
        doctest::Approx((std::log(4.0) + std::log(2.0)) / 2));
  CHECK(a.top1_agreement == doctest::Approx(0.5));
  CHECK(a.nll_stderr == doctest::Approx(0).epsilon(1e-6));
}

TEST_CASE("classes") {
  CHECK(AccuracyClass(0) == "Q8");
  CHECK(AccuracyClass(0.00024) == "Q8");
  CHECK(AccuracyClass(0.0003) == "Q6");
  CHECK(AccuracyClass(0.0047) == "Q5");
  CHECK(AccuracyClass(0.01) == "Q4");
  CHECK(AccuracyClass(0.05) == "Q3");
  CHECK(AccuracyClass(0.2) == "below Q3");
  CHECK(AccuracyClass(NAN) == "below Q3");
  CHECK(SummaryOf({}).predictions == 0);
}

Tokenizer Letters() {
  std::vector<Piece> pieces = {{"<unk>", 0, PieceType::kUnknown},
                               {"<s>", 0, PieceType::kControl},
                               {"</s>", 0, PieceType::kControl}};
  for (const char c : std::string("abcdefgh ")) {
    pieces.push_back({std::string(1, c), 0, PieceType::kNormal});
  }
  SpecialTokens special;
  special.add_space_prefix = false;
  return *Tokenizer::Create(std::move(pieces), special);
}

TEST_CASE("protocol story") {
  const auto segments = StorySegments(
      "\n ab\n<|endoftext|>\n\n<|endoftext|>c d<|endoftext|>", Letters());
  REQUIRE(segments);
  REQUIRE(segments->size() == 2);
  CHECK((*segments)[0].tokens == std::vector<int32_t>{1, 3, 4});
  CHECK((*segments)[1].tokens == std::vector<int32_t>{1, 5, 11, 6});
  CHECK((*segments)[0].first_scored == 0);
  CHECK_FALSE(StorySegments(" <|endoftext|>", Letters()));
  CHECK_FALSE(StorySegments("a", Tokenizer()));
}

TEST_CASE("protocol llama.cpp") {
  // 9 letters and BOS: two chunks of 4 and a rest of 2.
  const auto segments = ChunkSegments("abcdefgha", Letters(), 4);
  REQUIRE(segments);
  REQUIRE(segments->size() == 2);
  CHECK((*segments)[0].tokens == std::vector<int32_t>{1, 3, 4, 5});
  CHECK((*segments)[1].tokens == std::vector<int32_t>{1, 7, 8, 9});
  CHECK((*segments)[1].first_scored == 2);
  CHECK_FALSE(ChunkSegments("ab", Letters(), 4));
  CHECK_FALSE(ChunkSegments("ab", Letters(), 2));
}

TEST_CASE("a target's accuracy on a text the reference writes") {
  const Graph tiny = *BuildGraph(TinyLlama(), {.all_logits = true});
  const Weights weights = Weights::Random(tiny, 7);
  const auto segments = SelfSegments(tiny, weights, 1, 12, 3);
  REQUIRE(segments);
  REQUIRE((*segments)[0].tokens.size() == 13);
  const auto again = SelfSegments(tiny, weights, 1, 12, 3);
  CHECK((*again)[0].tokens == (*segments)[0].tokens);
  const auto test = AccuracyTest::Make(tiny, weights, *segments);
  REQUIRE(test);
  const auto target = MakeFake(*Config::Parse(FakePreset(), "fake.toml"));
  const auto program = (*target)->Compile(tiny, &weights);
  const auto accuracy = test->Run(**program, 1, 1);
  REQUIRE(accuracy);
  CHECK(accuracy->predictions == 12);
  CHECK(accuracy->kl_nats_per_token > 0);  // the fake rounds
  CHECK(accuracy->kl_nats_per_token < 1e-4);
  CHECK(accuracy->nll_nats_per_token ==
        doctest::Approx(accuracy->reference_nll_nats_per_token).epsilon(1e-2));
}

TEST_CASE("the beginning of a text, and the same test from kept logits") {
  const Graph tiny = *BuildGraph(TinyLlama(), {.all_logits = true});
  const Weights weights = Weights::Random(tiny, 7);
  const std::vector<Segment> text = {{{1, 5, 9, 13}, 1}, {{1, 2, 3, 4, 5}, 0}};
  const auto beginning = Beginning(text, 5);
  REQUIRE(beginning.size() == 2);
  CHECK(beginning[0].tokens == text[0].tokens);
  CHECK(beginning[1].tokens == std::vector<int32_t>{1, 2, 3});
  CHECK(Beginning(text, 3).size() == 1);
  CHECK(Beginning(text, 0)[0].tokens.size() == 2);

  const auto test = AccuracyTest::Make(tiny, weights, text);
  REQUIRE(test);
  const auto kept = AccuracyTest::FromLogits(tiny, text, test->logits());
  REQUIRE(kept);
  const auto target = MakeFake(*Config::Parse(FakePreset(), "fake.toml"));
  const auto program = (*target)->Compile(tiny, &weights);
  CHECK(*kept->Scores(**program, 3, 1) == *test->Scores(**program, 3, 1));
  CHECK(*kept->Scores(**program, 4, 1) != *test->Scores(**program, 3, 1));
  CHECK(kept->Scores(**program, 3, 1)->size() == 2 + 4);
  CHECK_FALSE(AccuracyTest::FromLogits(tiny, text, {test->logits()[0]}));
  CHECK_FALSE(AccuracyTest::FromLogits(tiny, beginning, test->logits()));
}

TEST_CASE("accuracy needs logits of all rows") {
  const Graph tiny = *BuildGraph(TinyLlama());
  const Weights weights = Weights::Random(tiny, 7);
  const auto test = AccuracyTest::Make(tiny, weights, {{{1, 2, 3}, 0}});
  REQUIRE_FALSE(test);
  CHECK(test.error().message ==
        "tiny: 1 rows of logits for 2 tokens; the graph must give logits of "
        "all tokens");
}

TEST_CASE("a session: prefill in parts is prefill at once") {
  const Graph tiny = *BuildGraph(TinyLlama(), {.all_logits = true});
  const Weights weights = Weights::Random(tiny, 7);
  const auto target = MakeTarget("cpu");
  REQUIRE(target);
  const auto program = (*target)->Compile(tiny, &weights);
  REQUIRE(program);
  const std::vector<int32_t> tokens = {1, 5, 9, 13, 2};
  Session whole(tiny, **program, {.capacity = 8});
  Session parts(tiny, **program, {.capacity = 8});
  const auto a = whole.Prefill(tokens);
  REQUIRE(a);
  REQUIRE(parts.Prefill(std::span(tokens).first(2)));
  REQUIRE(parts.Prefill(std::span(tokens).subspan(2, 2)));
  const auto b = parts.Decode(tokens[4]);
  REQUIRE(b);
  REQUIRE(b->rows() == 1);
  for (size_t c = 0; c < 40; ++c) {
    CHECK((*b)(0, c) == doctest::Approx((*a)(4, c)).epsilon(1e-4));
  }
  CHECK(parts.context() == 5);
  CHECK(parts.prefill_tokens() == 4);
  CHECK(parts.decode_tokens() == 1);
  CHECK(parts.decode_ledger().makespan() > Picos(0));
  CHECK_FALSE(parts.Prefill(tokens));  // 10 tokens in caches of 8
  CHECK_FALSE(parts.Decode(-1));
  parts.Reset();
  CHECK(parts.Prefill(tokens));
}

}  // namespace
}  // namespace triptych
