// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cmath>

#include "kernels/base/rng.h"
#include "tests/tools/analysis_results.h"
#include "tools/analysis/pareto.h"
#include "tools/analysis/stability.h"

namespace triptych::analysis {
namespace {

using sweep::Role;

TEST_CASE("Two targets by hand: who can take whose place") {
  // a0 (1 s, 10 J), a1 (2 s, 8 J), b2 (1.5 s, 9.5 J): all on the front.
  // mesh is wrong by 1 % in the median and 10 % in the p90, npu by 0.1 % and
  // 1 %.
  const auto results =
      MakeResults({Texts("target", Role::kAxis, {"mesh", "mesh", "npu"}),
                   Numbers("seconds", Role::kMeasure, {1, 2, 1.5}),
                   Numbers("joules", Role::kMeasure, {10, 8, 9.5})},
                  {{"seconds", false}, {"joules", false}});
  const auto stable = FrontStability(
      results,
      {{{"mesh", {0.01, 0.10}}, {"npu", {0.001, 0.01}}}, "target", {}});
  REQUIRE(stable.size() == 3);
  CHECK(stable[1].point == 1);
  CHECK(stable[2].target == "npu");
  CHECK(stable[2].error->p90 == 0.01);
  for (const PointStability& point : stable) {
    CHECK(point.median.alone);
    CHECK(point.median.by_target);
  }
  // At the p90: a0 may be (1.1, 11), and its rivals a1 (1.8, 7.2) and b2
  // (1.485, 9.405) are slower. a1 (2.2, 8.8): a0 (0.9, 9) and b2 need more
  // energy. b2 (1.515, 9.595): a0 (0.9, 9) beats it.
  CHECK(stable[0].p90.alone);
  CHECK(stable[1].p90.alone);
  CHECK(!stable[2].p90.alone);
  CHECK(!stable[2].p90.by_target);
}

TEST_CASE("One factor for a whole target leaves the order of its points") {
  const auto results =
      MakeResults({Numbers("seconds", Role::kMeasure, {1.0, 1.01, 1.02, 3}),
                   Numbers("joules", Role::kMeasure, {5, 4.99, 4.98, 3})},
                  {{"seconds", false}, {"joules", false}});
  const ErrorModel model{{{"mesh", {0.02, 0.2}}}, "target", {}};
  for (const PointStability& point : FrontStability(results, model)) {
    CHECK(point.target == "mesh");
    CHECK(point.median.by_target);
    CHECK(point.p90.by_target);
    CHECK(!point.p90.alone == (point.point != 3));
  }
}

TEST_CASE("What no model predicts does not move; equal points are no rivals") {
  // As above, but the area is exact: nothing with more of it takes the place
  // of what has less.
  auto results =
      MakeResults({Numbers("seconds", Role::kMeasure, {1, 1.01, 1.01, 3}),
                   Numbers("mm2", Role::kDerived, {500, 499, 499, 400})},
                  {{"seconds", false}, {"mm2", false}});
  ErrorModel model{{{"mesh", {0.2, 0.3}}}, "target", {"mm2"}};
  auto stable = FrontStability(results, model);
  REQUIRE(stable.size() == 4);
  CHECK(!stable[0].median.alone);  // 1 and 2 are smaller, and may be faster
  for (const size_t i : {1u, 2u, 3u}) CHECK(stable[i].p90.alone);
  // An axis of the study is exact without being named.
  model.exact.clear();
  CHECK(!FrontStability(results, model)[1].median.alone);
  results.columns[1].role = Role::kAxis;
  CHECK(FrontStability(results, model)[1].median.alone);
}

TEST_CASE("A target without a validation is said to have none") {
  const auto results =
      MakeResults({Texts("target", Role::kAxis, {"mesh", "optical"}),
                   Numbers("seconds", Role::kMeasure, {1, 2}),
                   Numbers("joules", Role::kMeasure, {2, 1})},
                  {{"seconds", false}, {"joules", false}});
  const auto stable =
      FrontStability(results, {{{"mesh", {0.1, 0.2}}}, "target", {}});
  CHECK(stable[0].error);
  CHECK(!stable[1].error);
  CHECK(FrontStability(MakeResults({}, {}), {}).empty());
}

// The definition, pair by pair, on random studies.
TEST_CASE("Random studies of three targets against the definition") {
  Rng rng(11);
  size_t held = 0, lost = 0;
  for (int study = 0; study < 40; ++study) {
    std::vector<std::string> targets;
    std::vector<double> a, b, c;
    const uint32_t levels = study % 2 == 0 ? 12 : 1000;
    for (int i = 0; i < 60; ++i) {
      targets.push_back(std::string(1, "xyz"[rng.Below(3)]));
      a.push_back(1 + rng.Below(levels));
      b.push_back(1 + rng.Below(levels));
      c.push_back(1 + rng.Below(levels));
    }
    const auto results = MakeResults(
        {Texts("target", Role::kAxis, targets), Numbers("a", Role::kMeasure, a),
         Numbers("b", Role::kMeasure, b), Numbers("c", Role::kDerived, c)},
        {{"a", false}, {"b", false}, {"c", false}});
    const ErrorModel model{
        {{"x", {0.02, 0.1}}, {"y", {0.05, 0.3}}}, "target", {"c"}};
    for (const PointStability& point : FrontStability(results, model)) {
      const size_t p = point.point;
      for (const bool p90 : {false, true}) {
        const auto error = [&](size_t i) {
          const auto found = model.of_target.find(targets[i]);
          if (found == model.of_target.end()) return 0.0;
          return p90 ? found->second.p90 : found->second.median;
        };
        bool alone = true, by_target = true;
        for (size_t q = 0; q < a.size(); ++q) {
          const bool same = targets[q] == targets[p];
          if (same && a[q] == a[p] && b[q] == b[p] && c[q] == c[p]) continue;
          const bool takes = a[q] - error(q) * a[q] <= a[p] + error(p) * a[p] &&
                             b[q] - error(q) * b[q] <= b[p] + error(p) * b[p] &&
                             c[q] <= c[p];
          alone = alone && !takes;
          by_target = by_target && (same || !takes);
        }
        const auto& holds = p90 ? point.p90 : point.median;
        CHECK(holds.alone == alone);
        CHECK(holds.by_target == by_target);
        ++(alone ? held : lost);
      }
    }
  }
  CHECK(held > 50);
  CHECK(lost > 50);
}

}  // namespace
}  // namespace triptych::analysis
