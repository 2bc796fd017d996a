// Cycles worked out by hand from the sources that pipeline.h names, against
// the clock.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/riscv/timing.h"

#include <doctest/doctest.h>

#include <vector>

#include "tests/emulators/mesh/riscv/assembler.h"
#include "tests/emulators/mesh/riscv/machine.h"

namespace triptych::mesh::riscv {
namespace {

// Instructions by hand; each returns the cycle at which it issued.
class Clock {
 public:
  explicit Clock(const PipelineParams& params) : timing(params) {}

  uint64_t Alu(uint8_t rd = kSink, uint8_t a = 0, uint8_t b = 0) {
    const uint64_t t = timing.Issue({.rd = rd, .rs1 = a, .rs2 = b});
    timing.Alu(t, rd);
    return t;
  }
  uint64_t Load(uint8_t rd, uint32_t address, Latency where = Latency::kL1,
                uint8_t a = 0) {
    const uint64_t t =
        timing.LoadAt(timing.Issue({.rd = rd, .rs1 = a}), where, address, 4);
    timing.Load(t, rd, where, address);
    return t;
  }
  uint64_t Store(uint32_t address, Latency where = Latency::kL1,
                 uint32_t size = 4) {
    const uint64_t t = timing.StoreAt(timing.Issue({}), where, address);
    timing.Store(t, where, address, size);
    return t;
  }
  uint64_t Multiply(uint8_t rd) {
    const uint64_t t = timing.Issue({.rd = rd});
    timing.Multiply(t, rd);
    return t;
  }
  uint64_t Divide(uint32_t a, uint32_t b, bool is_signed) {
    const uint64_t before = timing.Issue({});
    timing.Divide(before, 5, a, b, is_signed);
    return timing.next() - before;
  }

