// Every kernel variant, on every SIMD target of the host, on all of its
// shapes, with one and two threads, against kernels/ref.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/variants.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <string>

#include "tests/kernels/simd_targets.h"

namespace triptych {
namespace {

using Rows = std::vector<std::vector<double>>;
using ExpectedRows = std::vector<std::vector<Expected>>;

Rows OutputsOf(const Trial& trial) {
  Rows rows;
  for (size_t r = 0; r < trial.rows(); ++r) rows.push_back(trial.Output(r));
  return rows;
}

ExpectedRows ReferenceOf(const Trial& trial) {
  ExpectedRows rows;
  for (size_t r = 0; r < trial.rows(); ++r) rows.push_back(trial.Reference(r));
  return rows;
}

// Bits, not values: -0 is not 0, and a NaN equals itself.
bool SameBits(const Rows& a, const Rows& b) {
  if (a.size() != b.size()) return false;
  for (size_t r = 0; r < a.size(); ++r) {
    if (a[r].size() != b[r].size()) return false;
    if (!a[r].empty() && std::memcmp(a[r].data(), b[r].data(),
                                     a[r].size() * sizeof(double)) != 0) {
      return false;
    }
  }
  return true;
}

// The first row that is out of its bound, or one that says ok.
Verdict CompareAll(const Rows& got, const ExpectedRows& want) {
  for (size_t r = 0; r < got.size(); ++r) {
    Verdict verdict = Compare(got[r], want[r]);
    if (verdict.ok) continue;
    verdict.detail = "row " + std::to_string(r) + " " + verdict.detail;
    return verdict;
  }
  return {};
}

std::string CaseName(const Variant& variant, const ProblemShape& shape,
                     int64_t target) {
  return std::string(variant.op) + "/" + std::string(variant.name) + " " +
         ShapeName(variant, shape) + " on " + hwy::TargetName(target);
}

// A failure for each wrong case, and silence for the right ones: there are
// tens of thousands.
void CheckCase(const Variant& variant, const ProblemShape& shape,
               uint64_t seed) {
  const std::unique_ptr<Trial> trial = variant.make(shape, seed);
  const ExpectedRows want = ReferenceOf(*trial);
  ForEachSimdTarget([&](int64_t target) {
    trial->Run(1);
    const Rows single = OutputsOf(*trial);
    trial->Run(2);
    const bool same = SameBits(single, OutputsOf(*trial));
    const bool intact = trial->GuardsIntact();
    const Verdict verdict = CompareAll(single, want);
    if (!verdict.ok || !same || !intact) {
      INFO(CaseName(variant, shape, target));
      CHECK_MESSAGE(verdict.ok, verdict.detail);
      CHECK_MESSAGE(same, "two threads give other bits than one");
      CHECK_MESSAGE(intact, "written outside of the result");
    }
  });
}

// Sets `applied` if the shape has something to damage; then true when every
// target's result gives it away.
bool SabotageIsNoticed(const Variant& variant, const ProblemShape& shape,
                       bool* applied) {
  const std::unique_ptr<Trial> trial = variant.make(shape, 1);
  *applied = trial->Sabotage();
  if (!*applied) return true;
  const ExpectedRows want = ReferenceOf(*trial);
  bool noticed = true;
  ForEachSimdTarget([&](int64_t) {
    trial->Run(1);
    noticed &= !CompareAll(OutputsOf(*trial), want).ok;
  });
  return noticed;
}

TEST_CASE("every variant agrees with the reference on every SIMD target") {
  size_t cases = 0;
  for (const Variant& variant : AllVariants()) {
    for (const ProblemShape& shape : variant.test_shapes()) {
      CheckCase(variant, shape, ++cases);
    }
  }
  std::string targets;
  for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
    targets += std::string(" ") + hwy::TargetName(target);
  }
  MESSAGE(cases, " shapes of ", AllVariants().size(), " variants on", targets);
  CHECK(cases > 0);
}

TEST_CASE("a damaged operand takes the result out of its bound") {
  for (const Variant& variant : AllVariants()) {
    size_t damaged = 0;
    for (const ProblemShape& shape : variant.test_shapes()) {
      INFO(variant.op, "/", variant.name, " ", ShapeName(variant, shape));
      bool applied = false;
      CHECK(SabotageIsNoticed(variant, shape, &applied));
      damaged += applied ? 1 : 0;
    }
    INFO(variant.op, "/", variant.name);
    CHECK(damaged > 0);
  }
}

TEST_CASE("names are unique and every variant has shapes of its dimensions") {
  std::set<std::string> names;
  for (const Variant& variant : AllVariants()) {
    INFO(variant.op, "/", variant.name);
    CHECK(
        names.insert(std::string(variant.op) + "/" + std::string(variant.name))
            .second);
    const size_t dims =
        1 + std::count(variant.dims.begin(), variant.dims.end(), ' ');
    for (const auto& shapes : {variant.test_shapes(), variant.bench_shapes()}) {
      CHECK(!shapes.empty());
      for (const ProblemShape& shape : shapes) CHECK(shape.size() == dims);
    }
  }
}

}  // namespace
}  // namespace triptych
