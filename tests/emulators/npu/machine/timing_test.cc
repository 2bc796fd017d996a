// Small streams to the cycle, by hand: a command is decoded in 1 cycle and
// dispatched in 4, so the first may start at 5, the next at 6.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/machine/timing.h"

#include <doctest/doctest.h>

#include "tests/emulators/npu/machine/machine.h"

namespace triptych::npu {
namespace {

constexpr uint32_t kA = 0x1000, kW = 0x2000, kOut = 0x4040;

TEST_CASE("weights and products overlap on the array") {
  KeepWork work;
  const TimingReport r = MustTime(
      SmallParams(),
      {Weights(kW, 16, 16), Product(kA, 0, 10, kSwap), Weights(kW, 16, 16),
       Product(kA, 16, 20, kSwap), Product(kA, 48, 5, 0)},
      &work);
  // 16 rows of weights from 5 on; 10 rows of A follow, and the next weights
  // as soon as the first have been swapped in.
  CHECK(work.Of(0, Part::kWeights).start == 5);
  CHECK(work.Of(0, Part::kWeights).done == 21);
  CHECK(work.Of(1, Part::kArray).start == 21);
  CHECK(work.Of(1, Part::kArray).end == 31);
  // The last row's sums come down 16 rows, skewed over 16 columns.
  CHECK(work.Of(1, Part::kArray).done == 31 + 30);
  CHECK(work.Of(2, Part::kWeights).start == 21);
  CHECK(work.Of(3, Part::kArray).start == 37);
  CHECK(work.Of(3, Part::kArray).end == 57);
  // With the weights that are there: no wait.
  CHECK(work.Of(4, Part::kArray).start == 57);
  CHECK(r.cycles == 62 + 30);
  CHECK(r[Act::kMac] == 35 * 256);
  CHECK(r[Act::kPaddingMac] == 0);
  CHECK(r[Act::kCommand] == 5);
  CHECK(r.busy(0, Part::kArray) == 35);
  CHECK(r.busy(0, Part::kWeights) == 32);
  CHECK(r.busy(0, Part::kFrontEnd) == 5);
}

TEST_CASE("a tile that does not fill the array pads") {
  const TimingReport r =
      MustTime(SmallParams(), {Weights(kW, 10, 3), Product(kA, 0, 7, kSwap)});
  CHECK(r.cycles == 5 + 16 + 7 + 30);
  CHECK(r[Act::kMac] == 7 * 10 * 3);
  CHECK(r[Act::kPaddingMac] == 7 * (256 - 30));
  // 3 rows of 10 weights, 7 of 10 activations; 7 rows of 3 sums.
  CHECK(r[Act::kScratchpadByte] == 30 + 70);
  CHECK(r[Act::kAccumulatorByte] == 7 * 3 * 4);
}

TEST_CASE("short loads of weights") {
  Params p = SmallParams();
  p.short_loads = true;
  // 10 rows in 10 cycles; the sums still come down all 16.
  CHECK(MustTime(p, {Weights(kW, 10, 3), Product(kA, 0, 7, kSwap)}).cycles ==
        5 + 10 + 7 + 30);
}

TEST_CASE("a vector command: passes, banks, pipeline") {
  // 256 f32 on 128 lanes are 2 passes; three operands of 16 words of 64 B
  // are 3 words a bank, which take longer; 12 of pipeline.
  const Command add = Vectors(VectorOp::kAdd, 0, 1024, 2048, 1, 256);
  CHECK(MustTime(SmallParams(), {add}).cycles == 5 + 3 + 12);
  // One operand in an immediate: 2 words a bank, so the passes count.
  Command scale =
      Vectors(VectorOp::kMul, 0, 0, 2048, 1, 256, Operand::kImmediate);
  const TimingReport r = MustTime(SmallParams(), {scale});
  CHECK(r.cycles == 5 + 2 + 12);
  CHECK(r[Act::kVectorOp] == 256);
  CHECK(r[Act::kSpecialOp] == 0);
  CHECK(r[Act::kScratchpadByte] == 2048);
  // Commands of a queue do not overlap: the next one starts at 19.
  CHECK(MustTime(SmallParams(), {scale, scale}).cycles == 19 + 2 + 12);
  // SiLU: exponential, sum, quotient, so 3 a pass.
  const Command silu = Vectors(VectorOp::kSilu, 0, 0, 2048, 1, 256);
  CHECK(MustTime(SmallParams(), {silu}).cycles == 5 + 6 + 12);
}

TEST_CASE("sums have their order, maxima have none") {
  Command sum = Plain(Opcode::kReduce);
  sum.operands.reduce = {0, 4096, 1, 512, ReduceOp::kSum};
  // 32 elements a partial sum, each two cycles after the one before; then 4
  // steps of 2.
  CHECK(MustTime(SmallParams(), {sum}).cycles == 5 + 64 + 8 + 12);
  // 8 rows fill the lanes, 16 of them the adders' pipeline: the same time.
  sum.operands.reduce = {0, 0x9000, 16, 512, ReduceOp::kSum};
  CHECK(MustTime(SmallParams(), {sum}).cycles == 5 + 64 + 8 + 12);
  sum.operands.reduce = {0, 0xf000, 24, 512, ReduceOp::kSum};
  CHECK(MustTime(SmallParams(), {sum}).cycles == 5 + 96 + 8 + 12);
  // A row of 512 is 4 passes, and 7 steps over 128 lanes.
  sum.operands.reduce = {0, 4096, 1, 512, ReduceOp::kAbsMax};
  CHECK(MustTime(SmallParams(), {sum}).cycles == 5 + 4 + 7 + 12);
}

TEST_CASE("a load from the L2") {
  // 16 beats of 64 B from 5 on, 24 cycles away.
  const Command load = Moves(Opcode::kLoad, Region::kL2, 0, kA, 1024);
  const TimingReport r = MustTime(SmallParams(), {load});
  CHECK(r.cycles == 5 + 16 + 24);
  CHECK(r[Act::kL2Byte] == 1024);
  CHECK(r[Act::kDramByte] == 0);
  CHECK(r[Act::kScratchpadByte] == 1024);
  CHECK(r.busy(0, Part::kLoad) == 40);
  CHECK(r.l2_busy == 40);
  // The channel has 32 beats on the way. Of 64, the second half is asked for
  // as the first comes: from 5 + 1 + 24, but one a cycle, so from 37.
  const Command more = Moves(Opcode::kLoad, Region::kL2, 0, kA, 4096);
  CHECK(MustTime(SmallParams(), {more}).cycles == 5 + 64 + 24);
  Params far = SmallParams();
  far.chip.l2_latency = 60;
  // Now the first beat is back at 66, the last at 97; so is the other half.
  CHECK(MustTime(far, {more}).cycles == 66 + 1 + 60 + 31);
}

TEST_CASE("banks of the L2") {
  // 32 rows of 16 B, 1024 B apart: all in one of 8 banks of 128 B, a line
  // each, so 32 cycles of it and 32 beats. The second load has it after the
  // first.
  Command strides = Plain(Opcode::kDmaConfig, kForLoad);
  strides.operands.dma_config = {1024, 0, 0, 0};
  KeepWork work;
  MustTime(SmallParams(),
           {strides, Moves(Opcode::kLoad, Region::kL2, 0, 0, 16, 32),
            Moves(Opcode::kLoad, Region::kL2, 0, 512, 16, 32)},
           &work);
  CHECK(work.Of(1, Part::kLoad).start == 6);
  CHECK(work.Of(1, Part::kLoad).done == 6 + 32 + 24);
  CHECK(work.Of(2, Part::kLoad).start == 7);
  CHECK(work.Of(2, Part::kLoad).done == 6 + 64 + 24);
}

TEST_CASE("a gather waits for its indices") {
  Command gather = Moves(Opcode::kGather, Region::kWeights, 0, kA, 64, 16);
  gather.operands.dma.index = 0x3000;
  KeepWork work;
  const TimingReport r = MustTime(
      SmallParams(), {Moves(Opcode::kLoad, Region::kL2, 0, 0x3000, 64), gather},
      &work);
  CHECK(work.Of(0, Part::kLoad).done == 5 + 1 + 24);
  CHECK(work.Of(1, Part::kLoad).start == 30);
  // 16 rows of one burst each.
  CHECK(work.Of(1, Part::kLoad).done == 30 + 16 + 100);
  CHECK(r[Act::kDramByte] == 16 * 64);
  CHECK(r[Act::kScratchpadByte] == 64 + 16 * 4 + 16 * 64);
}

TEST_CASE("two loads are under way at once, a third waits") {
  KeepWork work;
  const auto load = [](uint32_t i) {
    return Moves(Opcode::kLoad, Region::kL2, i * 1024, i * 1024, 1024);
  };
  MustTime(SmallParams(), {load(0), load(1), load(2)}, &work);
  CHECK(work.Of(0, Part::kLoad).start == 5);
  CHECK(work.Of(1, Part::kLoad).start == 6);
  // The first channel has asked for the 16 beats of its own, and has room for
  // as many.
  CHECK(work.Of(2, Part::kLoad).start == 5 + 16);
  CHECK(work.Of(2, Part::kLoad).done == 21 + 16 + 24);
}

TEST_CASE("a load from ideal memory") {
  // 4096 B at 64 B a cycle, 100 cycles away; the channel has 32 bursts of 64
  // on the way: the second 32 are asked for as the first come.
  const Command load = Moves(Opcode::kLoad, Region::kWeights, 0, kA, 4096);
  const TimingReport r = MustTime(SmallParams(), {load});
  CHECK(r.cycles == 5 + 1 + 100 + 32 + 100);
  CHECK(r[Act::kDramByte] == 4096);
  CHECK(r.dram.read_bytes == 4096);
  CHECK(r.dram_busy == r.cycles - 5);
}

TEST_CASE("events order what queues do") {
  KeepWork work;
  const TimingReport r = MustTime(
      SmallParams(),
      {Signals(Moves(Opcode::kLoad, Region::kL2, 0, kA, 1024), 1),
       Weights(kW, 16, 16), Signals(Waits(Product(kA, 0, 10, kSwap), 1), 2),
       Waits(Vectors(VectorOp::kAdd, 0, 0, kOut, 1, 16), 2)},
      &work);
  // The load is done at 45, an event takes the 4 cycles of a dispatch.
  CHECK(work.Of(0, Part::kLoad).done == 45);
  CHECK(work.Of(2, Part::kArray).start == 49);
  CHECK(work.Of(2, Part::kArray).done == 49 + 10 + 30);
  CHECK(work.Of(3, Part::kVector).start == 89 + 4);
  CHECK(r.stalled(0, Queue::kMatrix, Stall::kEvent) == 49 - 22);
  CHECK(r.stalled(0, Queue::kVector, Stall::kEvent) == 93);
}

TEST_CASE("credits that are there from the start") {
  KeepWork work;
  const auto load = [](uint32_t at) {
    return Waits(Moves(Opcode::kLoad, Region::kL2, 0, at, 1024), 1);
  };
  MustTime(SmallParams(),
           {Give(1, 2), load(0), load(1024),
            Signals(Moves(Opcode::kStore, Region::kL2, 0, kA, 64), 2),
            Signals(Waits(Vectors(VectorOp::kCopy, 0, 0, kOut, 1, 16), 2), 1),
            load(2048)},
           &work);
  // Two loads have credits, the third gets one from the vector unit, which
  // waited for the store: 8 + 1 + 24 and 4, 1 and 12, and 4.
  CHECK(work.Of(1, Part::kLoad).start == 6);
  CHECK(work.Of(2, Part::kLoad).start == 7);
  CHECK(work.Of(3, Part::kStore).done == 8 + 1 + 24);
  CHECK(work.Of(4, Part::kVector).done == 33 + 4 + 1 + 12);
  CHECK(work.Of(5, Part::kLoad).start == 50 + 4);
}

TEST_CASE("a full queue holds the front end up") {
  Params p = SmallParams();
  p.front.queue_depth = 2;
  const Command v = Vectors(VectorOp::kCopy, 0, 0, kOut, 1, 16);
  KeepWork work;
  const TimingReport r = MustTime(p, {v, v, v, v, Weights(kW, 16, 16)}, &work);
  // Copies from 5, 18 and 31 on (1 and 12 each). Two wait, the fourth is let
  // in when the second starts, at 18; the weights are decoded after that.
  CHECK(work.Of(3, Part::kVector).start == 44);
  CHECK(work.Of(4, Part::kWeights).start == 18 + 1 + 4);
  CHECK(r.stalled(0, Queue::kMatrix, Stall::kQueueSpace) == 23);
}

TEST_CASE("a barrier waits for all queues of all cores") {
  KeepWork work;
  const TimingReport r =
      MustTime(SmallParams(2),
               {Masked(Moves(Opcode::kLoad, Region::kL2, 0, kA, 1024), 2),
                Barrier(), Vectors(VectorOp::kCopy, 0, 0, kOut, 1, 16)},
               &work);
  // Core 1's load is done at 45; then both decode and dispatch.
  CHECK(work.Of(2, Part::kVector, 0).start == 45 + 1 + 4);
  CHECK(work.Of(2, Part::kVector, 1).start == 45 + 1 + 4);
  CHECK(r.cycles == 50 + 1 + 12);
}

TEST_CASE("a multicast is read once, and starts with the last core") {
  Command load = Moves(Opcode::kLoad, Region::kWeights, 0, kA, 1024);
  load.flags = kMulticast;
  const Command busy =
      Signals(Masked(Vectors(VectorOp::kCopy, 0, 0, kOut, 1, 16), 4), 3);
  const Command wait =
      Waits(Masked(Moves(Opcode::kLoad, Region::kL2, 0, kOut, 64), 4), 3);
  KeepWork work;
  const TimingReport r = MustTime(SmallParams(3), {busy, wait, load}, &work);
  CHECK(r[Act::kDramByte] == 1024);
  CHECK(r.dram.read_bytes == 1024);
  CHECK(r[Act::kScratchpadByte] == 3 * 1024 + 2 * 64 + 64);
  // Core 2 loads at 5 + 1 + 12 + 4 and then comes to the multicast.
  for (int core = 0; core < 3; ++core) {
    CHECK(work.Of(2, Part::kLoad, core).start == 22);
    CHECK(work.Of(2, Part::kLoad, core).done == 22 + 16 + 100);
  }
}

TEST_CASE("banks that two queues want") {
  // A product reads one word of one bank a row: rows 1024 apart, so always
  // bank 0. A load brings 4096 B, 4 words a bank.
  Command product = Product(0x8000, 0, 32, kSwap);
  product.operands.matmul.stride = 1024;
  const Command weights = Weights(kW, 16, 16);
  KeepWork alone;
  MustTime(SmallParams(), {weights, product}, &alone);
  CHECK(alone.Of(1, Part::kArray).end == 21 + 32);
  KeepWork work;
  Command again = product;
  again.flags = 0;
  // The load asks for 2048 B at 7 and again at 39, 2 words a bank each. The
  // first are through before the product comes, at 21; the others stand
  // behind the product's in bank 0, and before the next product's.
  const TimingReport r = MustTime(
      SmallParams(),
      {weights, product, Moves(Opcode::kLoad, Region::kL2, 0, 0, 4096), again},
      &work);
  CHECK(work.Of(1, Part::kArray).end == 53);
  CHECK(work.Of(2, Part::kLoad).start == 7);
  CHECK(work.Of(3, Part::kArray).end == 53 + 32 + 2);
  CHECK(r.stalled(0, Queue::kMatrix, Stall::kBank) == 2);
}

TEST_CASE("a wait that nothing pays for is a located error") {
  const Command v = Vectors(VectorOp::kCopy, 0, 0, kOut, 1, 16);
  const auto lost = TimeOf(SmallParams(), {v, Waits(v, 7)});
  REQUIRE(!lost);
  CHECK(lost.error().message.starts_with("s: command 1: VEC"));
  CHECK(lost.error().message.find("core 0 waits for event 7, which has no "
                                  "credit") != std::string::npos);
  // A barrier takes the credits away.
  const auto gone =
      TimeOf(SmallParams(), {Signals(v, 7), Barrier(), Waits(v, 7)});
  REQUIRE(!gone);
  CHECK(gone.error().message.starts_with("s: command 2: VEC"));
}

TEST_CASE("cores that wait for each other are a located error") {
  Command load = Moves(Opcode::kLoad, Region::kWeights, 0, kA, 1024);
  load.flags = kMulticast;
  // Core 0 meets them in the one order, core 1 in the other.
  const auto apart = TimeOf(
      SmallParams(3), {Masked(load, 3), Masked(load, 5), Masked(load, 6)});
  CHECK(apart.has_value());
  std::vector<Command> crossed = {Masked(load, 3)};
  crossed.push_back(Masked(Moves(Opcode::kLoad, Region::kL2, 0, kA, 64), 1));
  CHECK(TimeOf(SmallParams(2), crossed).has_value());
}

TEST_CASE("credits go to waits in the order of the stream") {
  // Event 1 has one credit. The copy, decoded first, is to have it, although
  // it also waits for the load; the product gets the copy's.
  const Command copy = Vectors(VectorOp::kCopy, 0, 0, kOut, 1, 16);
  for (const int64_t depth : {1, 2, 64}) {
    Params p = SmallParams();
    p.front.queue_depth = depth;
    KeepWork work;
    MustTime(
        p,
        {Give(1, 1), Signals(Moves(Opcode::kLoad, Region::kL2, 0, kA, 1024), 2),
         Signals(Waits(copy, 1, 2), 1), Weights(kW, 16, 16),
         Waits(Product(kA, 0, 4, kSwap), 1)},
        &work);
    CHECK(work.Of(2, Part::kVector).start == 6 + 16 + 24 + 4);
    CHECK(work.Of(4, Part::kArray).start == work.Of(2, Part::kVector).done + 4);
  }
}

TEST_CASE("a stream that breaks the rules is refused with the rule's words") {
  const auto outside = TimeOf(
      SmallParams(), {Moves(Opcode::kLoad, Region::kL2, 0, 0xffff, 1024)});
  REQUIRE(!outside);
  CHECK(outside.error().message.starts_with("s: command 0: LD"));
  Params many;
  many.cores = 17;
  const auto timing = Timing::Make(many);
  REQUIRE(!timing);
  CHECK(timing.error().message == "cores: 17; the commands allow 1 to 16");
}

}  // namespace
}  // namespace triptych::npu
