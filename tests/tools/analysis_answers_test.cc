// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "kernels/base/rng.h"
#include "tests/tools/analysis_results.h"
#include "tools/analysis/answers.h"

namespace triptych::analysis {
namespace {

using sweep::Role;

// Cores 1, 2, 4 by bits 4, 8: seconds = bits / cores, joules = cores + bits /
// 8. With 1 core the cores bind, else the memory.
sweep::Results Small() {
  std::vector<double> cores, bits, seconds, joules;
  std::vector<std::string> bound;
  for (const double c : {1.0, 2.0, 4.0}) {
    for (const double b : {4.0, 8.0}) {
      cores.push_back(c);
      bits.push_back(b);
      seconds.push_back(b / c);
      joules.push_back(c + b / 8);
      bound.push_back(c == 1 ? "cores" : "dram");
    }
  }
  return MakeResults(
      {Texts("target", Role::kAxis, std::vector<std::string>(6, "mesh")),
       Numbers("cores", Role::kAxis, cores), Numbers("bits", Role::kAxis, bits),
       Numbers("seconds", Role::kMeasure, seconds, "s"),
       Numbers("joules", Role::kMeasure, joules),
       Texts("bound", Role::kMeasure, bound)},
      {{"seconds", false}, {"joules", false}});
}

AnswerOptions Options() {
  AnswerOptions options;
  options.errors.of_target["mesh"] = {0.04, 0.5};
  Wish wish;
  wish.best.column = "joules";
  wish.bounds = {{"seconds", 2, false}, {"bits", 8, true}};
  options.wishes = {wish};
  return options;
}

TEST_CASE("The answers of a small study, by hand") {
  const auto answers = FindAnswers(Small(), Options());
  REQUIRE(answers);
  // 4 bits always win: (4 s, 1.5 J), (2, 2.5), (1, 4.5).
  CHECK(answers->front == std::vector<size_t>{0, 2, 4});
  REQUIRE(answers->knee);
  CHECK(answers->knee->point == 2);  // (1/3, 1/3) of the way
  CHECK(answers->stability[1].median.alone);
  CHECK(!answers->stability[1].p90.alone);
  CHECK(answers->stability[1].p90.by_target);
  REQUIRE(answers->explained.size() == 2);
  CHECK(answers->explained[1].output == "joules");
  // 2 + 8 / 3 between cores, 1 / 16 between bits, nothing together.
  CHECK(answers->explained[1].effects[0].axis == "cores");
  REQUIRE(answers->explained[1].sobol);
  CHECK(answers->explained[1].sobol->indices.of_input[0].total ==
        doctest::Approx(answers->explained[1].effects[0].variance_share));
  REQUIRE(answers->binds);
  CHECK(answers->binds->x == "cores");
  CHECK(answers->binds->y == "bits");
  CHECK(answers->binds->At(0, 0).bound == "cores");
  // At most 2 s with 8 bits takes 4 cores: 5 J.
  CHECK(answers->wished[0].choice.best == std::vector<size_t>{5});
}

TEST_CASE("As text") {
  const auto answers = FindAnswers(Small(), Options());
  const std::string text = AnswersText(Small(), *answers);
  for (const char* want :
       {"Pareto front: 3 of 6 points", "seconds [s]", "knee",
        "mesh 4.0 % / 50.0 %", "3 and 3 if a target errs by one factor",
        "What moves joules", "What binds most often", "cores 100 %",
        "Least joules under 2 bounds: 1 points meet them",
        "bits >= 8: met by 3 points; tight: without it 2.5"}) {
    CAPTURE(want);
    CAPTURE(text);
    CHECK(text.find(want) != std::string::npos);
  }
  const std::string first = AnswersText(Small(), *answers, 1);
  CHECK(first.find("the best 1 of 3 by seconds") != std::string::npos);
  CHECK(first.find("knee") != std::string::npos);
}

TEST_CASE("As JSON") {
  const auto results = Small();
  const auto json = AnswersJson(results, *FindAnswers(results, Options()));
  CHECK(json["front"].size() == 3);
  CHECK(json["front"][1]["row"] == 2);
  CHECK(json["front"][1]["knee"] == true);
  CHECK(json["front"][1]["cores"] == 2);
  CHECK(json["front"][1]["seconds"] == 2);
  CHECK(json["front"][1]["holds"]["p90"]["alone"] == false);
  CHECK(json["front"][0]["error"]["p90"] == 0.5);
  CHECK(json["knee"]["row"] == 2);
  CHECK(json["explained"][0]["output"] == "seconds");
  CHECK(json["explained"][0]["effects"][0]["levels"][0]["points"] == 2);
  CHECK(json["explained"][1]["sobol"][1]["axis"] == "bits");
  CHECK(json["explained"][0]["tornado_from_point"][0]["points"] == 3);
  CHECK(json["binds"]["cells"].size() == 6);
  CHECK(json["wishes"][0]["best"][0]["joules"] == 5);
  CHECK(json["wishes"][0]["bounds"][1]["tight"] == true);
  CHECK(json["wishes"][0]["bounds"][1]["without"]["row"] == 2);
}

TEST_CASE("Studies that have little to say") {
  const auto nothing = FindAnswers(MakeResults({}, {}), {});
  REQUIRE(nothing);
  CHECK(AnswersText(MakeResults({}, {}), *nothing).empty());
  CHECK(AnswersJson(MakeResults({}, {}), *nothing)["front"].empty());
  // One point; points that all failed; an axis alone, and no bound.
  const auto one = MakeResults(
      {Numbers("a", Role::kAxis, {1}), Numbers("y", Role::kMeasure, {2})},
      {{"y", false}});
  const auto single = FindAnswers(one, {});
  REQUIRE(single);
  CHECK(single->front.size() == 1);
  CHECK(!single->binds);
  CHECK(AnswersText(one, *single).find("1 of 1 points") != std::string::npos);
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  const auto failed = MakeResults({Numbers("a", Role::kAxis, {1, 2}),
                                   Numbers("y", Role::kMeasure, {kNan, kNan})},
                                  {{"y", false}});
  const auto none = FindAnswers(failed, {});
  REQUIRE(none);
  CHECK(none->front.empty());
  CHECK(AnswersText(failed, *none).find("no exact indices") !=
        std::string::npos);
  CHECK(AnswersJson(failed, *none)["explained"][0].contains("no_sobol"));
}

TEST_CASE("Names that are wrong are errors") {
  AnswerOptions options;
  options.outputs = {"secnds"};
  CHECK(FindAnswers(Small(), options).error().code == ErrorCode::kNotFound);
  options.outputs = {};
  options.binds_x = "coers";
  CHECK(!FindAnswers(Small(), options));
  options.binds_x.clear();
  Wish wish;
  wish.best.column = "eur";
  options.wishes = {wish};
  CHECK(!FindAnswers(Small(), options));
}

}  // namespace
}  // namespace triptych::analysis
