// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <atomic>
#include <cmath>
#include <limits>
#include <set>

#include "tools/analysis/hypervolume.h"
#include "tools/search/nsga2.h"

namespace triptych::search {
namespace {

using Objectives = std::vector<sweep::Objective>;

Axis Continuous(std::string name, double low, double high, bool log = false) {
  return {std::move(name), AxisKind::kContinuous, low, high, log, {}};
}
Axis Whole(std::string name, double low, double high, bool log = false) {
  return {std::move(name), AxisKind::kWhole, low, high, log, {}};
}
Axis Choice(std::string name, std::vector<std::string> choices) {
  return {std::move(name), AxisKind::kChoice, 0, 0, false, std::move(choices)};
}

// E. Zitzler, K. Deb, L. Thiele, Evol. Comp. 8(2), 2000, with 30 variables:
// the front is f2 = 1 - sqrt(f1) with all but the first at 0.
std::vector<double> Zdt1(std::span<const double> x) {
  double sum = 0;
  for (size_t i = 1; i < x.size(); ++i) sum += x[i];
  const double g = 1 + 9 * sum / static_cast<double>(x.size() - 1);
  return {x[0], g * (1 - std::sqrt(x[0] / g))};
}

std::vector<Axis> Zdt1Space() {
  std::vector<Axis> axes;
  for (int i = 0; i < 30; ++i) {
    axes.push_back(Continuous(fmt::format("x{}", i), 0, 1));
  }
  return axes;
}

TEST_CASE("Without pagmo2 the answer says what to install") {
  if (HasNsga2()) return;
  const auto found = Nsga2(Zdt1Space(), Objectives{{"f1", false}},
                           [](auto) { return std::vector<double>{0}; });
  REQUIRE(!found);
  CHECK(found.error().code == ErrorCode::kUnsupported);
  CHECK(found.error().message.find("libpagmo-dev") != std::string::npos);
  MESSAGE("the other tests of NSGA-II are skipped: this build has no pagmo2");
}

TEST_CASE("ZDT1: 99 % of the hypervolume of the true front" *
          doctest::skip(!HasNsga2())) {
  const std::vector<double> reference = {1, 1};
  constexpr double kTrue = 2.0 / 3;  // the integral of sqrt(f1)
  for (const uint64_t seed : {1, 2, 3}) {
    Options options;
    options.seed = seed;
    options.generations = 250;
    const auto found = Nsga2(
        Zdt1Space(), Objectives{{"f1", false}, {"f2", false}}, Zdt1, options);
    REQUIRE(found);
    analysis::Costs costs{2, {}};
    for (const size_t i : found->front) {
      costs.values.insert(costs.values.end(),
                          found->trials[i].objectives.begin(),
                          found->trials[i].objectives.end());
    }
    const double share = analysis::Hypervolume(costs, reference) / kTrue;
    MESSAGE("ZDT1, seed ", seed, ": hypervolume ", 100 * share,
            " % of the true front's, ", found->front.size(), " points of ",
            found->trials.size());
    CHECK(share >= 0.99);
    CHECK(share <= 1);
  }
}

// Cost rises with bits, area and batch; error falls. The best choice is "b",
// whose error is half of the others'.
Result<std::vector<double>> Mixed(std::span<const double> x) {
  const double bits = x[0], batch = x[1], which = x[2], area = x[3];
  if (bits == 7) return MakeError(ErrorCode::kInvalid, "no 7 bits");
  const double error = std::exp2(-bits) * (which == 1 ? 0.5 : 1) + 1e-3 / area;
  return std::vector<double>{bits * area + std::log2(batch), 1 / error};
}
std::vector<Axis> MixedSpace() {
  return {Whole("bits", 2, 12), Whole("batch", 1, 4096, true),
          Choice("which", {"a", "b", "c"}), Continuous("area", 0.01, 100, true),
          Whole("fixed", 3, 3)};
}
const Objectives kMixedObjectives = {{"cost", false}, {"precision", true}};

TEST_CASE("Mixed axes stay in their box, and errors are no answers" *
          doctest::skip(!HasNsga2())) {
  Options options;
  options.population = 30;
  options.generations = 40;
  const auto found = Nsga2(MixedSpace(), kMixedObjectives, Mixed, options);
  REQUIRE(found);
  size_t errors = 0;
  std::set<Point> points;
  for (const Trial& trial : found->trials) {
    for (size_t i = 0; i < trial.point.size(); ++i) {
      CHECK(CheckValue(MixedSpace()[i], trial.point[i]));
    }
    CHECK(trial.point[4] == 3);
    CHECK(points.insert(trial.point).second);
    errors += trial.error == "no 7 bits";
    CHECK((trial.point[0] == 7) == !trial.error.empty());
  }
  CHECK(errors > 0);
  CHECK(found->trials.size() <= 32 * 41);
  // The search has learnt that batch 1 and the choice "b" are best: of random
  // points one in 70 has both.
  REQUIRE(found->front.size() > 5);
  size_t best = 0;
  for (const size_t i : found->front) {
    CHECK(found->trials[i].error.empty());
    best += found->trials[i].point[1] == 1 && found->trials[i].point[2] == 1;
  }
  CHECK(best * 2 > found->front.size());
}

TEST_CASE("The same seed finds the same, on any number of threads" *
          doctest::skip(!HasNsga2())) {
  Options options;
  options.population = 24;
  options.generations = 10;
  std::vector<size_t> steps;
  options.progress = [&](size_t done, size_t total) {
    CHECK(total == 24 * 11);
    steps.push_back(done);
  };
  const auto one = Nsga2(MixedSpace(), kMixedObjectives, Mixed, options);
  CHECK(steps.size() == 11);
  CHECK(steps.back() == 24 * 11);
  options.threads = 2;
  const auto two = Nsga2(MixedSpace(), kMixedObjectives, Mixed, options);
  options.seed = 2;
  const auto other = Nsga2(MixedSpace(), kMixedObjectives, Mixed, options);
  REQUIRE(one->trials.size() == two->trials.size());
  for (size_t i = 0; i < one->trials.size(); ++i) {
    CHECK(one->trials[i].point == two->trials[i].point);
    CHECK(one->trials[i].objectives == two->trials[i].objectives);
  }
  CHECK(one->front == two->front);
  CHECK(other->trials[0].point != one->trials[0].point);
}

TEST_CASE("One objective, one point, no answers" * doctest::skip(!HasNsga2())) {
  Options options;
  options.population = 40;
  options.generations = 60;
  const auto bowl = [](std::span<const double> x) {
    return std::vector<double>{(x[0] - 3) * (x[0] - 3)};
  };
  const auto found = Nsga2(std::vector{Whole("x", -300, 300)},
                           Objectives{{"y", false}}, bowl, options);
  REQUIRE(found->front.size() == 1);
  CHECK(found->trials[found->front[0]].point[0] == 3);

  const auto fixed = Nsga2(std::vector{Whole("x", 5, 5)},
                           Objectives{{"y", false}}, bowl, options);
  REQUIRE(fixed->trials.size() == 1);
  CHECK(fixed->trials[0].objectives == std::vector<double>{4});

  const auto never = [](std::span<const double>) {
    return std::vector<double>{std::numeric_limits<double>::quiet_NaN()};
  };
  const auto none = Nsga2(std::vector{Whole("x", 1, 50)},
                          Objectives{{"y", false}}, never, options);
  CHECK(none->front.empty());
  CHECK(none->trials[0].error.find("y: nan") != std::string::npos);
}

TEST_CASE("A space that is wrong") {
  const auto wrong = [](std::vector<Axis> axes) {
    const Status status = CheckSpace(axes);
    return status ? std::string() : status.error().message;
  };
  CHECK(wrong({Whole("a", 1, 2), Choice("b", {"x"})}).empty());
  CHECK(wrong({}).find("one axis or more") != std::string::npos);
  CHECK(wrong({Whole("a", 1, 2), Whole("a", 1, 2)}).starts_with("a: twice"));
  CHECK(wrong({Continuous("a", 2, 1)}).starts_with("a: from 2 to 1"));
  CHECK(wrong({Continuous("a", 0, NAN)}).starts_with("a: "));
  CHECK(wrong({Continuous("a", 0, 1, true)}).find("above 0") !=
        std::string::npos);
  CHECK(wrong({Whole("a", 0.5, 2)}).find("whole") != std::string::npos);
  CHECK(wrong({Choice("a", {})}).find("no choices") != std::string::npos);
  const Axis bits = Whole("bits", 2, 12);
  CHECK(CheckValue(bits, 2));
  CHECK(!CheckValue(bits, 2.5));
  CHECK(!CheckValue(bits, 13));
  CHECK(!CheckValue(bits, NAN));
  CHECK(CheckValue(bits, 1).error().message ==
        "bits: 1: allowed: whole numbers in [2, 12]");
  CHECK(!CheckValue(Choice("c", {"x", "y"}), 2));
}

}  // namespace
}  // namespace triptych::search
