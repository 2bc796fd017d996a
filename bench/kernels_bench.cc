// Every kernel variant on all of its benchmark shapes, with one thread and
// with all, through Google Benchmark.
//
//   bench/kernels_bench --benchmark_filter='matmul/f32/.*threads=1$'
//
// The counters are those of the best iteration (others only ever add time):
// GFLOP/s or GB/s, percent of the peak of the arithmetic, percent of the
// roof. Peak and roof are measured in this process. Weights are packed before
// the timing and hot; operands are random; values are checked first, and a
// wrong one makes the exit status 1.
// SPDX-License-Identifier: Apache-2.0
#include <benchmark/benchmark.h>

#include <chrono>
#include <string>

#include "bench/measure.h"
#include "bench/roof.h"
#include "kernels/base/parallel.h"
#include "kernels/roofline/roofline.h"
#include "kernels/variants.h"

namespace triptych::bench {
namespace {

bool all_right = true;

void RunCase(benchmark::State& state, const Variant& variant,
             const ProblemShape& shape, int threads, Roof& roof) {
  using Clock = std::chrono::steady_clock;
  const std::unique_ptr<Trial> trial = variant.make(shape, 1);
  if (const Verdict verdict = CheckSample(*trial, threads); !verdict.ok) {
    all_right = false;
    state.SkipWithError(verdict.detail.c_str());
    return;
  }
  double best = 1e30;
  for (auto _ : state) {
    const Clock::time_point begin = Clock::now();
    trial->Run(threads);
    const std::chrono::duration<double> spent = Clock::now() - begin;
    state.SetIterationTime(spent.count());
    best = std::min(best, spent.count());
  }
  const ProblemWork work = variant.work(shape);
  const Rates rates =
      RatesOf(work, roof.Over(work, variant.arithmetic, threads), best);
  state.counters["best_GFLOP/s"] = rates.flops_per_second * 1e-9;
  state.counters["best_GB/s"] = rates.bytes_per_second * 1e-9;
  state.counters["peak_%"] = 100 * rates.peak_fraction;
  state.counters["roof_%"] = 100 * rates.roof_fraction;
}

std::string CaseName(const Variant& variant, const ProblemShape& shape,
                     int threads) {
  std::string name = std::string(variant.op) + "/" + std::string(variant.name) +
                     "/" + ShapeName(variant, shape) +
                     " threads=" + std::to_string(threads);
  std::ranges::replace(name, ' ', '/');
  return name;
}

void RegisterAll(Roof& roof) {
  for (const Variant& variant : AllVariants()) {
    for (const ProblemShape& shape : variant.bench_shapes()) {
      for (int threads = 1; threads <= MaxThreads();
           threads = threads == MaxThreads() ? threads + 1 : MaxThreads()) {
        benchmark::RegisterBenchmark(CaseName(variant, shape, threads).c_str(),
                                     [=, &roof](benchmark::State& state) {
                                       RunCase(state, variant, shape, threads,
                                               roof);
                                     })
            ->UseManualTime()
            ->MinTime(0.1)
            ->Unit(benchmark::kMicrosecond);
      }
    }
  }
}

// What the figures were measured on.
void Describe(Roof& roof) {
  const auto giga = [](double x) {
    std::string text = std::to_string(x * 1e-9);
    return text.substr(0, text.find('.') + 2);
  };
  benchmark::AddCustomContext("simd_target", std::string(SimdTargetName()));
  benchmark::AddCustomContext("compiler", __VERSION__);
  benchmark::AddCustomContext("clock_ghz", giga(MeasureClock().value));
  for (const int threads : {1, MaxThreads()}) {
    const std::string suffix = "_threads=" + std::to_string(threads);
    for (const DType dtype : {DType::kF32, DType::kBf16, DType::kI8}) {
      benchmark::AddCustomContext(
          "peak_" + std::string(InfoOf(dtype).name) + "_gflops" + suffix,
          giga(roof.Peak(dtype, threads).value));
    }
  }
}

}  // namespace
}  // namespace triptych::bench

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  triptych::bench::Roof roof;
  triptych::bench::Describe(roof);
  triptych::bench::RegisterAll(roof);
  benchmark::RunSpecifiedBenchmarks();
  return triptych::bench::all_right ? 0 : 1;
}
