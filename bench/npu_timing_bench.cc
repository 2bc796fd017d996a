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

#include "emulators/npu/isa/check.h"
#include "emulators/npu/isa/isa.h"
#include "emulators/npu/machine/timing.h"
#include "kernels/base/check.h"

namespace triptych::npu {
namespace {

constexpr int64_t kMiB = 1 << 20;
constexpr uint32_t kTile = 128 * 128;

Command Of(Opcode opcode, uint8_t flags, std::array<uint8_t, 2> wait,
           std::array<uint8_t, 2> signal) {
  Command c;
  c.opcode = opcode;
  c.flags = flags;
  c.wait = wait;
  c.signal = signal;
  return c;
}

// [rows, 128 depth] times [128 depth, 128 columns] on each core: the cores'
// tiles alternate in memory. Events: 1 a buffer of weights is free, 2 it is
// full, 3 a half of the accumulators is free, 4 it is full.
std::vector<Command> Product(int columns, int depth, uint16_t rows) {
  std::vector<Command> out;
  const auto give = [&](uint8_t event, uint16_t count) {
    Command c = Of(Opcode::kEvent, 0, {}, {});
    c.operands.credit = {event, 0, count};
    out.push_back(c);
  };
  Command core = Of(Opcode::kAddCore, 0, {}, {});
  core.operands.reg = {1, {}, kTile};
  out.push_back(core);
  give(1, 4);
  give(3, 2);
  uint32_t tile = 0;
  for (int n = 0; n < columns; ++n) {
    const auto half = static_cast<uint32_t>(n % 2) * 1024;
    for (int k = 0; k < depth; ++k, ++tile) {
      const uint32_t buffer = tile % 4 * kTile;
      const bool last = k + 1 == depth;
      Command load = Of(Opcode::kLoad, 0, {1, 0}, {2, 0});
      load.operands.dma = {
          .region = static_cast<uint8_t>(Region::kWeights),
          .reg = 1,
          .size1 = 1,
          .size2 = 1,
          .base = 0,
          .zero = 0,
          .size0 = kTile,
          .offset = tile * 4 * kTile,
          .local = buffer,
          .index = 0,
      };
      out.push_back(load);
      Command weights = Of(Opcode::kLoadWeights, 0, {2, 0}, {1, 0});
      weights.operands.load_weights = {buffer, 128, 128, 128};
      out.push_back(weights);
      Command product =
          Of(Opcode::kMatmul,
             static_cast<uint8_t>(k == 0 ? kSwap : kSwap | kAccumulate),
             {static_cast<uint8_t>(k == 0 ? 3 : 0), 0},
             {static_cast<uint8_t>(last ? 4 : 0), 0});
      product.operands.matmul = {
          0x100000 + static_cast<uint32_t>(k) * rows * 128, 128, half, rows, 0};
      out.push_back(product);
    }
    Command scale = Of(Opcode::kDequantize, 0, {4, 0}, {3, 0});
    scale.operands.dequantize = {half,       0x300000, 0,  kNoOperand,
                                 kNoOperand, rows,     128};
    out.push_back(scale);
  }
  return out;
}

void TimeStream(benchmark::State& state, int columns, int depth,
                uint16_t rows) {
  const Params params;
  const auto commands = Product(columns, depth, rows);
  const auto stream = Stream::Check(
      commands, SizeOf(params, {0, 1024 * kMiB, kMiB, kMiB, kMiB}), "bench");
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
