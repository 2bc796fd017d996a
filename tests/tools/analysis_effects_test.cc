// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "kernels/base/rng.h"
#include "tests/tools/analysis_results.h"
#include "tools/analysis/effects.h"
#include "tools/analysis/levels.h"

namespace triptych::analysis {
namespace {

using sweep::Role;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

TEST_CASE("Levels of numbers, texts and holes") {
  const Levels few = LevelsOf(Numbers("a", Role::kAxis, {4, 1, kNan, 4, 0.5}));
  CHECK(few.labels == std::vector<std::string>{"0.5", "1", "4"});
  CHECK(few.of_point == std::vector<uint32_t>{2, 1, kNoLevel, 2, 0});
  CHECK(!few.binned);
  const Levels texts = LevelsOf(Texts("t", Role::kAxis, {"npu", "cpu", "npu"}));
  CHECK(texts.labels == std::vector<std::string>{"cpu", "npu"});
  CHECK(texts.of_point == std::vector<uint32_t>{1, 0, 1});
}

TEST_CASE("More values than levels: ranges of as many points") {
  std::vector<double> numbers;
  for (int i = 0; i < 100; ++i) numbers.push_back((i * 37) % 100);
  const Levels levels = LevelsOf(Numbers("a", Role::kAxis, numbers), 4);
  CHECK(levels.binned);
  CHECK(levels.labels == std::vector<std::string>{"0 .. 24", "25 .. 49",
                                                  "50 .. 74", "75 .. 99"});
  std::vector<int> counts(4);
  for (const uint32_t level : levels.of_point) ++counts[level];
  CHECK(counts == std::vector<int>{25, 25, 25, 25});
  // Equal values stay together, though the ranges are then uneven.
  std::vector<double> mostly(90, 7.0);
  for (int i = 0; i < 10; ++i) mostly.push_back(i + 10);
  const Levels uneven = LevelsOf(Numbers("a", Role::kAxis, mostly), 5);
  CHECK(uneven.of_point[0] == uneven.of_point[89]);
}

// y = 10 a + b over a in {0, 1, 2}, b in {0, 3}, c in {5, 6}: by hand.
sweep::Results Grid() {
  std::vector<double> a, b, c, y;
  std::vector<std::string> bound;
  for (const double va : {0.0, 1.0, 2.0}) {
    for (const double vb : {0.0, 3.0}) {
      for (const double vc : {5.0, 6.0}) {
        a.push_back(va);
        b.push_back(vb);
        c.push_back(vc);
        y.push_back(10 * va + vb);
        bound.push_back(va == 2 && vb == 3 ? "dram" : vc == 5 ? "array" : "l1");
      }
    }
  }
  return MakeResults(
      {Numbers("a", Role::kAxis, a), Numbers("b", Role::kAxis, b),
       Numbers("c", Role::kAxis, c),
       Numbers("fixed", Role::kAxis, std::vector<double>(12, 9)),
       Numbers("y", Role::kMeasure, y), Texts("bound", Role::kMeasure, bound)},
      {});
}

TEST_CASE("Main effects of a grid, by hand") {
  const auto effects = MainEffects(Grid(), "y");
  REQUIRE(effects);
  REQUIRE(effects->size() == 3);  // `fixed` does not vary
  const MainEffect& a = (*effects)[0];
  CHECK(a.axis == "a");
  REQUIRE(a.levels.size() == 3);
  CHECK(a.levels[1].level == "1");
  CHECK(a.levels[1].points == 4);
  CHECK(a.levels[1].mean == doctest::Approx(11.5));
  // 10, 10, 13, 13: s = sqrt(3), t(3) = 3.1824, half = t s / 2.
  CHECK(a.levels[1].half_width ==
        doctest::Approx(3.1824 * std::sqrt(3.0) / 2).epsilon(0.003));
  CHECK(a.lowest == doctest::Approx(1.5));
  CHECK(a.highest == doctest::Approx(21.5));
  // Variances: of 10 a 200 / 3, of b 9 / 4, of c nothing.
  const double all = 200.0 / 3 + 9.0 / 4;
  CHECK(a.variance_share == doctest::Approx(200.0 / 3 / all));
  CHECK((*effects)[1].axis == "b");
  CHECK((*effects)[1].variance_share == doctest::Approx(9.0 / 4 / all));
  CHECK((*effects)[2].variance_share == doctest::Approx(0));
}

TEST_CASE("Points without an output are left out; one point has no interval") {
  const auto effects = MainEffects(
      MakeResults({Numbers("a", Role::kAxis, {1, 1, 2, 3, 3}),
                   Numbers("y", Role::kMeasure, {1, 3, 5, kNan, INFINITY})},
                  {}),
      "y");
  REQUIRE(effects);
  REQUIRE((*effects)[0].levels.size() == 2);
  CHECK((*effects)[0].levels[0].mean == 2);
  CHECK(std::isnan((*effects)[0].levels[1].half_width));
}

// The interval's own promise: it holds the true mean 95 times of 100.
TEST_CASE("Of 4000 intervals of 5 normal draws, about 95 % hold the mean") {
  Rng rng(17);
  int held = 0;
  for (int i = 0; i < 2000; ++i) {
    std::vector<double> a, y;
    for (int j = 0; j < 10; ++j) {
      a.push_back(j % 2);
      y.push_back(3 + 2 * rng.Normal());
    }
    const auto effects = MainEffects(
        MakeResults(
            {Numbers("a", Role::kAxis, a), Numbers("y", Role::kMeasure, y)},
            {}),
        "y");
    for (const LevelMean& level : (*effects)[0].levels) {
      held += std::abs(level.mean - 3) <= level.half_width;
    }
  }
  // The standard deviation of the count is 13.8.
  CHECK(held > 0.95 * 4000 - 55);
  CHECK(held < 0.95 * 4000 + 55);
}

TEST_CASE("Tornados: over the means, and from a base point") {
  const auto bars = Tornado(*MainEffects(Grid(), "y"));
  REQUIRE(bars.size() == 3);
  CHECK(bars[0].axis == "a");
  CHECK(bars[0].low == doctest::Approx(1.5));
  CHECK(bars[0].high_level == "2");
  CHECK(bars[1].high - bars[1].low == doctest::Approx(3));
  // From a = 1, b = 3, c = 5: point 6.
  const auto at = TornadoAt(Grid(), "y", 6);
  REQUIRE(at);
  CHECK((*at)[0].axis == "a");
  CHECK((*at)[0].low == 3);
  CHECK((*at)[0].low_level == "0");
  CHECK((*at)[0].high == 23);
  CHECK((*at)[0].points == 3);
  CHECK((*at)[1].axis == "b");
  CHECK((*at)[1].low == 10);
  CHECK((*at)[1].high == 13);
  CHECK((*at)[1].high_level == "3");
  CHECK((*at)[2].high == (*at)[2].low);
  CHECK((*at)[2].points == 2);
}

TEST_CASE("A base that no point shares axes with has bars of itself alone") {
  const auto bars =
      TornadoAt(MakeResults({Numbers("a", Role::kAxis, {1, 2, 1}),
                             Numbers("b", Role::kAxis, {4, 5, 6}),
                             Numbers("y", Role::kMeasure, {7, 8, 9})},
                            {}),
                "y", 1);
  REQUIRE(bars);
  for (const TornadoBar& bar : *bars) {
    CHECK(bar.points == 1);
    CHECK(bar.low == 8);
    CHECK(bar.high == 8);
  }
}

TEST_CASE("Of axes that move together the first stands for all") {
  const sweep::Results results =
      MakeResults({Numbers("a", Role::kAxis, {1, 2, 1, 2}),
                   Texts("same", Role::kAxis, {"x", "y", "x", "y"}),
                   Numbers("b", Role::kAxis, {4, 4, 5, 5}),
                   Numbers("nearly", Role::kAxis, {4, 4, 5, 6}),
                   Numbers("y", Role::kMeasure, {7, 8, 9, 10})},
                  {});
  const auto followers = Followers(results);
  REQUIRE(followers.size() == 1);
  CHECK(followers[0].axis == "same");
  CHECK(followers[0].leader == "a");
  const auto effects = MainEffects(results, "y");
  REQUIRE(effects);
  CHECK(effects->size() == 3);
}

TEST_CASE("What binds, by cell") {
  const auto map = WhatBinds(Grid(), "a", "b");
  REQUIRE(map);
  CHECK(map->x_levels.size() == 3);
  CHECK(map->y_levels == std::vector<std::string>{"0", "3"});
  CHECK(map->At(2, 1).bound == "dram");
  CHECK(map->At(2, 1).share == 1);
  CHECK(map->At(0, 0).bound == "array");  // as often as l1, and before it
  CHECK(map->At(0, 0).share == 0.5);
  CHECK(map->At(1, 1).points == 2);
  const auto holes =
      WhatBinds(MakeResults({Numbers("a", Role::kAxis, {1, 2}),
                             Numbers("b", Role::kAxis, {1, 2}),
                             Texts("bound", Role::kMeasure, {"x", "y"})},
                            {}),
                "a", "b");
  CHECK(holes->At(1, 0).points == 0);
  CHECK(holes->At(1, 0).bound.empty());
}

TEST_CASE("Names that are wrong are answered with those there are") {
  const auto missing = MainEffects(Grid(), "secnds");
  REQUIRE(!missing);
  CHECK(missing.error().message.find("secnds: no such column") !=
        std::string::npos);
  CHECK(missing.error().message.find("y") != std::string::npos);
  CHECK(MainEffects(Grid(), "bound").error().message.find("holds texts") !=
        std::string::npos);
  CHECK(!WhatBinds(Grid(), "a", "q"));
  CHECK(WhatBinds(Grid(), "a", "b", "y").error().code == ErrorCode::kInvalid);
}

}  // namespace
}  // namespace triptych::analysis
