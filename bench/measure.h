// Times one problem of one kernel variant against the measured roof.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_BENCH_MEASURE_H_
#define TRIPTYCH_BENCH_MEASURE_H_

#include <string>

#include "bench/roof.h"
#include "kernels/variants.h"

namespace triptych::bench {

// What a time means for some work.
struct Rates {
  double flops_per_second;
  double bytes_per_second;
  double peak_fraction;  // of the compute peak of the variant's arithmetic
  double roof_fraction;  // of the least time the roof allows
};
Rates RatesOf(const Variant& variant, const ProblemShape& shape, int threads,
              double seconds, Roof& roof);

struct Measurement {
  double best_seconds = 0, median_seconds = 0;  // of one call
  size_t slices = 0;
  Rates rates = {};  // of the best
  Verdict verdict;   // of a sample of the rows, before the timing
};

// Checks the values, warms up, then times slices of about a millisecond (or
// one call, where that is longer) until `seconds` have passed, 30 slices at
// least where a call is short. Random operands, weights packed before.
Measurement Measure(const Variant& variant, const ProblemShape& shape,
                    int threads, double seconds, Roof& roof);

// Runs once and compares a few random rows with the reference.
Verdict CheckSample(Trial& trial, int threads);

}  // namespace triptych::bench

#endif  // TRIPTYCH_BENCH_MEASURE_H_
