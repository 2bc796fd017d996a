// Cycles a second and thread of the NPU's array tile through Verilator, and
// of what is used instead: its model and its closed form.
//
//   tests/rtl/npu_array_bench
//
// items_per_second counts cycles of the tile, by CPU time, of a product of
// m = n = k = 64; the last two count the same cycles, without a clock.
// SPDX-License-Identifier: Apache-2.0
#include <benchmark/benchmark.h>

#include <cstdint>
#include <vector>

#include "kernels/base/rng.h"
#include "rtl/npu_array/npu_array_gemm.h"
#include "rtl/npu_array/npu_array_model.h"
#include "rtl/npu_array/npu_array_rtl.h"
#include "rtl/npu_array/npu_array_timing.h"
#include "tests/rtl/npu_array_programs.h"

namespace triptych::rtl {
namespace {

constexpr NpuGemm kGemm{64, 64, 64};

NpuProgram Program(const NpuArrayShape& shape) {
  Rng rng(1);
  const auto a = RandomBytes(rng, 64 * 64, false);
  const auto w = RandomBytes(rng, 64 * 64, false);
  return NpuGemmProgram(shape, kGemm, a, w, RandomRequants(rng, 64, 64));
}

void CountCycles(benchmark::State& state, const NpuArrayShape& shape) {
  state.SetItemsProcessed(state.iterations() *
                          NpuGemmTime(shape, kGemm).total());
}

void ArrayVerilated(benchmark::State& state) {
  const auto size = static_cast<int>(state.range(0));
  NpuArrayRtl rtl(size, size);
  const NpuProgram program = Program(rtl.shape());
  for (auto _ : state) benchmark::DoNotOptimize(rtl.Run(program));
  CountCycles(state, rtl.shape());
}
BENCHMARK(ArrayVerilated)->Arg(8)->Arg(16);

void ArrayModel(benchmark::State& state) {
  const NpuArrayShape shape{.rows = 16, .cols = 16};
  const NpuProgram program = Program(shape);
  for (auto _ : state) {
    benchmark::DoNotOptimize(NpuCompute(shape, program));
    benchmark::DoNotOptimize(NpuTime(shape, program));
  }
  CountCycles(state, shape);
}
BENCHMARK(ArrayModel);

void ArrayClosedForm(benchmark::State& state) {
  NpuArrayShape shape{.rows = 16, .cols = 16};
  for (auto _ : state) {
    benchmark::DoNotOptimize(shape);
    benchmark::DoNotOptimize(NpuGemmTime(shape, kGemm));
  }
  CountCycles(state, shape);
}
BENCHMARK(ArrayClosedForm);

}  // namespace
}  // namespace triptych::rtl

BENCHMARK_MAIN();
