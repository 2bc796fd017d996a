// SPDX-License-Identifier: Apache-2.0
#include "bench/statistics.h"

#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "kernels/base/rng.h"

namespace triptych::bench {
namespace {

using Times = std::vector<double>;

TEST_CASE("The best and the middle of times") {
  CHECK(Best(Times{3, 1, 2}) == 1);
  CHECK(Median({3, 1, 2}) == 2);
  CHECK(Median({4, 1, 3, 2}) == 2.5);
  CHECK(Median({7}) == 7);
}

TEST_CASE("A ratio is theirs over ours, of the best and of the pairs") {
  // Pairs 2, 2, 4, 1: the median is 2. The best are 1 and 2.
  const Ratio ratio = RatioOf(Times{1, 2, 1, 4}, Times{2, 4, 4, 4}, 1);
  CHECK(ratio.of_best == 2);
  CHECK(ratio.of_pairs == 2);
  CHECK(ratio.low >= 1);
  CHECK(ratio.low <= 2);
  CHECK(ratio.high >= 2);
  CHECK(ratio.high <= 4);
  CHECK(ratio.decided());
  CHECK(ratio.counted() == 2);
}

TEST_CASE("What disturbs both sides of a pair leaves their ratio alone") {
  // The machine is up to ten times slower for a while: the ratio of the
  // medians of each side would be anything, that of the pairs is 1.25.
  Rng rng(5);
  Times ours, theirs;
  for (int i = 0; i < 101; ++i) {
    const double slower = 1 + 9 * rng.Uniform();
    ours.push_back(slower);
    theirs.push_back(1.25 * slower);
  }
  const Ratio ratio = RatioOf(ours, theirs, 1);
  CHECK(ratio.of_pairs == doctest::Approx(1.25));
  CHECK(ratio.low == doctest::Approx(1.25));
  CHECK(ratio.high == doctest::Approx(1.25));
}

TEST_CASE("Where the best and the pairs disagree nobody has won") {
  // One lucky slice of theirs; they are slower otherwise.
  const Ratio lucky = RatioOf(Times{1, 1, 1, 1, 1}, Times{0.5, 2, 2, 2, 2}, 1);
  CHECK(lucky.of_best == 0.5);
  CHECK(lucky.of_pairs == 2);
  CHECK(!lucky.decided());
  CHECK(lucky.counted() == 1);
  const Ratio same = RatioOf(Times{1, 1}, Times{1, 1}, 1);
  CHECK(!same.decided());
  CHECK(same.counted() == 1);
}

// Of intervals that hold the median with 95 % confidence, 95 % do. Pairs from
// a log-normal whose median is 1.1; 400 trials of 40 pairs, so the share has
// a standard deviation of 1.1 %. The percentile bootstrap of a median is
// known to hold a little more or less than it says: three deviations and two
// percent.
TEST_CASE("The interval holds the median as often as it says") {
  constexpr int kTrials = 400, kPairs = 40;
  int holds = 0;
  double width = 0;
  Rng rng(7);
  for (int t = 0; t < kTrials; ++t) {
    Times ours(kPairs, 1.0), theirs;
    for (int i = 0; i < kPairs; ++i) {
      theirs.push_back(1.1 * std::exp(0.05 * rng.Normal()));
    }
    const Ratio ratio = RatioOf(ours, theirs, static_cast<uint64_t>(t));
    holds += ratio.low <= 1.1 && 1.1 <= ratio.high ? 1 : 0;
    width += (ratio.high - ratio.low) / kTrials;
  }
  CHECK(holds >= 0.897 * kTrials);
  CHECK(holds < kTrials);  // an interval of everything would always hold it
  // Of a normal, the median's standard error is 1.25 sigma / sqrt(n); an
  // interval is 3.92 of them.
  const double expected = 3.92 * 1.2533 * 0.05 * 1.1 / std::sqrt(kPairs);
  CHECK(width > 0.8 * expected);
  CHECK(width < 1.25 * expected);
}

TEST_CASE("A summary has the mean in logarithms and the worst") {
  const Ratio half = {.of_best = 0.5, .of_pairs = 0.6};
  const Ratio twice = {.of_best = 2, .of_pairs = 1.9};
  const Ratio eight = {.of_best = 8, .of_pairs = 8};
  const Ratio unclear = {.of_best = 0.1, .of_pairs = 1.01};
  const Ratio all[] = {twice, half, eight, unclear};
  const Summary summary = SummaryOf(all);
  // 2 * 0.5 * 8 * 1 = 8, to the quarter.
  CHECK(summary.geometric_mean == doctest::Approx(std::pow(8, 0.25)));
  CHECK(summary.worst == 1);
  CHECK(summary.undecided == 1);
}

}  // namespace
}  // namespace triptych::bench
