// Cores that share memory: the same results for every quantum, with and
// without sleep, on one host thread and on two.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/riscv/group.h"

#include <doctest/doctest.h>

#include <deque>
#include <thread>
#include <utility>
#include <vector>

#include "tests/emulators/mesh/riscv/assembler.h"
#include "tests/emulators/mesh/riscv/machine.h"

namespace triptych::mesh::riscv {
namespace {

constexpr uint32_t kMine = 0x800, kTheirs = 0x840, kCount = 60;

// Waits for the word at x10 to be 1, 2, ...; answers each in the one at x11
// after x13 rounds of its own. Who begins has x14 != 0.
std::vector<uint32_t> PingPong(bool fence) {
  std::vector<uint32_t> code = {
      I("addi", 5, 0, 0),        // 0: number of the round
      Branch("bne", 14, 0, 20),  // 4: who begins skips the wait
      I("addi", 5, 5, 1),        // 8
      I("lw", 6, 10, 0),         // 12: wait
      fence ? Word("fence", {.imm = 0xff}) : Nop(),
      Branch("bne", 6, 5, -8),    // 20
      I("addi", 7, 13, 0),        // 24: work
      I("addi", 7, 7, -1),        // 28
      Branch("bne", 7, 0, -4),    // 32
      R("add", 8, 5, 14),         // 36
      Store("sw", 8, 11, 0),      // 40
      I("addi", 13, 13, 1),       // 44
      I("addi", 9, 0, kCount),    // 48
      Branch("blt", 8, 9, -44)};  // 52: to 8
  code[1] = Branch("bne", 14, 0, 20);
  Append(&code, Exit(0));
  return code;
}

struct Outcome {
  std::vector<uint64_t> numbers;
  bool operator==(const Outcome&) const = default;
};

Outcome OutcomeOf(Group& group) {
  Outcome o;
  for (size_t i = 0; i < group.size(); ++i) {
    const Core& c = group.core(i);
    const TimingStats& s = c.stats();
    for (const uint64_t n :
         {c.instructions(), c.now(), uint64_t{c.x(6)}, s.wait_cycles,
          s.memory_cycles, s.fetch_cycles, s.branch_cycles, s.icache_misses,
          s.mispredictions, s.data_hits, s.data_misses, s.coalesced_stores}) {
      o.numbers.push_back(n);
    }
  }
  return o;
}

struct Setting {
  PipelineParams pipeline;
  bool timed = true, fence = false, sleep = true;
  uint64_t quantum = ~uint64_t{0};
};

Outcome RunPingPong(const Setting& s) {
  auto ram = std::make_shared<Ram>(4096);
  WriteWords(ram.get(), 0, PingPong(s.fence));
  Group group;
  const MachineOptions options{.timed = s.timed, .pipeline = s.pipeline};
  for (int i = 0; i < 2; ++i) {
    CoreConfig config = ConfigOf(options);
    config.sleep = s.sleep;
    Core& core = group.Add(std::move(config), MapOf(options, ram));
    core.Reset(0);
    core.set_x(10, i == 0 ? kMine : kTheirs);
    core.set_x(11, i == 0 ? kTheirs : kMine);
    // One works long enough for the other to fall asleep.
    core.set_x(13, i == 0 ? 3 : 2000);
    core.set_x(14, i == 0 ? 1 : 0);
  }
  Group::State state = Group::State::kLimit;
  for (uint64_t t = 0; state == Group::State::kLimit;) {
    t = s.quantum > ~uint64_t{0} - t ? ~uint64_t{0} : t + s.quantum;
    state = group.RunUntil(t);
  }
  CHECK(state == Group::State::kDone);
  CHECK(ReadWord(*ram, kMine) >= kCount - 1);
  return OutcomeOf(group);
}

TEST_CASE("ping-pong is the same for any quantum, awake or asleep") {
  for (const PipelineParams& pipeline :
       {WormholePipeline(BabyCore::kB), BlackholePipeline(BabyCore::kB)}) {
    for (const bool fence : {false, true}) {
      for (const bool timed : {false, true}) {
        CAPTURE(fence);
        CAPTURE(timed);
        Setting s{.pipeline = pipeline, .timed = timed, .fence = fence};
        const Outcome whole = RunPingPong(s);
        s.sleep = false;
        CHECK(RunPingPong(s) == whole);
        for (const uint64_t quantum : {7u, 100u, 5000u}) {
          s.quantum = quantum;
          s.sleep = true;
          CAPTURE(quantum);
          CHECK(RunPingPong(s) == whole);
        }
      }
    }
  }
}

TEST_CASE("who polls does sleep, and wakes in time") {
  auto ram = std::make_shared<Ram>(4096);
  WriteWords(ram.get(), 0,
             std::vector<uint32_t>{I("lw", 5, 0, 0x400),
                                   Branch("beq", 5, 0, -4), Word("ebreak")});
  Group group;
  const MachineOptions options{.timed = true,
                               .pipeline = WormholePipeline(BabyCore::kB)};
  Core& core = group.Add(ConfigOf(options), MapOf(options, ram));
  core.Reset(0);
  CHECK(group.RunUntil(100000) == Group::State::kIdle);
  CHECK(core.stop() == Stop::kAsleep);
  // load, use 8 cycles later, next load a cycle after that: 9 a round.
  const uint64_t slept = core.instructions();
  CHECK(group.RunUntil(190000) == Group::State::kIdle);
  CHECK(core.instructions() - slept == 2 * 90000 / 9);
  // A neighbour in the same granule wakes nobody, the word itself does.
  group.Post({1000000, ram, 0x404, {4, std::byte{1}}});
  CHECK(group.RunUntil(2000000) == Group::State::kIdle);
  CHECK(core.stop() == Stop::kAsleep);
  group.Post({3000000, ram, 0x400, {4, std::byte{1}}});
  CHECK(group.RunUntil(~uint64_t{0}) == Group::State::kTrap);
  CHECK(core.x(5) == 0x01010101);
  CHECK(core.now() >= 3000000);
  CHECK(core.now() < 3000000 + 9 + 8 + 1 + 2 + 8);
}

TEST_CASE("a loop whose rounds differ is not taken for one that repeats") {
  // Two loads a round, of which Wormhole sustains four in seven cycles: rounds
  // of three and of four cycles take turns, with the same registers.
  const auto run = [](bool sleep) {
    auto ram = std::make_shared<Ram>(4096);
    WriteWords(ram.get(), 0,
               std::vector<uint32_t>{I("lw", 5, 0, 0x400), I("lw", 6, 0, 0x440),
                                     Jal(0, -8)});
    Group group;
    const MachineOptions options{.timed = true,
                                 .pipeline = WormholePipeline(BabyCore::kB)};
    CoreConfig config = ConfigOf(options);
    config.sleep = sleep;
    group.Add(config, MapOf(options, ram)).Reset(0);
    group.RunUntil(70000);
    return static_cast<double>(group.core(0).instructions());
  };
  CHECK(run(false) == doctest::Approx(70000 / 3.5 * 3).epsilon(0.001));
  CHECK(run(true) == doctest::Approx(run(false)).epsilon(0.001));
}

// A queue from one core to another, as mailboxes are: reading waits.
class Mailbox : public Device {
 public:
  explicit Mailbox(Group* group) : group_(group) {}
  DeviceReply Access(const DeviceRequest& r) override {
    log.push_back(r.cycle);
    if (r.write) {
      queue_.push_back(r.value);
      if (reader_ >= 0) {
        group_->Wake(static_cast<size_t>(reader_), r.cycle + 1);
      }
      return {};
    }
    reader_ = queue_.empty() ? static_cast<int>(r.core) : -1;
    if (queue_.empty()) return {.kind = DeviceReply::kWait};
    const uint32_t value = queue_.front();
    queue_.pop_front();
    return {.value = value};
  }
  std::vector<uint64_t> log;

