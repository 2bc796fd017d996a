// How fast the NPU's functional machine runs streams, on one thread. Rates are
// per second of CPU time.
// SPDX-License-Identifier: Apache-2.0
#include <benchmark/benchmark.h>

#include <vector>

#include "emulators/npu/isa/check.h"
#include "emulators/npu/isa/functional.h"
#include "emulators/npu/isa/isa.h"
#include "emulators/npu/isa/walk.h"
#include "kernels/base/check.h"
#include "kernels/base/rng.h"

namespace triptych::npu {
namespace {

Command Of(Opcode opcode, uint8_t flags = 0) {
  Command c;
  c.opcode = opcode;
  c.flags = flags;
  return c;
}

// One core of the default preset, with random bytes in DRAM.
struct Machine {
  MachineSize size;
  std::vector<std::byte> weights;
  std::vector<Command> commands;

  explicit Machine(size_t weight_bytes) : weights(weight_bytes) {
    size.scratchpad_bytes = 4 << 20;
    size.accumulator_rows = 2048;
    size.l2_bytes = 16 << 20;
    size.region_bytes[1] = static_cast<int64_t>(weight_bytes);
    Rng rng(1);
    for (std::byte& b : weights) b = static_cast<std::byte>(rng.Next());
  }
  void Load(uint32_t local, uint32_t bytes, uint8_t flags = 0) {
    Command c = Of(Opcode::kLoad, flags);
    c.operands.dma.region = static_cast<uint8_t>(Region::kWeights);
    c.operands.dma.reg = 1;
    c.operands.dma.size0 = bytes;
    c.operands.dma.size1 = c.operands.dma.size2 = 1;
    c.operands.dma.local = local;
    commands.push_back(c);
  }
  void Advance(int64_t bytes) {
    Command c = Of(Opcode::kAdd);
    c.operands.reg = {1, {}, bytes};
    commands.push_back(c);
  }
  void Loop(uint32_t count) {
    Command c = Of(Opcode::kLoop);
    c.operands.loop = {count};
    commands.push_back(c);
  }
  void End() { commands.push_back(Of(Opcode::kEnd)); }
  // 128 outputs from `tiles` tiles of 128 inputs each, weights at `local` in
  // rows of `stride`, activations of `rows` rows behind them.
  void Products(uint32_t local, uint32_t stride, uint32_t tiles,
                uint16_t rows) {
    for (uint32_t t = 0; t < tiles; ++t) {
      Command w = Of(Opcode::kLoadWeights);
      w.operands.load_weights = {local + 128 * t, stride, 128, 128};
      commands.push_back(w);
      Command m = Of(Opcode::kMatmul,
                     static_cast<uint8_t>(kSwap | (t != 0 ? kAccumulate : 0)));
      m.operands.matmul = {(3u << 20) + 128 * t, stride, 0, rows, 0};
      commands.push_back(m);
    }
    Command d = Of(Opcode::kDequantize);
    d.operands.dequantize = {0, 1u << 20, 0, kNoOperand, kNoOperand, rows, 128};
    commands.push_back(d);
  }
  void Run(benchmark::State& state, double items) {
    const auto stream = Stream::Check(commands, size, "bench");
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
  m.Loop(kK / 128);
  m.Load(0, kK * 128);
  m.Advance(kK * 128);
  m.Products(0, kK, kK / 128, rows);
  m.End();
  m.Run(state, double{kK} * kK * rows);
}
BENCHMARK(Prefill)->Arg(1)->Arg(4)->Arg(8)->Arg(16)->Arg(64)->Arg(256);

// One row through 128 MiB of weights: bytes of weights, in 8 and 4 bits.
void Decode(benchmark::State& state) {
  constexpr uint32_t kBlocks = 512;
  const bool four = state.range(0) == 4;
  const uint32_t bytes = kK * 128 / (four ? 2 : 1);
  Machine m(size_t{kBlocks} * bytes);
  m.Loop(kBlocks);
  m.Load(0, bytes, four ? kUnpack4 : 0);
  m.Advance(bytes);
  m.Products(0, kK, kK / 128, 1);
  m.End();
  m.Run(state, double{kBlocks} * bytes);
}
BENCHMARK(Decode)->Arg(8)->Arg(4);

// Elements of 64 rows of 2048.
void Elementwise(benchmark::State& state) {
  Machine m(64);
  Command c = Of(Opcode::kVector);
  c.operands.vector = {0,
                       1u << 20,
                       2u << 20,
                       64,
                       kK,
                       static_cast<VectorOp>(state.range(0)),
                       Operand::kFull};
  if (c.operands.vector.op > VectorOp::kMin) c.operands.vector.src1 = 0;
  m.commands.push_back(c);
  m.Run(state, 64.0 * kK);
}
BENCHMARK(Elementwise)
    ->Arg(static_cast<int>(VectorOp::kMul))
    ->Arg(static_cast<int>(VectorOp::kExp))
    ->Arg(static_cast<int>(VectorOp::kSilu))
    ->Arg(static_cast<int>(VectorOp::kGeluErf));

void Rows(benchmark::State& state) {
  Machine m(64);
  Command c = Of(static_cast<Opcode>(state.range(0)));
  if (c.opcode == Opcode::kSoftmax) {
    c.flags = kNormalize;
    c.operands.softmax = {0, 1u << 20, kNoOperand, kK, 0, 64, kK, 0};
  } else if (c.opcode == Opcode::kNorm) {
    c.operands.norm = {0, 1u << 20, kNoOperand, kNoOperand, 1e-5f, 64, kK};
  } else if (c.opcode == Opcode::kQuantize) {
    c.flags = 8;
    c.operands.quantize = {0, 1u << 20, 2u << 20, 64, kK, 1, 0};
  } else {
    c.operands.dequantize = {0, 1u << 20, 0, kNoOperand, kNoOperand, 1024, 128};
  }
  m.commands.push_back(c);
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
  m.Loop(10000);
  m.Load(0, 4);
  m.End();
  m.Run(state, 10000);
}
BENCHMARK(Commands);

}  // namespace
}  // namespace triptych::npu

BENCHMARK_MAIN();
