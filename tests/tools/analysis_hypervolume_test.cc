// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cmath>
#include <numbers>
#include <vector>

#include "kernels/base/rng.h"
#include "tools/analysis/hypervolume.h"

namespace triptych::analysis {
namespace {

// Counts the unit cells of a lattice that a row dominates: exact for costs
// that are whole numbers in [0, size].
double ByCounting(const Costs& costs, int size) {
  int64_t cells = 1, count = 0;
  for (size_t c = 0; c < costs.width; ++c) cells *= size;
  for (int64_t cell = 0; cell < cells; ++cell) {
    bool dominated = false;
    for (size_t i = 0; i < costs.rows() && !dominated; ++i) {
      dominated = true;
      int64_t rest = cell;
      for (const double cost : costs.Row(i)) {
        dominated &= static_cast<double>(rest % size) >= cost;
        rest /= size;
      }
    }
    count += dominated;
  }
  return static_cast<double>(count);
}

TEST_CASE("By hand: a staircase, a corner cut out of a cube") {
  // Columns at 1, 2 and 4 of heights 1, 3 and 4 below (5, 5).
  const std::vector<double> five = {5, 5, 5, 5};
  CHECK(Hypervolume({2, {1, 4, 2, 2, 4, 1}}, std::span(five).first(2)) ==
        4 * 1 + 3 * 2 + 1 * 1);
  CHECK(Hypervolume({1, {3, 2, 7}}, std::span(five).first(1)) == 3);
  // Two boxes 2 x 1 x 1 and 1 x 2 x 1 that share a unit cube.
  CHECK(Hypervolume({3, {3, 4, 4, 4, 3, 4}}, std::span(five).first(3)) == 3);
  // The same with a fourth side of 1 and of 3: 2 + 6 - 1.
  CHECK(Hypervolume({4, {3, 4, 4, 4, 4, 3, 4, 2}}, five) == 2 + 6 - 1);
}

TEST_CASE("Nothing, what is not below the reference, equal rows") {
  const std::vector<double> one = {1, 1, 1};
  CHECK(Hypervolume({3, {}}, one) == 0);
  CHECK(Hypervolume({3, {1, 0, 0, 2, 0, 0}}, one) == 0);
  CHECK(Hypervolume({3, {0.5, 0, 0, 0.5, 0, 0, 3, -9, -9}}, one) == 0.5);
}

TEST_CASE("Random lattice sets: the volume is the number of cells") {
  Rng rng(5);
  for (size_t width = 1; width <= 6; ++width) {
    const int size = width <= 3 ? 12 : width == 4 ? 7 : 4;
    const std::vector<double> reference(width, size);
    for (const size_t rows : {1, 2, 5, 12, 40}) {
      for (int repeat = 0; repeat < 8; ++repeat) {
        CAPTURE(width);
        CAPTURE(rows);
        Costs costs{width, {}};
        for (size_t i = 0; i < rows * width; ++i) {
          costs.values.push_back(rng.Below(static_cast<uint32_t>(size + 1)));
        }
        CHECK(Hypervolume(costs, reference) == ByCounting(costs, size));
      }
    }
  }
}

// Points spread over the part of the sphere |x| = 1 where all costs are
// positive, seen from the origin's far corner (1, ..., 1): the dominated
// volume tends to 1 minus that of the ball's orthant, from below.
TEST_CASE("A fine front of a ball comes close to its volume") {
  const double want3 = 1 - std::numbers::pi / 6;
  Rng rng(9);
  Costs costs{3, {}};
  for (int i = 0; i < 20000; ++i) {
    const double x = std::abs(rng.Normal()), y = std::abs(rng.Normal()),
                 z = std::abs(rng.Normal());
    const double norm = std::sqrt(x * x + y * y + z * z);
    costs.values.insert(costs.values.end(), {x / norm, y / norm, z / norm});
  }
  const double got = Hypervolume(costs, std::vector<double>(3, 1));
  CHECK(got < want3);
  CHECK(got > 0.97 * want3);
}

}  // namespace
}  // namespace triptych::analysis
