// How fast the NPU's functional machine runs streams, on one thread. Rates are
// per second of CPU time.
// SPDX-License-Identifier: Apache-2.0
#include <benchmark/benchmark.h>

#include <vector>

#include "emulators/npu/compile/builder.h"
#include "emulators/npu/isa/check.h"
#include "emulators/npu/isa/functional.h"
#include "emulators/npu/isa/isa.h"
#include "kernels/base/check.h"
#include "kernels/base/rng.h"

namespace triptych::npu {
namespace {

MachineSize OneCore(size_t weight_bytes) {
  MachineSize size;
  size.scratchpad_bytes = 4 << 20;
  size.accumulator_rows = 2048;
  size.l2_bytes = 16 << 20;
  size.region_bytes[1] = static_cast<int64_t>(weight_bytes);
  return size;
}

// One core of the default preset, with random bytes in DRAM.
struct Machine {
  MachineSize size;
  std::vector<std::byte> weights;
  Builder b;

  explicit Machine(size_t weight_bytes)
      : size(OneCore(weight_bytes)), weights(weight_bytes), b(size) {
    b.OnCores(b.all());
    Rng rng(1);
    for (std::byte& each : weights) each = static_cast<std::byte>(rng.Next());
  }
  // `count` times: `bytes` of weights, other ones each time, to `local`, then
  // body().
  template <class Body>
  void ForWeights(int64_t count, int64_t bytes, bool unpack4,
                  const Body& body) {
    const uint8_t at = b.NewRegister();
    b.Repeat(count, [&] {
      b.Load({.remote = {Region::kWeights, 0, at},
              .local = 0,
              .bytes = bytes,
              .unpack4 = unpack4});
      b.Add(at, bytes);
      body();
    });
  }
  // 128 outputs from `tiles` tiles of 128 inputs each, weights at 0 in rows of
  // `stride`, activations of `rows` rows behind them.
  void Products(uint32_t stride, uint32_t tiles, uint16_t rows) {
    for (uint32_t t = 0; t < tiles; ++t) {
      b.LoadWeights(128 * t, stride, 128, 128, false);
      b.Matmul((3u << 20) + 128 * t, stride, 0, rows, t != 0);
    }
    b.Dequantize({0, 1u << 20, 0, kNoOperand, kNoOperand, rows, 128}, 0);
  }
  void Run(benchmark::State& state, double items) {
    const auto stream = Stream::Check(b.commands(), size, "bench");
    TRIPTYCH_CHECK(stream, (stream ? "" : stream.error().message));
    Memory memory(size);
    memory.Bind(Region::kWeights, {ReadOnlyPiece(0, weights)});
    for (auto _ : state) {
      const Status status = Execute(*stream, memory);
      TRIPTYCH_CHECK(status, (status ? "" : status.error().message));
    }
    state.counters["rate"] = benchmark::Counter(
        items, benchmark::Counter::kIsIterationInvariantRate);
  }
};

constexpr uint32_t kK = 2048;

// A product of `rows` rows with 2048 x 2048 int8 weights: multiply-adds.
void Prefill(benchmark::State& state) {
  Machine m(kK * kK);
  const auto rows = static_cast<uint16_t>(state.range(0));
  m.ForWeights(kK / 128, kK * 128, false,
               [&] { m.Products(kK, kK / 128, rows); });
  m.Run(state, double{kK} * kK * rows);
}
BENCHMARK(Prefill)->Arg(1)->Arg(4)->Arg(8)->Arg(16)->Arg(64)->Arg(256);

// One row through 128 MiB of weights: bytes of weights, in 8 and 4 bits.
void Decode(benchmark::State& state) {
  constexpr uint32_t kBlocks = 512;
  const bool four = state.range(0) == 4;
  const uint32_t bytes = kK * 128 / (four ? 2 : 1);
  Machine m(size_t{kBlocks} * bytes);
  m.ForWeights(kBlocks, bytes, four, [&] { m.Products(kK, kK / 128, 1); });
  m.Run(state, double{kBlocks} * bytes);
}
BENCHMARK(Decode)->Arg(8)->Arg(4);

// Elements of 64 rows of 2048.
void Elementwise(benchmark::State& state) {
  Machine m(64);
  const auto op = static_cast<VectorOp>(state.range(0));
  m.b.Vector({0, op > VectorOp::kMin ? 0 : 1u << 20, 2u << 20, 64, kK, op,
              Operand::kFull},
             {});
  m.Run(state, 64.0 * kK);
}
BENCHMARK(Elementwise)
    ->Arg(static_cast<int>(VectorOp::kMul))
    ->Arg(static_cast<int>(VectorOp::kExp))
    ->Arg(static_cast<int>(VectorOp::kSilu))
    ->Arg(static_cast<int>(VectorOp::kGeluErf));

void Rows(benchmark::State& state) {
  Machine m(64);
  switch (static_cast<Opcode>(state.range(0))) {
    case Opcode::kSoftmax:
      m.b.Softmax({0, 1u << 20, kNoOperand, kK, 0, 64, kK, 0}, true, {});
      break;
    case Opcode::kNorm:
      m.b.Norm({0, 1u << 20, kNoOperand, kNoOperand, 1e-5f, 64, kK}, false, {});
      break;
    case Opcode::kQuantize:
      m.b.Quantize({0, 1u << 20, 2u << 20, 64, kK, 1, 0}, 8, 0);
      break;
    default:
      m.b.Dequantize({0, 1u << 20, 0, kNoOperand, kNoOperand, 1024, 128}, 0);
  }
  m.Run(state, 64.0 * kK);
}
BENCHMARK(Rows)
    ->Arg(static_cast<int>(Opcode::kSoftmax))
    ->Arg(static_cast<int>(Opcode::kNorm))
    ->Arg(static_cast<int>(Opcode::kQuantize))
    ->Arg(static_cast<int>(Opcode::kDequantize));

// Commands that do next to nothing: their checks and dispatch.
void Commands(benchmark::State& state) {
  Machine m(64);
  m.b.Repeat(10000, [&] {
    m.b.Load({.remote = {Region::kWeights, 0}, .local = 0, .bytes = 4});
  });
  m.Run(state, 10000);
}
BENCHMARK(Commands);

}  // namespace
}  // namespace triptych::npu

BENCHMARK_MAIN();
