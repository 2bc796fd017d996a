// SPDX-License-Identifier: Apache-2.0
#include "tools/gate/statistics.h"

#include <doctest/doctest.h>

#include <numeric>
#include <vector>

namespace triptych::gate {
namespace {

TEST_CASE("tails and quantiles as printed tables have them") {
  // Any table of the normal and of Student's t.
  CHECK(NormalTail(1.959964) == doctest::Approx(0.025).epsilon(1e-6));
  CHECK(NormalQuantile(0.025) == doctest::Approx(1.959964).epsilon(1e-6));
  CHECK(NormalQuantile(1e-4) == doctest::Approx(3.719016).epsilon(1e-6));
  CHECK(NormalQuantile(0.5) == doctest::Approx(0));
  CHECK(StudentQuantile(0.025, 1) == doctest::Approx(12.7062).epsilon(1e-5));
  CHECK(StudentQuantile(0.025, 4) == doctest::Approx(2.776445).epsilon(1e-6));
  CHECK(StudentQuantile(0.001, 19) == doctest::Approx(3.5794).epsilon(1e-5));
  CHECK(StudentQuantile(0.05, 1e6) == doctest::Approx(1.644855).epsilon(1e-5));
  CHECK(StudentTail(-2.776445, 4) == doctest::Approx(0.975).epsilon(1e-6));
}

TEST_CASE("a mean and its interval by hand") {
  const std::vector<double> values = {1, 2, 3, 4, 5};
  const Mean m = MeanOf(values);
  CHECK(m.mean == doctest::Approx(3));
  CHECK(m.stderr_of_mean == doctest::Approx(0.7071068));
  CHECK(m.HalfWidth() == doctest::Approx(2.776445 * 0.7071068));
  CHECK(MeanOf({}).HalfWidth() == 0);
  CHECK(MeanOf(std::vector<double>{7}).HalfWidth() == 0);
  CHECK(Median(values) == 3);
  CHECK(Median(std::vector<double>{4, 1, 3, 2}) == doctest::Approx(2.5));
}

// Samples of sizes m and n with U = u: the last u / m of b are above all of a,
// one more above u % m of it, the rest below.
MannWhitney WithU(size_t m, size_t n, size_t u) {
  std::vector<double> a(m), b(n, 0);
  std::iota(a.begin(), a.end(), 1.0);
  for (size_t j = 0; j < n; ++j) {
    const size_t above = std::min(u, m);
    u -= above;
    b[j] = static_cast<double>(above) + 0.5 - 1e-3 * static_cast<double>(j);
  }
  return MannWhitneyTest(a, b);
}

TEST_CASE("Mann-Whitney: the largest U that is significant, from the tables") {
  // Critical values of U, two-sided 5 %: in any printed table of the test.
  struct Critical {
    size_t m, n, u;
  };
  const Critical kTable[] = {{4, 4, 0},     {5, 5, 2},    {6, 6, 5},
                             {7, 7, 8},     {8, 8, 13},   {9, 9, 17},
                             {10, 10, 23},  {12, 12, 37}, {15, 15, 64},
                             {20, 20, 127}, {5, 10, 8},   {8, 20, 41}};
  for (const Critical& c : kTable) {
    CAPTURE(c.m);
    CAPTURE(c.n);
    const MannWhitney at = WithU(c.m, c.n, c.u);
    CHECK(at.u == static_cast<double>(c.u));
    CHECK(at.p <= 0.05);
    CHECK(WithU(c.m, c.n, c.u + 1).p > 0.05);
    // The same from the other end.
    CHECK(WithU(c.m, c.n, c.m * c.n - c.u).p == doctest::Approx(at.p));
  }
}

TEST_CASE("Mann-Whitney: exact probabilities by counting") {
  // 3 and 3 values have 20 orders: U = 0 is one of them, U <= 1 two.
  CHECK(WithU(3, 3, 0).p == doctest::Approx(0.1));
  CHECK(WithU(3, 3, 1).p == doctest::Approx(0.2));
  CHECK(WithU(3, 3, 4).p == doctest::Approx(1.0));
  CHECK(MannWhitneyTest({}, std::vector<double>{1}).p == 1);
}

TEST_CASE("Mann-Whitney: ties, and samples too large to count") {
  const std::vector<double> same(10, 1.0);
  CHECK(MannWhitneyTest(same, same).p == 1);
  std::vector<double> a(100), b(100);
  std::iota(a.begin(), a.end(), 0.0);
  std::iota(b.begin(), b.end(), 0.5);
  CHECK(MannWhitneyTest(a, b).p > 0.8);
  for (double& x : b) x += 30;
  CHECK(MannWhitneyTest(a, b).p < 1e-6);
  // The limit is close to the count where both can be had.
  const std::vector<double> c = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  const std::vector<double> d = {4.5,  6.5,  7.5,  8.5,  9.5,
                                 10.5, 11.5, 12.5, 13.5, 14.5};
  std::vector<double> tied = d;
  tied[0] = 5;  // one tie: the limit
  CHECK(MannWhitneyTest(c, tied).p ==
        doctest::Approx(MannWhitneyTest(c, d).p).epsilon(0.15));
}

}  // namespace
}  // namespace triptych::gate
