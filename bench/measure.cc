// SPDX-License-Identifier: Apache-2.0
#include "bench/measure.h"

#include "kernels/base/rng.h"

namespace triptych::bench {

Rates RatesOf(const ProblemWork& work, const Ceiling& ceiling, double seconds) {
  Rates rates = {};
  rates.flops_per_second = static_cast<double>(work.flops.value) / seconds;
  rates.bytes_per_second = static_cast<double>(work.bytes.value) / seconds;
  rates.peak_fraction = rates.flops_per_second / ceiling.peak.value;
  rates.roof_fraction = ceiling.seconds / seconds;
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

}  // namespace triptych::bench
