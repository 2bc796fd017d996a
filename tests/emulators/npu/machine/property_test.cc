// What holds for any stream: the same result each time, nothing lost, parts
// busy with one thing at a time, events in order, and more of a resource never
// slower.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "emulators/npu/isa/walk.h"
#include "tests/emulators/npu/isa/random_stream.h"
#include "tests/emulators/npu/machine/machine.h"

namespace triptych::npu {
namespace {

Params ParamsFor(const MachineSize& machine) {
  Params p = SmallParams(machine.cores);
  p.array_rows = machine.array_rows;
  p.array_cols = machine.array_cols;
  p.dram = {};
  return p;
}

struct Timed {
  TimingReport report;
  std::vector<Work> work;
};

Timed TimeStream(const Params& params, const Stream& stream) {
  auto timing = Timing::Make(params);
  REQUIRE(timing);
  KeepWork keep;
  auto report = timing->Run(stream, {.sink = &keep});
  REQUIRE_MESSAGE(report, (report ? "" : report.error().message));
  return {*std::move(report), std::move(keep.all)};
}

bool Same(const Work& a, const Work& b) {
  return a.mark == b.mark && a.command == b.command && a.core == b.core &&
         a.part == b.part && a.begin == b.begin && a.end == b.end &&
         a.start == b.start && a.done == b.done && a.counts == b.counts;
}

// The parts of a core or of all, and their intervals.
void CheckIntervals(const Timed& timed) {
  std::map<std::pair<int, int>, int64_t> last;
  for (const Work& w : timed.work) {
    const bool shared = static_cast<int>(w.part) >= kCoreParts;
    int64_t& end = last[{shared ? -1 : w.core, static_cast<int>(w.part)}];
    CHECK(w.begin >= end);
    CHECK(w.end >= w.begin);
    CHECK(w.done >= w.start);
    CHECK(w.done <= timed.report.cycles);
    end = w.end;
  }
  for (const CoreReport& core : timed.report.cores) {
    for (const int64_t busy : core.busy) CHECK(busy <= timed.report.cycles);
  }
  CHECK(timed.report.dram_busy <= timed.report.cycles);
  CHECK(timed.report.l2_busy <= timed.report.cycles);
}

// Counts as a walk over the stream has them, without times.
void CheckConservation(const Stream& stream, const Timed& timed) {
  uint64_t macs = 0, dram = 0, l2 = 0, commands = 0;
  for (int core = 0; core < stream.machine().cores; ++core) {
    FrontEnd front(stream, core);
    Issue issue;
    while (front.Next(issue)) {
      const Operands& o = issue.command->operands;
      if (issue.command->opcode == Opcode::kMatmul) {
        macs += uint64_t{o.matmul.rows} * issue.k * issue.n;
      }
      const Opcode op = issue.command->opcode;
      if (op != Opcode::kLoad && op != Opcode::kStore &&
          op != Opcode::kGather) {
        continue;
      }
      const uint64_t bytes = uint64_t{o.dma.size0} * o.dma.size1 * o.dma.size2;
      const bool shared =
          op == Opcode::kLoad && (issue.command->flags & kMulticast) != 0;
      const uint16_t mask = issue.command->cores;
      // Of a multicast, its first core counts the bytes.
      const bool first =
          mask == 0 ? core == 0 : (mask & ((1u << core) - 1)) == 0;
      if (shared && !first) continue;
      (static_cast<Region>(o.dma.region) == Region::kL2 ? l2 : dram) += bytes;
    }
    commands += front.decoded();
  }
  const TimingReport& r = timed.report;
  CHECK(r[Act::kMac] == macs);
  CHECK(r[Act::kL2Byte] == l2);
  CHECK(r.dram.read_bytes + r.dram.write_bytes == dram);
  CHECK(r[Act::kDramByte] == r.dram.bursts * 64);
  CHECK(r[Act::kDramByte] >= dram);
  CHECK(r[Act::kDramActivation] == r.dram.activations);
  CHECK(r[Act::kCommand] == commands);
  // What the sink saw is what the report has, decoding apart.
  Counts sum{};
  for (const Work& w : timed.work) {
    for (size_t a = 0; a < kActs; ++a) sum[a] += w.counts[a];
  }
  sum[0] = r.counts[0];
  CHECK(sum == r.counts);
}

// At no time have more credits been taken than given: of each event of each
// core between two barriers, the n-th command that waits starts after the n-th
// credit.
void CheckEvents(const Stream& stream, const Timed& timed) {
  for (int core = 0; core < stream.machine().cores; ++core) {
    // Work of this core's queues by command, in the order they happened.
    std::map<uint32_t, std::vector<const Work*>> by_command;
    for (const Work& w : timed.work) {
      const bool queue = w.part != Part::kL2 && w.part != Part::kDram;
      if (w.core == core && queue) by_command[w.command].push_back(&w);
    }
    for (auto& [command, list] : by_command) {
      std::ranges::sort(list, {}, &Work::start);
    }
    std::map<uint32_t, size_t> used;
    std::array<std::vector<int64_t>, kEvents> given, taken;
    const auto check = [&] {
      for (size_t e = 1; e < kEvents; ++e) {
        std::ranges::sort(given[e]);
        std::ranges::sort(taken[e]);
        REQUIRE(taken[e].size() <= given[e].size());
        for (size_t i = 0; i < taken[e].size(); ++i) {
          CHECK(taken[e][i] >= given[e][i]);
        }
        given[e].clear();
        taken[e].clear();
      }
    };
    FrontEnd front(stream, core);
    Issue issue;
    while (front.Next(issue)) {
      const Command& c = *issue.command;
      if (c.opcode == Opcode::kBarrier) check();
      if (c.opcode == Opcode::kEvent) {
        given[c.operands.credit.event].insert(
            given[c.operands.credit.event].end(), c.operands.credit.count, 0);
      }
      if ((c.wait[0] | c.wait[1] | c.signal[0] | c.signal[1]) == 0) continue;
      const auto& list = by_command[issue.index];
      // Commands of strides leave no work: they only pass credits on.
      if (list.empty()) return;
      const Work& w = *list[used[issue.index]++];
      for (const uint8_t e : c.wait) {
        if (e != 0) taken[e].push_back(w.start);
      }
      for (const uint8_t e : c.signal) {
        if (e != 0) given[e].push_back(w.done);
      }
    }
    check();
  }
}

TEST_CASE("random streams") {
  int with_events = 0;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    CAPTURE(seed);
    const RandomStream random = MakeRandomStream(seed, 120);
    const auto stream =
        Stream::Check(random.commands, random.machine, "random");
    REQUIRE_MESSAGE(stream, (stream ? "" : stream.error().message));
    const Params params = ParamsFor(random.machine);
    const Timed once = TimeStream(params, *stream);
    const Timed twice = TimeStream(params, *stream);
    CHECK(once.report.cycles == twice.report.cycles);
    CHECK(std::ranges::equal(once.work, twice.work, Same));
    CheckIntervals(once);
    CheckConservation(*stream, once);
    CheckEvents(*stream, once);
    for (const Command& c : random.commands) with_events += c.wait[0] != 0;
  }
  MESSAGE(with_events, " commands with events");
  CHECK(with_events > 100);
}

// A layer's product as the machine is meant to work: weights come in double
// buffers, each tile is multiplied, its sums leave through the vector unit.
std::vector<Command> TiledProduct(int tiles, uint16_t rows, bool store) {
  std::vector<Command> c = {
      Give(1, 2), Give(3, 2),
      OnRegister(Opcode::kAddCore, 1, 4 * kMiB + 37 * 1024)};
  const uint32_t bytes = 16 * 16;
  for (int t = 0; t < tiles; ++t) {
    const auto half = static_cast<uint32_t>(t % 2);
    c.push_back(Signals(Waits(Moves(Opcode::kLoad, Region::kWeights,
                                    static_cast<uint32_t>(t) * bytes,
                                    0x2000 + half * bytes, bytes, 1, 1),
                              1),
                        2));
    c.push_back(Signals(Waits(Weights(0x2000 + half * bytes, 16, 16), 2), 1));
    c.push_back(Signals(Waits(Product(0x4000, half * 128, rows, kSwap), 3), 4));
    Command dq = Plain(Opcode::kDequantize);
    dq.operands.dequantize = {half * 128, 0x8000, 0, kNoOperand,
                              kNoOperand, rows,   16};
    c.push_back(Signals(Waits(dq, 4), 3, store ? 5 : 0));
    if (store) {
      c.push_back(Waits(
          Moves(Opcode::kStore, Region::kActivations,
                static_cast<uint32_t>(t) * rows * 64, 0x8000, rows * 64u, 1, 1),
          5));
    }
  }
  return c;
}

int64_t CyclesOf(const Params& p, const std::vector<Command>& commands) {
  return MustTime(p, commands).cycles;
}

struct More {
  const char* what;
  void (*add)(Params&);
};
constexpr More kMore[] = {
    {"pins", [](Params& p) { p.dram.peak_gb_per_s *= 2; }},
    {"channels",
     [](Params& p) {
       p.dram.channels *= 2;
       p.dram.peak_gb_per_s *= 2;
     }},
    {"banks", [](Params& p) { p.dram.banks *= 2; }},
    {"outstanding", [](Params& p) { p.dma.outstanding *= 2; }},
    {"beats", [](Params& p) { p.dma.beat_bytes *= 2; }},
    {"load channels", [](Params& p) { p.dma.load_channels *= 2; }},
    {"store channels", [](Params& p) { p.dma.store_channels *= 2; }},
    {"scratchpad banks", [](Params& p) { p.chip.scratchpad_banks *= 2; }},
    {"accumulator banks", [](Params& p) { p.chip.accumulator_banks *= 2; }},
    {"l2 banks", [](Params& p) { p.chip.l2_banks *= 2; }},
    {"lanes", [](Params& p) { p.vector_lanes *= 2; }},
    {"latency", [](Params& p) { p.dram.latency_ns /= 2; }},
    {"dispatch", [](Params& p) { p.front.dispatch_cycles = 0; }},
    {"queues", [](Params& p) { p.front.queue_depth *= 2; }},
};

// How much longer is tolerated, and why. With banks in the DRAM, whatever
// moves addresses to other banks or changes the order in which requests come
// may close a row that would have been open: an anomaly of list schedules (R.
// Graham, Bounds on multiprocessing timing anomalies, 1969). Without, only
// deeper queues do: they let loads of later tiles in before this one's stores.
double Tolerated(const Params& params, const More& more) {
  if (params.dram.model != "ideal") return 0.12;
  return std::string(more.what) == "queues" ? 0.003 : 0;
}

TEST_CASE("more of a resource never takes longer") {
  for (const char* model : {"ideal", "rows"}) {
    for (const int cores : {1, 4}) {
      for (const uint16_t rows : {uint16_t{1}, uint16_t{8}, uint16_t{40}}) {
        for (const bool store : {false, true}) {
          Params base = SmallParams(cores);
          base.dram = {};
          base.dram.model = model;
          base.front.queue_depth = 8;
          const auto commands = TiledProduct(60, rows, store);
          const int64_t before = CyclesOf(base, commands);
          for (const More& more : kMore) {
            CAPTURE(std::string(model));
            CAPTURE(cores);
            CAPTURE(rows);
            CAPTURE(store);
            CAPTURE(std::string(more.what));
            Params p = base;
            more.add(p);
            const double allowed = Tolerated(base, more);
            CHECK(static_cast<double>(CyclesOf(p, commands)) <=
                  static_cast<double>(before) * (1 + allowed));
          }
        }
      }
    }
  }
}

TEST_CASE("one burst at a time or a row at once: the same to 2 %") {
  for (const int cores : {1, 4}) {
    for (const uint16_t rows : {uint16_t{1}, uint16_t{40}}) {
      Params p = SmallParams(cores);
      p.dram = {};
      const auto commands = TiledProduct(200, rows, true);
      const auto at_once = static_cast<double>(CyclesOf(p, commands));
      p.dram.model = "bursts";
      const auto bursts = static_cast<double>(CyclesOf(p, commands));
      CAPTURE(cores);
      CAPTURE(rows);
      CHECK(at_once / bursts == doctest::Approx(1).epsilon(0.02));
    }
  }
}

TEST_CASE("the bound that binds is met") {
  // 60 tiles of 40 rows, summed up: the array takes 40 cycles each, and the
  // first weights and the last sums a little more.
  Params p = SmallParams();
  std::vector<Command> c = {Give(1, 4)};
  for (uint32_t t = 0; t < 60; ++t) {
    const uint32_t at = 0x2000 + t % 4 * 256;
    c.push_back(Signals(
        Waits(Moves(Opcode::kLoad, Region::kWeights, t * 256, at, 256), 1), 2));
    c.push_back(Signals(Waits(Weights(at, 16, 16), 2), 1));
    c.push_back(Product(0x4000, 0, 40, t == 0 ? kSwap : kSwap | kAccumulate));
  }
  const int64_t cycles = CyclesOf(p, c);
  CHECK(cycles >= 60 * 40);
  CHECK(cycles <= 60 * 40 + 200);
  // One row each: 256 B of weights a tile, 16 cycles to shift them in.
  const TimingReport r = MustTime(p, TiledProduct(60, 1, false));
  CHECK(r.cycles >= 60 * 16);
  CHECK(r.busy(0, Part::kWeights) == 60 * 16);
}

}  // namespace
}  // namespace triptych::npu
