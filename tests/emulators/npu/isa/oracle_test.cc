// The scalar machine on streams whose results are known by hand.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cstring>
#include <string>
#include <vector>

#include "emulators/npu/isa/functional.h"
#include "emulators/npu/isa/functions.h"
#include "emulators/npu/isa/requantize.h"
#include "tests/emulators/npu/isa/commands.h"

namespace triptych::npu {
namespace {

// A small machine with memory in all regions.
struct Bench {
  MachineSize size;
  Memory memory;
  std::vector<std::byte> weights, constants, cache, activations;

  explicit Bench(int cores = 1)
      : size(SmallMachine(cores)),
        memory(size),
        weights(4096),
        constants(4096),
        cache(4096),
        activations(4096) {
    memory.Bind(Region::kWeights, {ReadOnlyPiece(0, weights)});
    memory.Bind(Region::kConstants, {ReadOnlyPiece(0, constants)});
    memory.Bind(Region::kCache, {WritablePiece(0, cache)});
    memory.Bind(Region::kActivations, {WritablePiece(0, activations)});
  }
  std::string Run(const std::vector<Command>& commands) {
    const auto stream = Stream::Check(commands, size, "s");
    if (!stream) return stream.error().message;
    const Status status = ExecuteScalar(*stream, memory);
    return status ? "" : status.error().message;
  }
  template <class T>
  void Put(uint32_t local, const std::vector<T>& values, int core = 0) {
    std::memcpy(memory.Local(core, local), values.data(),
                values.size() * sizeof(T));
  }
  template <class T>
  std::vector<T> Get(uint32_t local, size_t n, int core = 0) {
    std::vector<T> values(n);
    std::memcpy(values.data(), memory.Local(core, local), n * sizeof(T));
    return values;
  }
};

using Floats = std::vector<float>;

TEST_CASE("a product, dequantised and accumulated") {
  Bench b;
  b.Put<int8_t>(0, {1, 2, 3, 4, 5, 6});    // W[2,3]
  b.Put<int8_t>(64, {1, 0, -1, 2, 2, 2});  // a[2,3]
  b.Put<float>(128, {0.5f, 2.f});          // scales
  b.Put<float>(160, {10.f, 100.f});        // row scales
  Command dequantize = Plain(Opcode::kDequantize, kRowScale);
  dequantize.operands.dequantize = {3, 256, 0, 128, 160, 2, 2};
  CHECK(b.Run({Weights(0, 3, 2), Product(64, 3, 2, kSwap), dequantize}) == "");
  CHECK(b.Get<float>(256, 4) == Floats{-10, -40, 600, 6000});
  CHECK(b.Get<int32_t>(kAccBit | 3 * 64, 2) == std::vector<int32_t>{-2, -2});
  // Once more on top: sums double; what was dequantised is added.
  dequantize.flags = kAccumulate;
  dequantize.operands.dequantize.row_scales = kNoOperand;
  CHECK(b.Run({Weights(0, 3, 2), Product(64, 3, 2, kSwap | kAccumulate),
               dequantize}) == "");
  CHECK(b.Get<float>(256, 4) == Floats{-12, -48, 612, 6120});
}

TEST_CASE("weights a row an input") {
  Bench b;
  b.Put<int8_t>(0, {1, 4, 0, 2, 5, 0, 3, 6});  // W[3,2] of inputs, 3 apart
  b.Put<int8_t>(64, {1, 0, -1});
  Command weights = Weights(0, 3, 2);
  weights.flags = kTransposed;
  weights.operands.load_weights.stride = 3;
  CHECK(b.Run({weights, Product(64, 0, 1, kSwap)}) == "");
  CHECK(b.Get<int32_t>(kAccBit, 2) == std::vector<int32_t>{-2, -2});
}

TEST_CASE("int4 codes, strides, gathers and stores") {
  Bench b;
  for (size_t i = 0; i < 8; ++i)
    b.weights[i] = static_cast<std::byte>(0x8f - i);
  Command load = Moves(Opcode::kLoad, Region::kWeights, 0, 0, 2, 2);
  load.flags = kUnpack4;
  Command config = Plain(Opcode::kDmaConfig, kForLoad);
  config.operands.dma_config = {4, 0, 8, 0};
  CHECK(b.Run({config, load}) == "");
  CHECK(b.Get<int8_t>(0, 12) ==
        std::vector<int8_t>{-1, -8, -2, -8, 0, 0, 0, 0, -5, -8, -6, -8});
  b.Put<int32_t>(512, {2, 0});
  Command gather = Moves(Opcode::kGather, Region::kWeights, 1, 1024, 2, 2);
  gather.operands.dma.index = 512;
  CHECK(b.Run({gather, Moves(Opcode::kStore, Region::kCache, 7, 1024, 4)}) ==
        "");
  const std::byte want[] = {std::byte{0x8a}, std::byte{0x89}, std::byte{0x8e},
                            std::byte{0x8d}};
  CHECK(std::memcmp(b.cache.data() + 7, want, 4) == 0);
  b.Put<int32_t>(512, {2, -1});
  CHECK(b.Run({gather}).find("allowed whole rows of one piece") !=
        std::string::npos);
}

TEST_CASE("regions in pieces") {
  Bench b;
  std::vector<std::byte> one(8, std::byte{1}), two(8, std::byte{2});
  b.memory.Bind(Region::kWeights,
                {ReadOnlyPiece(0, one), ReadOnlyPiece(100, two)});
  const auto load = [](uint32_t offset) {
    return Moves(Opcode::kLoad, Region::kWeights, offset, 0, 4);
  };
  CHECK(b.Run({load(104)}) == "");
  CHECK(b.Get<uint8_t>(0, 4) == std::vector<uint8_t>(4, 2));
  CHECK(b.Run({load(4)}) == "");
  CHECK(b.Run({load(5)}) != "");
  CHECK(b.Run({load(50)}) != "");
  CHECK(b.Run({load(105)}) != "");
  b.memory.Bind(Region::kCache, {ReadOnlyPiece(0, one)});
  CHECK(b.Run({Moves(Opcode::kStore, Region::kCache, 0, 0, 4)}) != "");
}

TEST_CASE("requantising rounds once or twice") {
  // Half up against half away from zero, and doubly.
  CHECK(ScaleOnce(-3, 1, 1) == -1);
  CHECK(ScaleOnce(3, 1, 1) == 2);
  CHECK(ScaleOnce(INT32_MIN, INT32_MIN, 62) == 1);
  CHECK(ScaleOnce(7, 3, 0) == 21);
  CHECK(ScaleTwice(-3, 1 << 30, 31) == -1);  // -1.5, away from its half
  CHECK(ScaleTwice(5, 1 << 30, 32) == 2);    // 2.5 -> 3, 1.5 -> 2: doubly
  CHECK(ScaleOnce(5, 1 << 30, 32) == 1);
  CHECK(ScaleTwice(INT32_MIN, INT32_MIN, 31) == INT32_MAX);
  CHECK(ScaleTwice(1, 1 << 30, 20) == 1024);
  Bench b;
  b.Put<int32_t>(kAccBit, {1000, -1000});
  b.Put<int32_t>(0, {1 << 20, 24, 1 << 20, 23});
  Command rq = Plain(Opcode::kRequantize);
  rq.operands.requantize = {0, 64, 0, 0, 1, 2, 3, -100, 100, 0};
  CHECK(b.Run({rq}) == "");
  CHECK(b.Get<int8_t>(64, 2) == std::vector<int8_t>{66, -100});
  b.Put<int32_t>(4, {63});
  CHECK(b.Run({rq}).ends_with("is 63; allowed 0 to 62"));
}

TEST_CASE("rows quantised, with a multiplier on the scale") {
  Bench b;
  b.Put<float>(0, {1, -2, 0.5f, 0, 0, 0});
  Command qt = Plain(Opcode::kQuantize, 8);
  qt.operands.quantize = {0, 128, 256, 2, 3, 10.f, 0};
  CHECK(b.Run({qt}) == "");
  CHECK(b.Get<int8_t>(128, 6) == std::vector<int8_t>{64, -127, 32, 0, 0, 0});
  CHECK(b.Get<float>(256, 2) == Floats{2.f / 127 * 10, 0});
}

TEST_CASE("vector operations") {
  Bench b;
  const float nan = std::bit_cast<float>(0xffc12345);
  b.Put<float>(0, {1, -0.f, nan, 4});
  b.Put<float>(64, {2, 0.f, 1, -4});
  const auto run = [&](VectorOp op, Operand operand, uint32_t src1) {
    REQUIRE(b.Run({Vectors(op, 0, src1, 128, 2, 2, operand)}) == "");
    return b.Get<uint32_t>(128, 4);
  };
  const auto bits = [](float x) { return std::bit_cast<uint32_t>(x); };
  using Bits = std::vector<uint32_t>;
  CHECK(run(VectorOp::kAdd, Operand::kFull, 64) ==
        Bits{bits(3), bits(0), kQuietNan, bits(0)});
  CHECK(run(VectorOp::kMax, Operand::kFull, 64) ==
        Bits{bits(2), bits(0), kQuietNan, bits(4)});
  CHECK(run(VectorOp::kMin, Operand::kFull, 64) ==
        Bits{bits(1), bits(-0.f), kQuietNan, bits(-4)});
  CHECK(run(VectorOp::kMul, Operand::kPerColumn, 64) ==
        Bits{bits(2), bits(-0.f), kQuietNan, bits(0)});
  CHECK(run(VectorOp::kSub, Operand::kPerRow, 64) ==
        Bits{bits(-1), bits(-2), kQuietNan, bits(4)});
  CHECK(run(VectorOp::kMul, Operand::kImmediate, bits(3)) ==
        Bits{bits(3), bits(-0.f), kQuietNan, bits(12)});
  CHECK(run(VectorOp::kCopy, Operand::kFull, 0) ==
        Bits{bits(1), bits(-0.f), bits(nan), bits(4)});
}

TEST_CASE("sums in sixteen parts") {
  Bench b;
  Floats row(33, 0.f);
  // In one chain, 1e8 + 1 + ... loses the ones; element 16 joins element 0.
  row[0] = 1e8f;
  for (size_t i = 1; i < 16; ++i) row[i] = 1;
  row[16] = -1e8f;
  row[32] = 3;
  b.Put(0, row);
  Command reduce = Plain(Opcode::kReduce);
  reduce.operands.reduce = {0, 512, 1, 33, ReduceOp::kSum};
  CHECK(b.Run({reduce}) == "");
  CHECK(b.Get<float>(512, 1)[0] == 18);
  reduce.operands.reduce.op = ReduceOp::kAbsMax;
  CHECK(b.Run({reduce}) == "");
  CHECK(b.Get<float>(512, 1)[0] == 1e8f);
}

TEST_CASE("norms, softmax and rope") {
  Bench b;
  b.Put<float>(0, {3, 4, 0, 0});
  b.Put<float>(64, {1, 2, 1, 1});
  Command norm = Plain(Opcode::kNorm);
  norm.operands.norm = {0, 128, 64, kNoOperand, 0.f, 1, 4};
  CHECK(b.Run({norm}) == "");
  CHECK(b.Get<float>(128, 4) == Floats{3 * 0.4f, 4 * 0.4f * 2, 0, 0});
  norm.flags = kLayer;
  norm.operands.norm.bias = 64;
  b.Put<float>(0, {1, 1, -1, -1});
  CHECK(b.Run({norm}) == "");
  CHECK(b.Get<float>(128, 4) == Floats{2, 4, 0, 0});
  Command softmax = Plain(Opcode::kSoftmax, kNormalize);
  softmax.operands.softmax = {0, 128, kNoOperand, 2, 1, 2, 4, 0};
  b.Put<float>(0, {5, 5, 9, 9, 0, 0, 0, 9});
  CHECK(b.Run({softmax}) == "");
  const float third = 1.f / 3;
  CHECK(b.Get<float>(128, 8) ==
        Floats{0.5f, 0.5f, 0, 0, third, third, third, 0});
  softmax.flags = 0;
  softmax.operands.softmax.sums = 256;
  CHECK(b.Run({softmax}) == "");
  CHECK(b.Get<float>(256, 2) == Floats{2, 3});
  Command rope = Plain(Opcode::kRope);
  rope.operands.rope = {0, 64, 1, 2, 4, 1};
  b.Put<float>(0, {1, 2, 3, 4, 5, 6, 7, 8});
  b.Put<float>(64, {0, 1});  // a quarter turn
  CHECK(b.Run({rope}) == "");
  CHECK(b.Get<float>(0, 8) == Floats{-2, 1, 3, 4, -6, 5, 7, 8});
  rope.flags = kHalf;
  rope.operands.rope.pairs = 2;
  b.Put<float>(64, {0, 1, 1, 0});
  CHECK(b.Run({rope}) == "");
  CHECK(b.Get<float>(0, 8) == Floats{-3, 1, -2, 4, -7, 5, -6, 8});
}

TEST_CASE("cores work on their own, events pay for waits") {
  Bench b(2);
  for (size_t i = 0; i < 64; ++i) b.weights[i] = static_cast<std::byte>(i);
  Command load = Moves(Opcode::kLoad, Region::kWeights, 0, 0, 4, 1, 1);
  load.wait = {1, 0};
  load.signal = {2, 0};
  Command store = Moves(Opcode::kStore, Region::kCache, 8, 0, 4, 1, 1);
  store.wait = {2, 0};
  const std::vector<Command> head = {OnRegister(Opcode::kAddCore, 1, 16),
                                     Give(1, 1)};
  std::vector<Command> all = head;
  all.insert(all.end(), {load, store, Barrier()});
  CHECK(b.Run(all) == "");
  CHECK(std::memcmp(b.cache.data() + 8, b.weights.data(), 4) == 0);
  CHECK(std::memcmp(b.cache.data() + 24, b.weights.data() + 16, 4) == 0);
  // A barrier takes the credits back.
  all.insert(all.begin() + 2, Barrier());
  CHECK(b.Run(all).find("core 0 waits for event 1") != std::string::npos);
}

}  // namespace
}  // namespace triptych::npu