  Timing timing;
};

using Cycles = std::vector<uint64_t>;

const PipelineParams kWormhole = WormholePipeline(BabyCore::kB);
const PipelineParams kBlackhole = BlackholePipeline(BabyCore::kB);

TEST_CASE("a load's latency is that of its region") {
  for (const PipelineParams& params : {kWormhole, kBlackhole}) {
    const auto latency = [&](Latency where) {
      Clock c(params);
      const uint64_t t = c.Load(5, 0x100, where);
      return c.Alu(6, 5) - t;
    };
    CHECK(latency(Latency::kLocal) == 2);
    CHECK(latency(Latency::kSync) == 3);
    CHECK(latency(Latency::kConfig) == 4);
    CHECK(latency(Latency::kTile) == 7);
    CHECK(latency(Latency::kL1) == 8);
  }
}

TEST_CASE("seven independent instructions hide a load from L1") {
  for (const PipelineParams& params : {kWormhole, kBlackhole}) {
    Clock c(params);
    CHECK(c.Load(5, 0x100) == 0);
    for (uint64_t t = 1; t <= 7; ++t) CHECK(c.Alu() == t);
    CHECK(c.Alu(6, 5) == 8);
  }
}

TEST_CASE("the retire queue holds eight") {
  PipelineParams slow = kBlackhole;
  slow.load_latency[4] = 20;
  Clock black(slow);
  black.Load(5, 0x100);
  for (uint64_t t = 1; t <= 7; ++t) CHECK(black.Alu() == t);
  CHECK(black.Alu() == 20);  // the load's place is free when it retires

  slow = kWormhole;
  slow.load_latency[4] = 20;
  Clock worm(slow);
  worm.Load(5, 0x100);
  for (uint64_t t = 1; t <= 7; ++t) CHECK(worm.Alu() == t);
  CHECK(worm.Alu() == 19);  // takes its place a cycle after it issues
}

TEST_CASE("Wormhole hands results on only as they enter or leave") {
  Clock next(kWormhole);
  next.Load(5, 0x100);         // 0, leaves the unit at 8
  CHECK(next.Alu(6) == 1);     // behind it: leaves at 9
  CHECK(next.Alu(7, 6) == 2);  // takes x6 as it enters
  CHECK(next.Alu(8, 7) == 3);
  Clock late(kWormhole);
  late.Load(5, 0x100);
  CHECK(late.Alu(6) == 1);
  CHECK(late.Alu() == 2);
  CHECK(late.Alu(7, 6) == 9);  // x6 is inside: wait until it leaves
  Clock black(kBlackhole);
  black.Load(5, 0x100);
  CHECK(black.Alu(6) == 1);
  CHECK(black.Alu() == 2);
  CHECK(black.Alu(7, 6) == 3);  // any result there is can be had
}

TEST_CASE("Wormhole sustains four loads every N - 1 cycles") {
  Clock c(kWormhole);
  Cycles issued;
  for (uint8_t i = 0; i < 9; ++i) {
    issued.push_back(c.Load(static_cast<uint8_t>(10 + i), 0x100u + 64u * i));
  }
  CHECK(issued == Cycles{0, 1, 2, 3, 7, 8, 9, 10, 14});
  // Local loads: one a cycle.
  Clock local(kWormhole);
  for (uint64_t i = 0; i < 9; ++i) {
    CHECK(local.Load(static_cast<uint8_t>(10 + i), 0, Latency::kLocal) == i);
  }
}

TEST_CASE("multiplication blocks on Wormhole, is pipelined on Blackhole") {
  Clock worm(kWormhole);
  CHECK(worm.Multiply(5) == 0);
  CHECK(worm.Alu() == 2);
  Clock black(kBlackhole);
  CHECK(black.Multiply(5) == 0);
  CHECK(black.Multiply(6) == 1);
  CHECK(black.Alu(7, 6) == 3);
}

TEST_CASE("division takes as long as its dividend has bits") {
  Clock c(kWormhole);
  CHECK(c.Divide(100, 0, true) == 2);
  CHECK(c.Divide(100, 1, false) == 2);
  CHECK(c.Divide(0x80000000, 0xffffffff, true) == 2);
  CHECK(c.Divide(0x80000000, 0xffffffff, false) == 33);
  CHECK(c.Divide(3, 2, true) == 6);
  CHECK(c.Divide(0xffffffff, 2, true) == 6);  // -1
  CHECK(c.Divide(0xffffffff, 2, false) == 33);
  CHECK(c.Divide(0xffff, 2, false) == 17);
}

TEST_CASE("a misprediction costs two or four cycles") {
  for (const auto& [params, bubble] :
       {std::pair{kWormhole, 2u}, std::pair{kBlackhole, 4u}}) {
    Clock c(params);
    // Counters begin at weakly not taken.
    c.timing.Branch(c.timing.Issue({}), 0x40, false);
    CHECK(c.timing.next() == 1);
    c.timing.Branch(c.timing.Issue({}), 0x40, true);
    CHECK(c.timing.next() == 2 + bubble);
    CHECK(c.timing.stats().mispredictions == 1);
    const uint64_t before = c.timing.next();
    c.timing.IndirectJump(before, kSink, 0x80, 0x1000);
    CHECK(c.timing.next() == before + 1 + bubble);
    c.timing.IndirectJump(c.timing.next(), kSink, 0x80, 0x1000);
    CHECK(c.timing.next() == before + 2 + bubble);
  }
}

TEST_CASE("stores to L1 leave one every five cycles, four may wait") {
  Clock c(kWormhole);
  Cycles issued;
  for (uint32_t i = 0; i < 8; ++i) issued.push_back(c.Store(64 * i));
  // Leaving at 2, 7, 12, 17, ...; the place of the fourth before is needed.
  CHECK(issued == Cycles{0, 1, 2, 3, 4, 6, 11, 16});
  // Elsewhere one a cycle.
  Clock config(kWormhole);
  for (uint32_t i = 0; i < 8; ++i) {
    CHECK(config.Store(4 * i, Latency::kConfig) == i);
  }
}

TEST_CASE("Blackhole joins stores to whole lines") {
  Clock whole(kBlackhole);
  for (uint32_t i = 0; i < 64; ++i) CHECK(whole.Store(4 * i) == i);
  CHECK(whole.timing.stats().coalesced_stores == 48);
  // A line each cannot be joined: as on Wormhole but for when the first may
  // leave (at 3: only the second store ends its wait).
  Clock apart(kBlackhole);
  Cycles issued;
  for (uint32_t i = 0; i < 8; ++i) issued.push_back(apart.Store(64 * i));
  CHECK(issued == Cycles{0, 1, 2, 3, 4, 7, 12, 17});
  // Starts further apart than 4 bytes are not joined, even in one line.
  Clock far(kBlackhole);
  far.Store(0);
  far.Store(8);
  CHECK(far.timing.stats().coalesced_stores == 0);
}

TEST_CASE("a load waits for a store of the same bytes") {
  Clock black(kBlackhole);
  black.Store(0x100);  // 0: waits for company
  // The queue is drained: the store leaves at 3, the load enters then.
  CHECK(black.Load(5, 0x100) == 2);
  Clock other(kBlackhole);
  other.Store(0x100);
  CHECK(other.Load(5, 0x104) == 1);  // other bytes: goes ahead
  Clock worm(kWormhole);
  worm.Store(0x100);
  worm.Store(0x200);  // leaves at 7
  CHECK(worm.Load(5, 0x200) == 6);
  Clock inside(kWormhole);
  inside.Store(0x100);
  inside.Store(0x200);
  CHECK(inside.Load(5, 0x202) == 2);  // only where accesses start counts
}

TEST_CASE("the L0 data cache has four lines, first in, first out") {
  Clock c(kBlackhole);
  CHECK(c.Load(5, 0x100) == 0);
  CHECK(c.Load(6, 0x104) == 1);  // in the same line, which comes at 8
  CHECK(c.Alu(7, 6) == 8);
  const uint64_t hit = c.Load(5, 0x108);
  CHECK(c.Alu(7, 5) == hit + 2);
  for (uint32_t i = 1; i <= 4; ++i) c.Load(5, 0x100 + 64 * i);
  const uint64_t evicted = c.Load(5, 0x100);
  CHECK(c.Alu(7, 5) == evicted + 8);
  // A store to the line takes it out.
  c.Store(0x104);
  c.timing.NotBefore(1000);
  CHECK(c.Load(5, 0x100) == 1000);
  CHECK(c.Alu(7, 5) == 1008);
}

TEST_CASE("atomics and fences wait for what was before them") {
  Clock c(kBlackhole);
  const uint64_t load = c.Load(5, 0x100);
  const uint64_t at = c.timing.AtomicAt(c.timing.Issue({}));
  CHECK(at == load + 7);  // enters the unit as the load's result arrives
  c.timing.Atomic(at, 6, Latency::kL1);
  CHECK(c.Alu(7, 6) == at + 12);

  Clock fence(kBlackhole);
  fence.Store(0x100);  // 0, leaves at 3 as the fence ends its wait
  const uint64_t t = fence.timing.FenceAt(fence.timing.Issue({}));
  CHECK(t == 2);
  fence.timing.Fence(t);
  CHECK(fence.timing.next() == 4);  // retired: issue, load/store unit
  CHECK(fence.Load(5, 0x100) == 4);
  CHECK(fence.timing.stats().data_misses == 1);

  Clock worm(kWormhole);  // a nop there
  worm.Store(0x100);
  worm.timing.Fence(worm.timing.FenceAt(worm.timing.Issue({})));
  CHECK(worm.timing.next() == 2);
}

TEST_CASE("straight code waits for its first line alone") {
  Clock c(kBlackhole);
  Cycles starts;
  for (uint32_t pc = 0; pc < 160; pc += 4) {
    if (pc % 16 == 0) c.timing.Fetch(pc);
    const uint64_t t = c.Alu();
    if (pc % 16 == 0) starts.push_back(t);
  }
  CHECK(starts == Cycles{8, 12, 16, 20, 24, 28, 32, 36, 40, 44});
  CHECK(c.timing.stats().icache_misses == 1);
  // Far away: a miss. Back: still there. 2 KiB on: in the same place.
  c.timing.Fetch(0x400);
  CHECK(c.timing.next() == 56);
  c.timing.Fetch(0x10);
  CHECK(c.timing.next() == 56);
  c.timing.Fetch(0x810);
  c.timing.Fetch(0x10);
  CHECK(c.timing.stats().icache_misses == 4);
}

TEST_CASE("equal states are equal after time was shifted") {
  Clock c(kBlackhole);
  c.Load(5, 0x100);
  c.Store(0x200);
  c.Multiply(6);
  std::vector<uint64_t> before, after;
  c.timing.AppendState(&before);
  c.timing.Shift(1000);
  c.timing.AppendState(&after);
  CHECK(before == after);
  c.Alu(9, 5);
  std::vector<uint64_t> later;
  c.timing.AppendState(&later);
  CHECK(before != later);
}

// Cycles a round of a loop takes once it is warm, on a core.
double RoundCycles(const PipelineParams& params,
                   const std::vector<uint32_t>& body) {
  std::vector<uint32_t> code = body;
  code.push_back(I("addi", 31, 31, -1));
  code.push_back(Branch("bne", 31, 0, -4 * static_cast<int>(body.size()) - 4));
  Append(&code, Exit(0));
  const auto cycles = [&](uint32_t rounds) {
    auto ram = std::make_shared<Ram>(4096);
    WriteWords(ram.get(), 0, code);
    Core core(ConfigOf({.timed = true, .pipeline = params}), MapOf({}, ram));
    core.Reset(0);
    core.set_x(31, rounds);
    core.set_x(10, 0x800);
    core.set_x(11, kLocalBase);
    CHECK(core.RunUntil(~uint64_t{0}) == Stop::kExited);
    return core.now();
  };
  return static_cast<double>(cycles(300) - cycles(100)) / 200;
}

TEST_CASE("loops take what their slowest part takes") {
  // Two instructions of the loop itself, one cycle each.
  CHECK(RoundCycles(kWormhole, {Nop(), Nop()}) == 4);
  CHECK(RoundCycles(kBlackhole, {Nop(), Nop()}) == 4);
  // load at t, use at t + 8, counter, branch: 11.
  const std::vector<uint32_t> use = {I("lw", 5, 10, 0), I("addi", 6, 5, 1)};
  CHECK(RoundCycles(kWormhole, use) == 11);
  // On Blackhole it hits the L0 data cache: 2 + 3.
  CHECK(RoundCycles(kBlackhole, use) == 5);
  const std::vector<uint32_t> local = {I("lw", 5, 11, 0), I("addi", 6, 5, 1)};
  CHECK(RoundCycles(kWormhole, local) == 5);
  // A store to the same word each round: 5 on both.
  CHECK(RoundCycles(kWormhole, {Store("sw", 5, 10, 0)}) == 5);
  // mul blocks for two cycles on Wormhole alone.
  CHECK(RoundCycles(kWormhole, {R("mul", 5, 6, 7)}) == 4);
  CHECK(RoundCycles(kBlackhole, {R("mul", 5, 6, 7)}) == 3);
}

}  // namespace
}  // namespace triptych::mesh::riscv
