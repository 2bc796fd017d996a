// What two lists of times say of two programs: a ratio, how sure it is, and
// the summary of many.
//
// Times are paired: entry i of both lists was taken in the same round, one
// right after the other, so that what slows the machine for a while slows
// both.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_BENCH_STATISTICS_H_
#define TRIPTYCH_BENCH_STATISTICS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace triptych::bench {

// The least: other programs only ever add time. Of at least one value.
double Best(std::span<const double> values);

// The middle one, or the mean of the two. Of at least one value.
double Median(std::vector<double> values);

// How many times faster the first of two is; above 1 it wins.
struct Ratio {
  double of_best = 1;   // theirs / ours, the best time of each
  double of_pairs = 1;  // the median over the rounds
  // The interval that holds the median of the pairs with 95 % confidence.
  double low = 1, high = 1;

  // The best times and the rounds say the same of who wins.
  bool decided() const { return (of_best - 1) * (of_pairs - 1) > 0; }
  // What enters a mean: nobody wins where the two disagree.
  double counted() const { return decided() ? of_best : 1; }
};

// Of times in seconds, as many of ours as of theirs and at least one. The
// interval is that of the percentile bootstrap (Efron, "Bootstrap methods:
// another look at the jackknife", 1979): rounds drawn again with replacement.
Ratio RatioOf(std::span<const double> ours, std::span<const double> theirs,
              uint64_t seed);

struct Summary {
  double geometric_mean = 1;
  size_t worst = 0;      // index of the least
  size_t undecided = 0;  // how many count as 1
};
// Of at least one.
Summary SummaryOf(std::span<const Ratio> ratios);

}  // namespace triptych::bench

#endif  // TRIPTYCH_BENCH_STATISTICS_H_
