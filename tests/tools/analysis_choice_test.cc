// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "tests/tools/analysis_results.h"
#include "tools/analysis/choice.h"

namespace triptych::analysis {
namespace {

using sweep::Role;
using Points = std::vector<size_t>;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

sweep::Results Machines() {
  return MakeResults(
      {Numbers("usd", Role::kDerived, {10, 20, 30, 40, kNan, 25}),
       Numbers("ttft_s", Role::kMeasure, {2.0, 0.4, 0.5, 0.1, 0.1, kNan}),
       Numbers("tpot_s", Role::kMeasure, {0.05, 0.09, 0.02, 0.01, 0.01, 0.01}),
       Texts("bound", Role::kMeasure, {"a", "a", "a", "a", "a", "a"})},
      {});
}

Result<Choice> ChooseBy(const std::string& column, bool maximise,
                        const std::vector<Bound>& bounds, size_t most = 5) {
  Wish wish;
  wish.best.column = column;
  wish.best.maximise = maximise;
  wish.bounds = bounds;
  return Choose(Machines(), wish, most);
}

TEST_CASE("The cheapest point that meets TTFT and TPOT") {
  const std::vector<Bound> bounds = {{"ttft_s", 0.5, false},
                                     {"tpot_s", 0.05, false}};
  const auto choice = ChooseBy("usd", false, bounds);
  REQUIRE(choice);
  CHECK(choice->best == Points{2, 3});
  CHECK(choice->feasible == 2);
  REQUIRE(choice->bounds.size() == 2);
  // At its TTFT limit; without that bound point 0 is cheaper, without the
  // other point 1.
  CHECK(choice->bounds[0].slack == 0);
  CHECK(choice->bounds[0].met == 4);
  CHECK(choice->bounds[0].without == std::optional<size_t>(0));
  CHECK(choice->bounds[1].slack == doctest::Approx(0.6));
  CHECK(choice->bounds[1].without == std::optional<size_t>(1));
  CHECK(ChooseBy("usd", false, bounds, 1)->best == Points{2});
}

TEST_CASE("A bound that costs nothing is not tight") {
  const auto choice = ChooseBy("usd", false, {{"tpot_s", 0.5, false}});
  CHECK(choice->best[0] == 0);
  CHECK(!choice->bounds[0].without);
}

TEST_CASE("The most, and at least") {
  const auto choice = ChooseBy("tpot_s", true, {{"usd", 20, true}});
  CHECK(choice->best == Points{1, 2, 3, 5});
}

TEST_CASE("Nothing meets all bounds: which of them forbids it") {
  const auto choice = ChooseBy(
      "usd", false, {{"ttft_s", 0.01, false}, {"tpot_s", 0.05, false}});
  CHECK(choice->best.empty());
  CHECK(choice->feasible == 0);
  CHECK(choice->bounds[0].met == 0);
  CHECK(choice->bounds[0].without == std::optional<size_t>(0));
  CHECK(!choice->bounds[1].without);
  CHECK(std::isnan(choice->bounds[1].slack));
}

TEST_CASE("Bounds as text") {
  const auto bound = ParseBound(" ttft_s <= 5e-1");
  REQUIRE(bound);
  CHECK(bound->column == "ttft_s");
  CHECK(bound->limit == 0.5);
  CHECK(!bound->at_least);
  CHECK(ToText(*bound) == "ttft_s <= 0.5");
  CHECK(ParseBound("a:b.c>=20")->at_least);
  for (const char* bad : {"", "ttft_s", "ttft_s<0.5", "ttft_s<=", "<=3",
                          "a<=3s", "a<=nan", "a=3", "a<=inf", "a<"}) {
    CAPTURE(bad);
    CHECK(!ParseBound(bad));
  }
  CHECK(ChooseBy("eur", false, {}).error().code == ErrorCode::kNotFound);
  CHECK(ChooseBy("usd", false, {{"bound", 1, false}}).error().code ==
        ErrorCode::kInvalid);
}

}  // namespace
}  // namespace triptych::analysis
