// The divided algorithms against the definition, compared pair by pair.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <limits>

#include "kernels/base/rng.h"
#include "tools/analysis/dominance.h"

namespace triptych::analysis {
namespace {

// Rows of `levels` values a column (few: many ties and equal rows; 0:
// continuous), or, with `trade`, near the plane on which all rows trade one
// column for another, so that most are on the front.
Costs RandomCosts(size_t rows, size_t width, uint32_t levels, bool trade,
                  uint64_t seed) {
  Rng rng(seed);
  Costs costs{width, {}};
  for (size_t i = 0; i < rows; ++i) {
    double sum = 0;
    for (size_t c = 0; c < width; ++c) {
      double value = levels > 0 ? rng.Below(levels) : rng.Uniform();
      if (trade && c + 1 == width) value = -sum + (levels > 0 ? 0 : value / 9);
      sum += value;
      costs.values.push_back(value);
    }
  }
  return costs;
}

std::vector<uint32_t> RanksByDefinition(const Costs& costs) {
  constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();
  std::vector<uint32_t> ranks(costs.rows(), kNone);
  size_t left = costs.rows();
  for (uint32_t rank = 0; left > 0; ++rank) {
    std::vector<size_t> front;
    for (size_t i = 0; i < costs.rows(); ++i) {
      bool dominated = ranks[i] != kNone;
      for (size_t j = 0; j < costs.rows() && !dominated; ++j) {
        dominated = ranks[j] == kNone && Dominates(costs.Row(j), costs.Row(i));
      }
      if (!dominated) front.push_back(i);
    }
    for (const size_t i : front) ranks[i] = rank;
    left -= front.size();
  }
  return ranks;
}

TEST_CASE("Fronts of a set drawn by hand") {
  // (1,4) (2,2) (4,1) are the front, (2,2) twice; (2,4) and (3,3) follow;
  // (3,4) is behind both.
  const Costs costs{2, {3, 4, 1, 4, 2, 2, 4, 1, 2, 2, 3, 3, 2, 4}};
  CHECK(NonDominated(costs) == std::vector<size_t>{1, 2, 3, 4});
  CHECK(DominationRanks(costs) == std::vector<uint32_t>{2, 0, 0, 0, 0, 1, 1});
}

TEST_CASE("No rows, one row, equal rows, one column, infinities") {
  CHECK(NonDominated({3, {}}).empty());
  CHECK(DominationRanks({1, {}}).empty());
  CHECK(NonDominated({3, {1, 2, 3}}) == std::vector<size_t>{0});
  CHECK(NonDominated({2, {1, 2, 1, 2, 1, 2}}).size() == 3);
  CHECK(NonDominated({1, {3, 1, 2, 1}}) == std::vector<size_t>{1, 3});
  CHECK(DominationRanks({1, {3, 1, 2, 1}}) ==
        std::vector<uint32_t>{2, 0, 1, 0});
  constexpr double kInf = std::numeric_limits<double>::infinity();
  CHECK(NonDominated({3, {kInf, kInf, kInf, 1, -kInf, kInf, -kInf, 1, 2}}) ==
        std::vector<size_t>{1, 2});
}

TEST_CASE("Random sets: ranks and fronts are those of the definition") {
  size_t fronts = 0;
  for (size_t width = 1; width <= 6; ++width) {
    for (const uint32_t levels : {0u, 2u, 5u, 40u}) {
      for (const bool trade : {false, true}) {
        for (const size_t rows : {2, 17, 60, 400}) {
          CAPTURE(width);
          CAPTURE(levels);
          CAPTURE(trade);
          CAPTURE(rows);
          const Costs costs =
              RandomCosts(rows, width, levels, trade, 31 * rows + width);
          const auto want = RanksByDefinition(costs);
          CHECK(DominationRanks(costs) == want);
          std::vector<size_t> front;
          for (size_t i = 0; i < rows; ++i) {
            if (want[i] == 0) front.push_back(i);
          }
          CHECK(NonDominated(costs) == front);
          fronts += *std::ranges::max_element(want) + 1;
        }
      }
    }
  }
  CHECK(fronts > 1000);  // or the sets were too simple to say anything
}

TEST_CASE("Random sets: Covered is that of the definition") {
  size_t covered = 0, open = 0;
  for (size_t width = 1; width <= 5; ++width) {
    for (const uint32_t levels : {0u, 3u, 20u}) {
      for (const size_t rows : {1, 30, 300}) {
        const Costs costs = RandomCosts(rows, width, levels, false, rows);
        const Costs by = RandomCosts(rows / 3, width, levels, false, 7 + rows);
        const std::vector<bool> got = Covered(costs, by);
        for (size_t i = 0; i < rows; ++i) {
          bool want = false;
          for (size_t j = 0; j < by.rows() && !want; ++j) {
            want = std::ranges::equal(by.Row(j), costs.Row(i)) ||
                   Dominates(by.Row(j), costs.Row(i));
          }
          CHECK(got[i] == want);
          ++(want ? covered : open);
        }
      }
    }
  }
  CHECK(covered > 300);
  CHECK(open > 300);
}

}  // namespace
}  // namespace triptych::analysis
