// What a whole phase costs this host on the NPU: values and time of a stream
// whose weights lie in memory, on one thread. Rates are per second of CPU time.
//
//   Decode   a token of Llama-3.2-1B's shape with random weights, W4A8 in
//            groups of 64 after 128 others: simulated cycles, of values alone,
//            of time alone, of both
//   Prompt   256 tokens of stories15M's shape, W8A8: multiply-adds of values
//
//   bench/npu_phase_bench [--benchmark_filter=Prompt]
// SPDX-License-Identifier: Apache-2.0
#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "emulators/npu/compile/program.h"
#include "emulators/npu/isa/check.h"
#include "emulators/npu/isa/functional.h"
#include "emulators/npu/machine/timing.h"
#include "emulators/target.h"
#include "kernels/base/check.h"
#include "kernels/base/parallel.h"
#include "models/build/build.h"
#include "models/graph_weights.h"
#include "models/presets/presets.h"

namespace triptych::npu {
namespace {

// Value of a result that is no error.
template <class T>
T Good(Result<T> result) {
  TRIPTYCH_CHECK(result.has_value(), result ? "" : result.error().message);
  return *std::move(result);
}

Params ParamsOf(std::string_view target, const std::vector<std::string>& sets) {
  const TargetSource source = Good(ReadTarget(target, sets));
  Params params;
  Good(LoadParams(source.config, params));
  return params;
}

// A phase as one stream, with its weights and memories.
class Bench {
 public:
  Bench(const Params& params, std::string_view model, Phase phase,
        const Binding& binding)
      : timing_(Good(Timing::Make(params))) {
    const Graph graph = Good(BuildGraph(Good(PresetByName(model))));
    const Weights weights = Weights::Random(graph, 1);
    program_ = Good(
        MakeProgram(params, graph, &weights, phase, binding, MaxThreads()));
    const Tnpu& tnpu = program_.tnpu;
    stream_.emplace(Good(Stream::Check(tnpu.commands, tnpu.machine, "bench")));
    memory_.emplace(tnpu.machine);
    cache_ = Zeros(Region::kCache);
    activations_ = Zeros(Region::kActivations);
    for (const Region region : {Region::kWeights, Region::kConstants}) {
      memory_->Bind(region, tnpu.Pieces(region));
    }
    memory_->Bind(Region::kCache, {WritablePiece(0, cache_)});
    memory_->Bind(Region::kActivations, {WritablePiece(0, activations_)});
  }

  void Values() {
    const Status status = Execute(*stream_, *memory_);
    TRIPTYCH_CHECK(status.has_value(), status ? "" : status.error().message);
  }
  TimingReport Time() { return Good(timing_.Run(*stream_, {.check = false})); }

 private:
  std::vector<std::byte> Zeros(Region region) const {
    const auto& bytes = program_.tnpu.machine.region_bytes;
    return std::vector<std::byte>(
        static_cast<size_t>(bytes[static_cast<size_t>(region)]));
  }

  Timing timing_;
  NpuProgram program_;
  std::optional<Stream> stream_;
  std::optional<Memory> memory_;
  std::vector<std::byte> cache_, activations_;
};

void Count(benchmark::State& state, uint64_t each) {
  state.counters["rate"] = benchmark::Counter(
      static_cast<double>(each), benchmark::Counter::kIsIterationInvariantRate);
}

void Decode(benchmark::State& state, bool values, bool time) {
  // How codes are found makes no difference here.
  static Bench bench(
      ParamsOf("npu:tri-npu-100-w4", {"weight_group=64", "quant.scale=absmax",
                                      "quant.rounding=nearest"}),
      "llama-3.2-1b", Phase::kDecode,
      {.batch = 1, .tokens = 1, .context = 128});
  static const auto cycles = static_cast<uint64_t>(bench.Time().cycles);
  for (auto _ : state) {
    if (values) bench.Values();
    if (time) bench.Time();
  }
  Count(state, cycles);
}
BENCHMARK_CAPTURE(Decode, values, true, false);
BENCHMARK_CAPTURE(Decode, time, false, true);
BENCHMARK_CAPTURE(Decode, both, true, true);

void Prompt(benchmark::State& state) {
  static Bench bench(ParamsOf("npu", {}), "stories15m", Phase::kPrefill,
                     {.batch = 1, .tokens = 256, .context = 0});
  static const uint64_t macs = bench.Time()[Act::kMac];
  for (auto _ : state) bench.Values();
  Count(state, macs);
}
BENCHMARK(Prompt);

}  // namespace
}  // namespace triptych::npu

BENCHMARK_MAIN();
