// How fast the NPU's timing machine is: simulated cycles per CPU second, all
// commands expanded, on four cores.
//
//   decode   a token's product with a matrix of 8-bit weights: every tile of
//            the array is loaded from DRAM, multiplied with one row and
//            forgotten; double buffers, sums scaled once a column of tiles
//   prefill  1024 rows a tile: bound by the array
//
//   bench/npu_timing_bench
// SPDX-License-Identifier: Apache-2.0
#include <benchmark/benchmark.h>

#include <cstdint>
#include <vector>

#include "emulators/npu/compile/builder.h"
#include "emulators/npu/isa/check.h"
#include "emulators/npu/isa/isa.h"
#include "emulators/npu/machine/timing.h"
#include "kernels/base/check.h"

namespace triptych::npu {
namespace {

constexpr int64_t kMiB = 1 << 20;
constexpr uint32_t kTile = 128 * 128;

// [rows, 128 depth] times [128 depth, 128 columns] on each core: the cores'
// tiles alternate in memory.
std::vector<Command> Product(const MachineSize& size, int columns, int depth,
                             uint16_t rows) {
  constexpr uint16_t kBuffers = 4;
  Builder b(size);
  b.OnCores(b.all());
  const uint8_t at = b.NewRegister();
  b.AddCore(at, kTile);
  const uint32_t weights = b.Local(kBuffers * kTile);
  const uint32_t codes = b.Local(int64_t{depth} * rows * 128);
  const uint32_t out = b.Local(int64_t{rows} * 128 * 4);
  const uint8_t free = b.NewCredits(kBuffers), full = b.NewEvent();
  const uint8_t sums_free = b.NewCredits(2), sums_full = b.NewEvent();
  uint32_t tile = 0;
  for (int n = 0; n < columns; ++n) {
    const auto half = static_cast<uint32_t>(n % 2) * 1024;
    for (int k = 0; k < depth; ++k, ++tile) {
      const uint32_t buffer = weights + tile % kBuffers * kTile;
      const bool first = k == 0, last = k + 1 == depth;
      b.Load({.remote = {Region::kWeights, int64_t{tile} * 4 * kTile, at},
              .local = buffer,
              .bytes = kTile},
             {.wait = {free}, .signal = {full}});
      b.LoadWeights(buffer, 128, 128, 128, false,
                    {.wait = {full}, .signal = {free}});
      b.Matmul(codes + static_cast<uint32_t>(k) * rows * 128, 128, half, rows,
               !first,
               {.wait = {first ? sums_free : uint8_t{0}},
                .signal = {last ? sums_full : uint8_t{0}}});
    }
    b.Dequantize({half, out, 0, kNoOperand, kNoOperand, rows, 128}, 0,
                 {.wait = {sums_full}, .signal = {sums_free}});
  }
  return b.Take();
}

void TimeStream(benchmark::State& state, int columns, int depth,
                uint16_t rows) {
  const Params params;
  const MachineSize size = SizeOf(params, {0, 1024 * kMiB, kMiB, kMiB, kMiB});
  const auto commands = Product(size, columns, depth, rows);
  const auto stream = Stream::Check(commands, size, "bench");
  TRIPTYCH_CHECK(stream.has_value(), stream ? "" : stream.error().message);
  auto timing = Timing::Make(params);
  TRIPTYCH_CHECK(timing.has_value());
  double cycles = 0, issued = 0, bytes = 0;
  for (auto _ : state) {
    const auto report = timing->Run(*stream, {.check = state.range(0) != 0});
    TRIPTYCH_CHECK(report.has_value(), report ? "" : report.error().message);
    cycles += static_cast<double>(report->cycles);
    issued += static_cast<double>(report->commands);
    bytes = static_cast<double>(report->dram.read_bytes) /
            static_cast<double>(report->cycles) * params.clock.value * 1e-9;
  }
  using benchmark::Counter;
  state.counters["cycles/s"] = Counter(cycles, Counter::kIsRate);
  state.counters["commands/s"] = Counter(issued, Counter::kIsRate);
  state.counters["dram GB/s"] = bytes;
}

BENCHMARK_CAPTURE(TimeStream, decode, 32, 16, 1)
    ->ArgName("check")
    ->Arg(0)
    ->Arg(1);
BENCHMARK_CAPTURE(TimeStream, prefill, 32, 16, 1024)
    ->ArgName("check")
    ->Arg(0)
    ->Arg(1);

}  // namespace
}  // namespace triptych::npu

BENCHMARK_MAIN();
