// What a point of a sweep costs: a machine made with one parameter changed,
// and a decode step of an 8B model estimated on it. One run a target; the
// counter is points a second of one thread.
//
//   bench/estimate_bench --benchmark_filter=npu
// SPDX-License-Identifier: Apache-2.0
#include <benchmark/benchmark.h>

#include <string>

#include "emulators/estimate.h"
#include "kernels/base/check.h"
#include "models/build/build.h"
#include "models/presets/presets.h"

namespace triptych {
namespace {

// A parameter of each target that every one of its steps depends on.
struct Case {
  const char* target;
  const char* key;
  double value;
};
constexpr Case kCases[] = {
    {"cpu", "dram_gb_per_s", 50},      {"gpu", "hbm_gb_per_s", 3000},
    {"mesh", "dram.gb_per_s", 500},    {"npu", "dram.peak_gb_per_s", 60},
    {"optical", "dram.gb_per_s", 500},
};

Graph MakeGraph() {
  const auto config = PresetByName("llama-3.1-8b");
  TRIPTYCH_CHECK(config.has_value());
  auto graph = BuildGraph(*config);
  TRIPTYCH_CHECK(graph.has_value());
  return std::move(*graph);
}

void EstimatePoint(benchmark::State& state, const Case& c) {
  const Graph graph = MakeGraph();
  const auto family = TargetFamily::Open(c.target);
  TRIPTYCH_CHECK(family.has_value(), c.target);
  const auto base = family->Make({});
  TRIPTYCH_CHECK(base.has_value(), c.target);
  const Fold fold(**base, graph, Phase::kDecode);
  double value = c.value, seconds = 0;
  for (auto _ : state) {
    value *= 1 + 1e-9;  // never the same machine twice
    const TargetFamily::Change change[] = {{c.key, value}};
    const auto target = family->Make(change);
    TRIPTYCH_CHECK(target.has_value(), c.key);
    const auto estimate = EstimateRun(**target, fold, {1, 1, 1024});
    TRIPTYCH_CHECK(estimate && estimate->total.seconds > 0);
    benchmark::DoNotOptimize(seconds += estimate->total.seconds);
  }
  state.counters["points/s"] = benchmark::Counter(
      static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
  state.counters["parts"] = static_cast<double>(fold.parts().size());
}

}  // namespace
}  // namespace triptych

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  for (const triptych::Case& c : triptych::kCases) {
    benchmark::RegisterBenchmark(
        (std::string("estimate/") + c.target).c_str(),
        [&c](benchmark::State& state) { triptych::EstimatePoint(state, c); });
  }
  benchmark::RunSpecifiedBenchmarks();
}
