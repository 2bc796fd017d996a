// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "kernels/base/rng.h"
#include "tests/tools/analysis_results.h"
#include "tools/analysis/pareto.h"

namespace triptych::analysis {
namespace {

using Points = std::vector<size_t>;
using sweep::Role;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// `seconds` down, `tokens` up.
sweep::Results TwoObjectives(std::vector<double> seconds,
                             std::vector<double> tokens) {
  return MakeResults({Numbers("seconds", Role::kMeasure, std::move(seconds)),
                      Numbers("tokens", Role::kDerived, std::move(tokens))},
                     {{"seconds", false}, {"tokens", true}});
}

TEST_CASE("A front with a maximised objective, a tie and points without one") {
  const auto results = TwoObjectives({1, 2, 2, 3, kNan, 0, 4, 2},
                                     {1, 5, 5, 4, 9, kNan, 6, INFINITY});
  CHECK(CompletePoints(results) == Points{0, 1, 2, 3, 6});
  CHECK(ParetoFront(results) == Points{0, 1, 2, 6});
  CHECK(Fronts(results) == std::vector<Points>{{0, 1, 2, 6}, {3}});
}

TEST_CASE("No points, no objectives") {
  CHECK(ParetoFront(TwoObjectives({}, {})).empty());
  CHECK(ParetoBand(TwoObjectives({}, {}), 0.1).empty());
  auto results = TwoObjectives({1, 2}, {1, 2});
  results.objectives.clear();
  CHECK(ParetoFront(results).empty());
  CHECK(Fronts(results).empty());
  CHECK(ParetoBand(results, 0.1).empty());
  CHECK(!FindKnee(results, {}));
  CHECK(HypervolumeShare(results, {}) == 0);
}

TEST_CASE("The band: what a model wrong by so much may have kept out") {
  // Point 1 takes 9 % longer than point 0 for as many tokens, point 2 12 %:
  // 1.09 * 0.9 = 0.981, 1.12 * 0.9 = 1.008. Points 3 and 4 give fewer tokens
  // in the same time: 90 * 1.1 = 99, 92 * 1.1 = 101.2.
  const auto results =
      TwoObjectives({1, 1.09, 1.12, 1, 1}, {100, 100, 100, 90, 92});
  CHECK(ParetoFront(results) == Points{0});
  CHECK(ParetoBand(results, 0) == Points{0});
  CHECK(ParetoBand(results, 0.085) == Points{0, 1});
  CHECK(ParetoBand(results, 0.1) == Points{0, 1, 4});
  CHECK(ParetoBand(results, 0.2) == Points{0, 1, 2, 3, 4});
}

TEST_CASE("The band: near the front in one objective is enough") {
  // Point 2 is slower than point 0 by half and gives fewer tokens; 0.5 % more
  // of them would put it between 0 and 1.
  const auto trade = TwoObjectives({1, 2, 1.5}, {100, 200, 99.5});
  CHECK(ParetoFront(trade) == Points{0, 1});
  CHECK(ParetoBand(trade, 0.004) == Points{0, 1});
  CHECK(ParetoBand(trade, 0.006) == Points{0, 1, 2});
}

TEST_CASE("Random sets: the band is that of its definition, and grows") {
  Rng rng(3);
  for (const uint32_t levels : {8u, 40u, 1000u}) {
    std::vector<double> seconds, tokens;
    for (int i = 0; i < 300; ++i) {
      seconds.push_back(1 + rng.Below(levels));
      tokens.push_back(static_cast<double>(rng.Below(levels)) - 5);
    }
    const auto results = TwoObjectives(seconds, tokens);
    const Points front = ParetoFront(results);
    size_t before = 0;
    for (const double band : {0.0, 0.05, 0.3, 0.9}) {
      Points want;
      for (size_t i = 0; i < seconds.size(); ++i) {
        const double s = seconds[i] - band * seconds[i];
        const double t = tokens[i] + band * std::abs(tokens[i]);
        bool out = false, on_front = false;
        for (const size_t f : front) {
          out |= (seconds[f] <= s || seconds[f] == seconds[i]) &&
                 (tokens[f] >= t || tokens[f] == tokens[i]);
          on_front |= f == i;
        }
        if (on_front || !out) want.push_back(i);
      }
      CHECK(ParetoBand(results, band) == want);
      CHECK(want.size() >= before);
      before = want.size();
    }
    CHECK(before > front.size());
  }
}

TEST_CASE("The knee is furthest from the chord, in scaled objectives") {
  // Costs (0,1) (0.1,0.3) (0.4,0.2) (1,0) once scaled: the second is 0.6
  // below x + y = 1, the third 0.4.
  const auto results = TwoObjectives({10, 11, 14, 20}, {0, 70, 80, 100});
  const Points front = ParetoFront(results);
  const auto knee = FindKnee(results, front);
  REQUIRE(knee);
  CHECK(knee->point == 1);
  CHECK(knee->distance == doctest::Approx(0.6 / std::sqrt(2.0)));
}

TEST_CASE("No knee on a straight or a hollow front, or with two points") {
  CHECK(!FindKnee(TwoObjectives({1, 2, 3}, {1, 2, 3}), Points{0, 1, 2}));
  CHECK(!FindKnee(TwoObjectives({1, 2, 3}, {1, 1.2, 3}), Points{0, 1, 2}));
  CHECK(!FindKnee(TwoObjectives({1, 2}, {1, 2}), Points{0, 1}));
  CHECK(!FindKnee(TwoObjectives({1}, {1}), Points{0}));
}

TEST_CASE("The share of the hypervolume, by hand") {
  // The box is [1, 5] s x [0, 8] tokens. Point 1 dominates 3 * 2, point 2
  // another 1 * 6 up to (4 s, 8 tokens): 4 * 8 = 32 in all.
  const auto results = TwoObjectives({1, 2, 4, 5}, {0, 2, 8, 1});
  CHECK(HypervolumeShare(results, ParetoFront(results)) ==
        doctest::Approx((3 * 2 + 1 * 6) / 32.0));
  CHECK(HypervolumeShare(TwoObjectives({1, 2}, {3, 3}), Points{0}) == 1);
  CHECK(HypervolumeShare(TwoObjectives({2, 2}, {3, 3}), Points{0, 1}) == 1);
}

}  // namespace
}  // namespace triptych::analysis