 private:
  Group* group_;
  std::deque<uint32_t> queue_;
  int reader_ = -1;
};

Outcome RunMailbox(uint64_t quantum, std::vector<uint64_t>* log) {
  constexpr uint32_t kBox = 0xFFEC0000;
  auto ram = std::make_shared<Ram>(4096);
  std::vector<uint32_t> send = {
      I("addi", 7, 7, -1),   Branch("bne", 7, 0, -4),  // later and later
      Store("sw", 5, 10, 0), I("addi", 5, 5, -1),
      I("addi", 7, 5, 50),   Branch("bge", 5, 0, -20)};
  Append(&send, Exit(0));
  std::vector<uint32_t> receive = {I("lw", 6, 10, 0), R("add", 8, 8, 6),
                                   Store("sw", 8, 0, 0x700),
                                   Branch("bne", 6, 0, -12)};
  Append(&receive, Exit(0));
  WriteWords(ram.get(), 0, send);
  WriteWords(ram.get(), 0x100, receive);
  Group group;
  auto box = std::make_shared<Mailbox>(&group);
  const MachineOptions options{.timed = true};
  for (int i = 0; i < 2; ++i) {
    Core& core = group.Add(ConfigOf(options), MapOf(options, ram,
                                                    {{.name = "mailbox",
                                                      .base = kBox,
                                                      .size = 4096,
                                                      .latency = Latency::kSync,
                                                      .device = box}}));
    core.Reset(i == 0 ? 0 : 0x100);
    core.set_x(10, kBox);
    core.set_x(5, 20);
    core.set_x(7, 30);
  }
  Group::State state = Group::State::kLimit;
  for (uint64_t t = quantum; state == Group::State::kLimit; t += quantum) {
    state = group.RunUntil(t);
  }
  CHECK(state == Group::State::kDone);
  CHECK(ReadWord(*ram, 0x700) == 20 * 21 / 2);
  *log = box->log;
  return OutcomeOf(group);
}

TEST_CASE("devices are asked in order, make cores wait and wake them") {
  std::vector<uint64_t> log, other;
  const Outcome whole = RunMailbox(1000000, &log);
  CHECK(std::ranges::is_sorted(log));
  CHECK(log.size() > 42);  // 21 of each, and some that waited
  for (const uint64_t quantum : {1u, 10u, 333u}) {
    CHECK(RunMailbox(quantum, &other) == whole);
    CHECK(other == log);
  }
}

// Two tiles, each with a core that answers the other's words by way of a
// device which delivers 19 cycles later, one hop of a NoC.
constexpr uint64_t kHop = 19;
constexpr uint32_t kLink = 0xFFB20000;

class Link : public Device {
 public:
  DeviceReply Access(const DeviceRequest& r) override {
    sent.emplace_back(r.cycle + kHop, r.value);
    return {};
  }
  std::vector<std::pair<uint64_t, uint32_t>> sent;
};

struct Tile {
  std::shared_ptr<Ram> ram = std::make_shared<Ram>(4096);
  std::shared_ptr<Link> link = std::make_shared<Link>();
  Group group;
};

Outcome RunTiles(uint64_t quantum, int threads) {
  Tile tiles[2];
  const MachineOptions options{.timed = true};
  for (int i = 0; i < 2; ++i) {
    Tile& tile = tiles[i];
    WriteWords(tile.ram.get(), 0, PingPong(false));
    Core& core =
        tile.group.Add(ConfigOf(options), MapOf(options, tile.ram,
                                                {{.name = "noc",
                                                  .base = kLink,
                                                  .size = 4096,
                                                  .latency = Latency::kTile,
                                                  .device = tile.link}}));
    core.Reset(0);
    core.set_x(10, kMine);
    core.set_x(11, kLink);
    core.set_x(13, i == 0 ? 3 : 400);
    core.set_x(14, i == 0 ? 1 : 0);
  }
  const auto done = [&] {
    for (Tile& tile : tiles) {
      if (tile.group.core(0).stop() != Stop::kExited) return false;
    }
    return true;
  };
  for (uint64_t t = quantum; !done() && t < 100000000; t += quantum) {
    if (threads == 2) {
      std::thread other([&] { tiles[1].group.RunUntil(t); });
      tiles[0].group.RunUntil(t);
      other.join();
    } else {
      for (Tile& tile : tiles) tile.group.RunUntil(t);
    }
    for (int i = 0; i < 2; ++i) {
      Tile& to = tiles[1 - i];
      for (const auto& [cycle, value] : tiles[i].link->sent) {
        std::vector<std::byte> bytes(4);
        std::memcpy(bytes.data(), &value, 4);
        to.group.Post({cycle, to.ram, kMine, std::move(bytes)});
      }
      tiles[i].link->sent.clear();
    }
  }
  CHECK(done());
  Outcome o = OutcomeOf(tiles[0].group);
  const Outcome second = OutcomeOf(tiles[1].group);
  o.numbers.insert(o.numbers.end(), second.numbers.begin(),
                   second.numbers.end());
  return o;
}

TEST_CASE("two tiles are the same on one host thread and on two") {
  const Outcome one = RunTiles(kHop, 1);
  CHECK(RunTiles(kHop, 2) == one);
  CHECK(RunTiles(5, 1) == one);
}

// Three cores run into each other's code and data.
std::vector<uint64_t> RunRandom(uint64_t seed, uint64_t quantum, bool timed,
                                bool sleep) {
  constexpr uint64_t kEnd = 8000;
  auto ram = std::make_shared<Ram>(4096);
  WriteWords(ram.get(), 0, RandomWords(seed, 600));
  Group group;
  for (uint32_t i = 0; i < 3; ++i) {
    const MachineOptions options{
        .timed = timed,
        .pipeline = i == 1 ? WormholePipeline(BabyCore::kT1)
                           : BlackholePipeline(BabyCore::kB)};
    CoreConfig config = ConfigOf(options);
    config.sleep = sleep;
    config.machine_traps = config.misaligned = true;
    Core& core = group.Add(std::move(config), MapOf(options, ram));
    core.Reset(i * 512);
    Rng values(seed, i + 10);
    for (int r = 1; r < 32; ++r) core.set_x(r, values.Below(1024) * 4);
  }
  // From outside, too: where somebody may be polling.
  for (uint32_t i = 0; i < 8; ++i) {
    group.Post({1000 + 700 * i, ram, 2400 + 64 * i, {4, std::byte{1}}});
  }
  auto state = Group::State::kLimit;
  for (uint64_t t = quantum; state == Group::State::kLimit && t <= kEnd;
       t += quantum) {
    state = group.RunUntil(t);
  }
  std::vector<uint64_t> result;
  for (uint32_t i = 0; i < 4096; i += 4) result.push_back(ReadWord(*ram, i));
  for (size_t i = 0; i < group.size(); ++i) {
    const Core& core = group.core(i);
    if (core.stop() != Stop::kTrap) continue;
    result.insert(result.end(), {core.instructions(), core.now(), core.pc()});
  }
  return result;
}

TEST_CASE("programs that run into each other do so the same way always") {
  for (uint64_t seed = 0; seed < 40; ++seed) {
    CAPTURE(seed);
    for (const bool timed : {false, true}) {
      const auto whole = RunRandom(seed, 8000, timed, true);
      const bool awake = RunRandom(seed, 8000, timed, false) == whole;
      CHECK(awake);
      const bool fine = RunRandom(seed, 10, timed, true) == whole;
      CHECK(fine);
      const bool coarse = RunRandom(seed, 400, timed, true) == whole;
      CHECK(coarse);
    }
  }
}

TEST_CASE("waiting for each other is a deadlock with names") {
  auto ram = std::make_shared<Ram>(4096);
  WriteWords(ram.get(), 0,
             std::vector<uint32_t>{I("lw", 5, 10, 0), Branch("beq", 5, 0, -4),
                                   Word("ebreak")});
  Group group;
  for (const char* name : {"tile 0,0 core B", "tile 0,0 core NC"}) {
    CoreConfig config = ConfigOf({.timed = true});
    config.name = name;
    Core& core = group.Add(config, MapOf({}, ram));
    core.Reset(0);
    core.set_x(10, core.config().index == 0 ? kMine : kTheirs);
  }
  const Status status = group.Run(~uint64_t{0});
  REQUIRE(!status);
  CHECK(status.error().message ==
        "deadlock: tile 0,0 core B: pc 0x00000000: lw x5,0(x10): waits for "
        "0x00000800, which nobody changes; tile 0,0 core NC: pc 0x00000000: "
        "lw x5,0(x10): waits for 0x00000840, which nobody changes");
}

TEST_CASE("cores are held in reset, also while they sleep") {
  auto ram = std::make_shared<Ram>(4096);
  std::vector<uint32_t> code = {I("lw", 5, 0, 0x400), Branch("beq", 5, 0, -4)};
  Append(&code, Exit(0));
  WriteWords(ram.get(), 0, code);
  Group group;
  const MachineOptions options{.timed = true};
  Core& core = group.Add(ConfigOf(options), MapOf(options, ram));
  CHECK(group.RunUntil(1000) == Group::State::kDone);
  CHECK(core.instructions() == 0);
  group.Reset(0, 0, 2000);
  CHECK(core.now() == 2000);
  CHECK(group.RunUntil(10000) == Group::State::kIdle);
  group.Hold(0);
  group.Post({11000, ram, 0x400, {4, std::byte{1}}});
  CHECK(group.RunUntil(20000) == Group::State::kDone);
  CHECK(core.stop() == Stop::kHeld);
  CHECK(ReadWord(*ram, 0x400) == 0x01010101);
  group.Reset(0, 0, 30000);
  CHECK(group.Run(40000));
  CHECK(core.x(5) == 0x01010101);
}

TEST_CASE("a program that never ends meets its budget") {
  auto ram = std::make_shared<Ram>(4096);
  WriteWords(ram.get(), 0,
             std::vector<uint32_t>{I("addi", 5, 5, 1), Jal(0, -4)});
  Group group;
  group.Add(ConfigOf({}), MapOf({}, ram)).Reset(0);
  const Status status = group.Run(100000);
  REQUIRE(!status);
  CHECK(status.error().message ==
        "core: pc 0x00000000: addi x5,x5,1: still running at cycle 100000; "
        "the budget is 100000 cycles");
  // One that does nothing at all sleeps through it.
  WriteWords(ram.get(), 0, std::vector<uint32_t>{Jal(0, 0)});
  group.Reset(0, 0, 200000);
  const Status idle = group.Run(~uint64_t{0});
  REQUIRE(!idle);
  CHECK(idle.error().message ==
        "deadlock: core: pc 0x00000000: jal x0,0: loops for ever");
}

TEST_CASE("atomics of five cores lose nothing") {
  auto ram = std::make_shared<Ram>(4096);
  std::vector<uint32_t> code = {R("amoadd.w", 5, 10, 6), I("addi", 7, 7, -1),
                                Branch("bne", 7, 0, -8)};
  Append(&code, Exit(0));
  WriteWords(ram.get(), 0, code);
  Group group;
  const MachineOptions options{.timed = true};
  for (uint32_t i = 0; i < 5; ++i) {
    Core& core = group.Add(ConfigOf(options), MapOf(options, ram));
    core.Reset(0);
    core.set_x(6, i + 1);
    core.set_x(7, 100 + i);
    core.set_x(10, kMine);
  }
  CHECK(group.Run(1000000));
  CHECK(ReadWord(*ram, kMine) ==
        100 * 1 + 101 * 2 + 102 * 3 + 103 * 4 + 104 * 5);
}

}  // namespace
}  // namespace triptych::mesh::riscv
