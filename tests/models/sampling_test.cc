// SPDX-License-Identifier: Apache-2.0
#include "models/sampling.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace triptych {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

// Logits of these probabilities.
std::vector<float> LogitsOf(const std::vector<double>& probabilities) {
  std::vector<float> logits;
  for (const double p : probabilities) {
    logits.push_back(static_cast<float>(std::log(p)));
  }
  return logits;
}

// How often each token is drawn.
std::vector<int> Count(const SamplingOptions& options,
                       const std::vector<float>& logits, int draws) {
  Sampler sampler(options);
  std::vector<int> counts(logits.size());
  for (int i = 0; i < draws; ++i) ++counts[sampler.Sample(logits)];
  return counts;
}

// Sum of (observed - expected)^2 / expected; where nothing is expected,
// nothing may be observed.
double ChiSquare(const std::vector<int>& counts,
                 const std::vector<double>& probabilities, int draws) {
  double sum = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    const double expected = probabilities[i] * draws;
    if (expected == 0) {
      CHECK(counts[i] == 0);
      continue;
    }
    sum += (counts[i] - expected) * (counts[i] - expected) / expected;
  }
  return sum;
}

constexpr int kDraws = 20000;

TEST_CASE("Greedy takes the largest logit, of equal ones the lowest id") {
  CHECK(Greedy(std::vector<float>{1, 3, 2}) == 1);
  CHECK(Greedy(std::vector<float>{2, 3, 3, 1}) == 1);
  CHECK(Greedy(std::vector<float>{kNan, -kInf, -5, kNan}) == 2);
  CHECK(Greedy(std::vector<float>{kNan, kNan}) == 0);
  CHECK(Greedy(std::vector<float>{0, kInf, kInf}) == 1);
  Sampler sampler({});  // temperature 0
  CHECK(sampler.Sample(std::vector<float>{1, 3, 2}) == 1);
}

TEST_CASE("Draws follow the probabilities") {
  const std::vector<double> p = {0.1, 0.4, 0.05, 0.25, 0.2};
  // 4 degrees of freedom: 18.5 is exceeded once in a thousand seeds.
  CHECK(ChiSquare(Count({1, 0, 1, 5}, LogitsOf(p), kDraws), p, kDraws) < 18.5);
  // Temperature 1/2 squares them, 2 takes the root.
  for (const double temperature : {0.5, 2.0}) {
    std::vector<double> tempered;
    double total = 0;
    for (const double x : p) total += std::pow(x, 1 / temperature);
    for (const double x : p) {
      tempered.push_back(std::pow(x, 1 / temperature) / total);
    }
    const auto counts = Count({temperature, 0, 1, 5}, LogitsOf(p), kDraws);
    CHECK(ChiSquare(counts, tempered, kDraws) < 18.5);
    // The same counts against the wrong temperature: the check can fail.
    CHECK(ChiSquare(counts, p, kDraws) > 100);
  }
}

TEST_CASE("Top-k keeps the k largest, top-p the fewest that reach p") {
  const auto logits = LogitsOf({0.1, 0.4, 0.05, 0.25, 0.2});
  const std::vector<double> two = {0, 0.4 / 0.65, 0, 0.25 / 0.65, 0};
  const std::vector<double> three = {0, 0.4 / 0.85, 0, 0.25 / 0.85, 0.2 / 0.85};
  const auto fits = [&](const SamplingOptions& options,
                        const std::vector<double>& p) {
    CHECK(ChiSquare(Count(options, logits, kDraws), p, kDraws) < 13.8);
  };
  fits({1, 2, 1, 7}, two);
  fits({1, 3, 1, 7}, three);
  fits({1, 0, 0.6, 7}, two);  // 0.4 does not reach 0.6, 0.65 does
  fits({1, 0, 0.7, 7}, three);
  fits({1, 2, 0.99, 7}, two);  // top-p sees what top-k left
  fits({1, 1, 1, 7}, {0, 1, 0, 0, 0});
  fits({1, 0, 0.3, 7}, {0, 1, 0, 0, 0});
  fits({1, 99, 1, 7}, {0.1, 0.4, 0.05, 0.25, 0.2});
}

TEST_CASE("Top-p is decided before the temperature") {
  // At temperature 10 the first token alone would be far below 0.5.
  const auto logits = LogitsOf({0.6, 0.2, 0.2});
  CHECK(Count({10, 0, 0.5, 1}, logits, 100)[0] == 100);
}

TEST_CASE("Equal logits at the edge of top-k: the lowest ids stay") {
  const auto counts = Count({1, 2, 1, 3}, {0, 1, 1, 1}, 1000);
  CHECK(counts[0] == 0);
  CHECK(counts[3] == 0);
  CHECK(counts[1] > 400);
  CHECK(counts[2] > 400);
}

TEST_CASE("A seed names one sequence of draws") {
  const auto logits = LogitsOf({0.25, 0.25, 0.25, 0.25});
  const auto draw = [&](uint64_t seed) {
    Sampler sampler({1, 0, 1, seed});
    std::vector<TokenId> ids;
    for (int i = 0; i < 16; ++i) ids.push_back(sampler.Sample(logits));
    return ids;
  };
  CHECK(draw(1) == draw(1));
  CHECK(draw(1) != draw(2));
  // Draw i is word i of the stream: quarter of the unit interval = token.
  Rng words(1);
  for (const TokenId id : draw(1)) {
    CHECK(id == static_cast<TokenId>(words.Uniform() * 4));
  }
}

TEST_CASE("Logits that are not finite do not derail a draw") {
  CHECK(Count({1, 0, 1, 1}, {kNan, 0, -kInf}, 50)[1] == 50);
  CHECK(Count({1, 0, 0.9, 1}, {0, kInf, 3}, 50)[1] == 50);
  CHECK(Count({1, 0, 1, 1}, {-kInf, -kInf}, 50)[0] > 0);
}

TEST_CASE("Options outside their range are named") {
  const auto message = [](const SamplingOptions& options) {
    const Status status = Validate(options);
    return status ? std::string() : status.error().message;
  };
  CHECK(message({1, 40, 0.9, 0}).empty());
  CHECK(message({-1, 0, 1, 0}).starts_with("temp: -1"));
  CHECK(message({std::nan(""), 0, 1, 0}).starts_with("temp: "));
  CHECK(message({1, -1, 1, 0}).starts_with("top-k: -1"));
  CHECK(message({1, 0, 0, 0}).starts_with("top-p: 0"));
  CHECK(message({1, 0, 1.5, 0}).starts_with("top-p: 1.5"));
}

}  // namespace
}  // namespace triptych
