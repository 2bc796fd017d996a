// SPDX-License-Identifier: Apache-2.0
#include "bench/measure.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "kernels/base/rng.h"

namespace triptych::bench {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// Seconds of one call, averaged over `calls`.
double TimeSlice(Trial& trial, int threads, size_t calls) {
  const Clock::time_point begin = Clock::now();
  for (size_t i = 0; i < calls; ++i) trial.Run(threads);
  return SecondsSince(begin) / static_cast<double>(calls);
}

}  // namespace

Rates RatesOf(const Variant& variant, const ProblemShape& shape, int threads,
              double seconds, Roof& roof) {
  const ProblemWork work = variant.work(shape);
  Rates rates = {};
  rates.flops_per_second = static_cast<double>(work.flops.value) / seconds;
  rates.bytes_per_second = static_cast<double>(work.bytes.value) / seconds;
  rates.peak_fraction =
      rates.flops_per_second / roof.Peak(variant.arithmetic, threads).value;
  rates.roof_fraction =
      roof.LeastSeconds(work, variant.arithmetic, threads) / seconds;
  return rates;
}

Verdict CheckSample(Trial& trial, int threads) {
  constexpr int kRows = 3;
  trial.Run(threads);
  Rng rng(trial.rows());
  for (int i = 0; i < kRows && trial.rows() > 0; ++i) {
    const size_t row = rng.Below(static_cast<uint32_t>(trial.rows()));
    const Verdict verdict = Compare(trial.Output(row), trial.Reference(row));
    if (!verdict.ok) return verdict;
  }
  return {};
}

Measurement Measure(const Variant& variant, const ProblemShape& shape,
                    int threads, double seconds, Roof& roof) {
  constexpr double kSlice = 1e-3;
  constexpr size_t kLeastSlices = 30;
  const std::unique_ptr<Trial> trial = variant.make(shape, 1);
  Measurement m;
  m.verdict = CheckSample(*trial, threads);
  const double warm = TimeSlice(*trial, threads, 3);
  const auto calls =
      static_cast<size_t>(std::max(1.0, kSlice / std::max(warm, 1e-9)));
  std::vector<double> times;
  const Clock::time_point begin = Clock::now();
  while (SecondsSince(begin) < seconds ||
         (times.size() < kLeastSlices && warm < kSlice)) {
    times.push_back(TimeSlice(*trial, threads, calls));
  }
  if (times.empty()) times.push_back(TimeSlice(*trial, threads, calls));
  std::ranges::sort(times);
  m.slices = times.size();
  m.best_seconds = times.front();
  m.median_seconds = times[times.size() / 2];
  m.rates = RatesOf(variant, shape, threads, m.best_seconds, roof);
  return m;
}

}  // namespace triptych::bench
