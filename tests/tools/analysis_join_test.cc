// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "tests/tools/analysis_results.h"
#include "tools/analysis/choice.h"
#include "tools/analysis/join.h"

namespace triptych::analysis {
namespace {

using sweep::Role;
using Values = std::vector<double>;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// Three machines by area, in both phases but for the last.
sweep::Results Phases() {
  return MakeResults(
      {Numbers("cores", Role::kAxis, {2, 1, 1, 2, 4}),
       Texts("phase", Role::kAxis,
             {"decode", "prefill", "decode", "prefill", "decode"}),
       Numbers("seconds", Role::kMeasure, {0.02, 0.8, 0.05, 0.4, 0.01}, "s"),
       Numbers("ttft_s", Role::kMeasure, {kNan, 0.8, kNan, 0.4, kNan}),
       Numbers("tpot_s", Role::kMeasure, {0.02, kNan, 0.05, kNan, 0.01}),
       Texts("bound", Role::kMeasure, {"dram", "core", "dram", "core", "l1"}),
       Numbers("mm2", Role::kDerived, {20, 10, 10, 20, 40})},
      {{"seconds", false}, {"mm2", false}});
}

TEST_CASE("Prefill and decode of a machine in one row") {
  const auto joined = JoinOver(Phases(), "phase");
  REQUIRE(joined);
  CHECK(joined->points == 3);
  CHECK(joined->Find("phase") == nullptr);
  CHECK(joined->Find("cores")->numbers == Values{2, 1, 4});
  CHECK(joined->Find("mm2")->numbers == Values{20, 10, 40});
  CHECK(joined->Find("mm2")->role == Role::kDerived);
  CHECK(joined->Find("ttft_s")->numbers[1] == 0.8);
  CHECK(std::isnan(joined->Find("ttft_s")->numbers[2]));
  CHECK(joined->Find("tpot_s")->numbers == Values{0.02, 0.05, 0.01});
  CHECK(joined->Find("seconds") == nullptr);
  CHECK(joined->Find("seconds@decode")->numbers == Values{0.02, 0.05, 0.01});
  CHECK(joined->Find("seconds@decode")->unit == "s");
  CHECK(joined->Find("seconds@prefill")->numbers[0] == 0.4);
  CHECK(joined->Find("bound@prefill")->texts ==
        std::vector<std::string>{"core", "core", ""});
  REQUIRE(joined->objectives.size() == 3);
  CHECK(joined->objectives[1].column == "seconds@prefill");
  CHECK(joined->objectives[2].column == "mm2");
}

TEST_CASE("The cheapest machine that meets TTFT and TPOT is there at last") {
  Wish wish;
  wish.best.column = "mm2";
  wish.bounds = {{"ttft_s", 0.5, false}, {"tpot_s", 0.1, false}};
  CHECK(Choose(Phases(), wish)->best.empty());
  const auto choice = Choose(*JoinOver(Phases(), "phase"), wish);
  REQUIRE(choice->best.size() == 1);
  CHECK(choice->best[0] == 0);
  CHECK(choice->bounds[0].without == std::optional<size_t>(1));
}

TEST_CASE("An axis of numbers; no such axis; no rows") {
  const auto joined =
      JoinOver(MakeResults({Numbers("batch", Role::kAxis, {1, 8}),
                            Numbers("y", Role::kMeasure, {3, 4})},
                           {}),
               "batch");
  REQUIRE(joined);
  CHECK(joined->points == 1);
  CHECK(joined->Find("y@8")->numbers == Values{4});
  CHECK(!JoinOver(Phases(), "seconds"));
  CHECK(!JoinOver(Phases(), "fase"));
  const auto none =
      JoinOver(MakeResults({Numbers("batch", Role::kAxis, {})}, {}), "batch");
  REQUIRE(none);
  CHECK(none->points == 0);
}

}  // namespace
}  // namespace triptych::analysis
