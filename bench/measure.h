// What a time of a kernel means, and whether what it computed is right.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_BENCH_MEASURE_H_
#define TRIPTYCH_BENCH_MEASURE_H_

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
Rates RatesOf(const ProblemWork& work, const Ceiling& ceiling, double seconds);

// Runs once and compares a few random rows with the reference.
Verdict CheckSample(Trial& trial, int threads);

}  // namespace triptych::bench

#endif  // TRIPTYCH_BENCH_MEASURE_H_
