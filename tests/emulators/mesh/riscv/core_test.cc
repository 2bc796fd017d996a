// Programs that go wrong say where and why; code that changes is seen; CSRs;
// whatever the words, a core stops.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/riscv/core.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "kernels/base/rng.h"
#include "tests/emulators/mesh/riscv/assembler.h"
#include "tests/emulators/mesh/riscv/machine.h"

namespace triptych::mesh::riscv {
namespace {

constexpr uint64_t kForever = ~uint64_t{0};

struct Program {
  explicit Program(const std::vector<uint32_t>& code,
                   MachineOptions options = {.timed = true}, uint32_t at = 0)
      : ram(std::make_shared<Ram>(65536)),
        core(ConfigOf(options), MapOf(options, ram)) {
    WriteWords(ram.get(), at, code);
    core.Reset(at);
  }
  std::string Error() {
    core.RunUntil(kForever);
    const Status status = core.Outcome();
    return status ? "no error" : status.error().message;
  }

  std::shared_ptr<Ram> ram;
  Core core;
};

TEST_CASE("faults name the core, the place, the instruction and the cause") {
  const std::string kMap =
      "ram 0x00000000..0x0000ffff, local 0xffb00000..0xffb00fff";
  CHECK(Program({I("lw", 5, 0, 0x7f1)}).Error() ==
        "core: pc 0x00000000: lw x5,2033(x0): misaligned load: load from "
        "0x000007f1: misaligned; allowed are multiples of 4");
  CHECK(Program({Nop(), Word("lui", {.rd = 6, .imm = 0x20000}),
                 Store("sh", 5, 6, 0)})
            .Error() ==
        "core: pc 0x00000008: sh x5,0(x6): store fault: store to 0x00020000: "
        "nothing is there; allowed: " +
            kMap);
  CHECK(Program({0xffffffff}).Error() ==
        "core: pc 0x00000000: .word 0xffffffff: illegal instruction: "
        "0xffffffff is no instruction");
  CHECK(Program({R("mul", 1, 2, 3)}, {.extensions = kI}).Error() ==
        "core: pc 0x00000000: .word 0x023100b3: illegal instruction: "
        "0x023100b3 is not among this core's extensions");
  CHECK(Program({I("jalr", 0, 0, 0x102)}).Error() ==
        "core: pc 0x00000000: jalr x0,258(x0): misaligned jump: jump to "
        "0x00000102; allowed are multiples of 4");
  CHECK(Program({Word("lui", {.rd = 6, .imm = 0x20000}), I("jalr", 0, 6, 0)})
            .Error() ==
        "core: pc 0x00020000: .word 0x00000000: no instruction: nothing to "
        "execute at 0x00020000; memory: " +
            kMap);
  CHECK(Program({Word("ebreak")}).Error() ==
        "core: pc 0x00000000: ebreak: ebreak: breakpoint");
  CHECK(Program({Word("ecall")}).Error() ==
        "core: pc 0x00000000: ecall: ecall: a7 is 0; allowed is 93 (exit)");
  CHECK(Program(Exit(3)).Error() ==
        "core: pc 0x00000008: ecall: the program failed with code 3; success "
        "is 0");
  CHECK(Program(Exit(0)).Error() == "no error");
  CHECK(Program({Word("fadd.s", {.rd = 1, .rm = 5})}).Error() ==
        "core: pc 0x00000000: fadd.s f1,f0,f0,unknown: illegal instruction: "
        "the rounding mode, or the register, is invalid");
  CHECK(Program({I("csrrs", 5, 0, 0x123)}).Error() ==
        "core: pc 0x00000000: csrrs x5,0x123,x0: illegal instruction: CSR "
        "0x123 is not there");
  CHECK(Program({I("csrrw", 5, 6, 0xc00)}).Error() ==
        "core: pc 0x00000000: csrrw x5,cycle,x6: illegal instruction: CSR "
        "0xc00 is read-only");
  CHECK(Program({R("amoadd.w", 5, 0, 0)}, {.extensions = kI | kM}).Error() ==
        "core: pc 0x00000000: .word 0x000022af: illegal instruction: "
        "0x000022af is not among this core's extensions");
  // Local RAM holds no instructions, and the end of RAM ends a block.
  CHECK(Program({Nop()}, {}, 65532).Error() ==
        "core: pc 0x00010000: .word 0x00000000: no instruction: nothing to "
        "execute at 0x00010000; memory: " +
            kMap);
}

TEST_CASE("a trap is final until reset") {
  Program p({Word("ebreak")});
  CHECK(p.core.RunUntil(kForever) == Stop::kTrap);
  CHECK(p.core.RunUntil(kForever) == Stop::kTrap);
  WriteWords(p.ram.get(), 0, Exit(0));
  p.core.Reset(0);
  CHECK(p.core.RunUntil(kForever) == Stop::kExited);
}

TEST_CASE("a core sees its own stores to code at once") {
  // The store replaces the instruction right behind it, in one block, and
  // one in a block that ran before.
  for (const bool timed : {false, true}) {
    std::vector<uint32_t> code = {Store("sw", 6, 0, 4), I("addi", 5, 0, 1)};
    Append(&code, Exit(0));
    Program p(code, {.timed = timed});
    p.core.set_x(6, I("addi", 5, 0, 2));
    p.core.RunUntil(kForever);
    CHECK(p.core.x(5) == 2);
    CHECK(p.core.instructions() == 4);  // the exit is none that retires
  }
}

TEST_CASE("a block that ran before is decoded anew after a store to it") {
  for (const bool timed : {false, true}) {
    std::vector<uint32_t> code = {
        I("addi", 5, 5, 1),      // 0: replaced after the first round
        Branch("beq", 7, 0, 8),  // 4: to the store, the first time
        Jal(0, 16),              // 8: to the end, the second
        I("addi", 7, 0, 1),      // 12
        Store("sw", 6, 0, 0),    // 16
        Jal(0, -20)};            // 20
    Append(&code, Exit(0));
    Program p(code, {.timed = timed});
    p.core.set_x(6, I("addi", 5, 5, 100));
    CHECK(p.core.RunUntil(kForever) == Stop::kExited);
    CHECK(p.core.x(5) == 101);
  }
}

TEST_CASE("a core sees stores of others to code after fence.i") {
  auto ram = std::make_shared<Ram>(4096);
  const std::vector<uint32_t> code = {
      I("addi", 5, 5, 1),      // 0: replaced from outside
      Branch("beq", 6, 0, 8),  // 4
      Word("fence.i"),         // 8
      Jal(0, -12)};            // 12
  WriteWords(ram.get(), 0, code);
  Core core(ConfigOf({.timed = false}), MapOf({}, ram));
  core.Reset(0);
  core.RunUntil(30);
  const uint32_t before = core.x(5);
  WriteWords(ram.get(), 0, std::array{I("addi", 5, 5, 0)});
  core.RunUntil(60);
  CHECK(core.x(5) > before);  // still the old one
  core.set_x(6, 1);
  core.RunUntil(90);
  const uint32_t after = core.x(5);
  core.RunUntil(300);
  CHECK(core.x(5) == after);
}

TEST_CASE("CSRs hold, count and raise") {
  std::vector<uint32_t> code = {
      Word("csrrwi", {.rd = 5, .rs1 = 31, .imm = 3}),  // fcsr = 31
      Word("csrrsi", {.rd = 6, .rs1 = 0, .imm = 1}),   // fflags
      Word("csrrci", {.rd = 7, .rs1 = 3, .imm = 1}),
      I("csrrs", 8, 0, 3),
      I("csrrs", 9, 0, 0xc02),   // instret: 4 before it
      I("csrrw", 10, 0, 0xb02),  // minstret = 0
      Nop(),
      I("csrrs", 11, 0, 0xc02),  // this many after the write was read
      I("csrrw", 12, 6, 0x7c3),
      I("csrrs", 13, 0, 0x7c3)};
  Append(&code, Exit(0));
  for (const bool timed : {false, true}) {
    Program p(code, {.timed = timed});
    p.core.RunUntil(kForever);
    const Core& c = p.core;
    CHECK(c.x(5) == 0);
    CHECK(c.x(6) == 31);
    CHECK(c.x(7) == 31);
    CHECK(c.x(8) == 28);
    CHECK(c.x(9) == 4);
    CHECK(c.x(11) == 2);
    CHECK(c.x(13) == 31);
  }
}

TEST_CASE("cycle reads the cycle of its instruction") {
  PipelineParams params = BlackholePipeline(BabyCore::kB);
  params.icache_miss = 0;
  std::vector<uint32_t> code = {I("csrrs", 5, 0, 0xc00),
                                I("csrrs", 6, 0, 0xc00), I("lw", 7, 0, 0x400),
                                I("addi", 8, 7, 0), I("csrrs", 9, 0, 0xc00)};
  Append(&code, Exit(0));
  Program p(code, {.timed = true, .pipeline = params});
  p.core.RunUntil(kForever);
  // Each waits for the one before it to retire; the load takes 8, its use 1.
  CHECK(p.core.x(6) - p.core.x(5) == 1);
  CHECK(p.core.x(9) - p.core.x(6) == 1 + 8 + 1);
}

TEST_CASE("floating point raises flags and rounds by frm") {
  std::vector<uint32_t> code = {
      Word("csrrwi", {.rs1 = 3, .imm = 2}),  // frm = up
      Word("fadd.s", {.rd = 3, .rs1 = 1, .rs2 = 2, .rm = 7}),
      Word("fadd.s", {.rd = 4, .rs1 = 1, .rs2 = 2, .rm = 0}),
      Word("fdiv.s", {.rd = 5, .rs1 = 1, .rs2 = 6, .rm = 0}),
      Word("fmv.x.w", {.rd = 8, .rs1 = 3}),
      // 1 * -0 - 1 with all four registers apart
      Word("fmsub.s", {.rd = 10, .rs1 = 1, .rs2 = 7, .rs3 = 9})};
  Append(&code, Exit(0));
  Program p(code);
  p.core.set_f(7, 0x80000000);
  p.core.set_f(9, 0x3f800000);
  p.core.set_f(1, 0x3f800000);  // 1
  p.core.set_f(2, 0x30000000);  // a little
  p.core.RunUntil(kForever);
  CHECK(p.core.f(3) == 0x3f800001);
  CHECK(p.core.x(8) == 0x3f800001);
  CHECK(p.core.f(10) == 0xbf800000);
  CHECK(p.core.f(4) == 0x3f800000);
  CHECK(p.core.f(5) == 0x7f800000);
  CHECK(p.core.fcsr() == (3u << 5 | fp::kInexact | fp::kDivideByZero));
}

TEST_CASE(".ttinsn stores to the coprocessor's instruction buffer") {
  std::vector<uint32_t> code = {0x12345678u << 2};
  Append(&code, Exit(0));
  auto ram = std::make_shared<Ram>(4096);
  WriteWords(ram.get(), 0, code);
  const MachineOptions options{.extensions = BlackholeExtensions()};
  Core core(ConfigOf(options), MapOf(options, ram,
                                     {{.name = "buffer",
                                       .base = kInstructionBuffer,
                                       .size = 65536,
                                       .latency = Latency::kConfig}}));
  core.Reset(0);
  CHECK(core.RunUntil(kForever) == Stop::kDevice);
  CHECK(core.pending().address == kInstructionBuffer);
  CHECK(core.pending().write);
  CHECK(core.pending().value == 0x12345678);
  // Asked again, it stands there still.
  CHECK(core.RunUntil(kForever) == Stop::kDevice);
  core.Answer({});
  CHECK(core.RunUntil(kForever) == Stop::kExited);
}

TEST_CASE("machine traps go to mtvec and come back") {
  std::vector<uint32_t> code = Li(5, 0x100);
  Append(&code, {I("csrrw", 0, 5, 0x305), I("lw", 6, 0, 1), Word("ecall"),
                 Word("ebreak")});
  const std::vector<uint32_t> handler = {I("csrrs", 7, 0, 0x342),
                                         I("addi", 8, 8, 1),
                                         R("add", 9, 9, 7),
                                         I("csrrs", 10, 0, 0x341),
                                         I("addi", 10, 10, 4),
                                         I("csrrw", 0, 10, 0x341),
                                         I("slti", 11, 8, 4),
                                         Branch("beq", 11, 0, 8),
                                         Word("mret"),
                                         Jal(0, 0x200 - 0x124)};
  auto ram = std::make_shared<Ram>(4096);
  WriteWords(ram.get(), 0, code);
  WriteWords(ram.get(), 0x100, handler);
  WriteWords(ram.get(), 0x200, std::array{Jal(0, 0)});
  CoreConfig config = ConfigOf({.timed = true});
  config.machine_traps = true;
  Core core(config, MapOf({}, ram));
  core.Reset(0);
  CHECK(core.RunUntil(2000) == Stop::kAsleep);  // it jumps to itself
  // Misaligned load, ecall, breakpoint; the fourth, for what follows them.
  CHECK(core.x(8) == 4);
  CHECK(core.x(9) == 4 + 11 + 3 + 2);
  CHECK(core.pc() == 0x200);
}

TEST_CASE("tohost ends a program") {
  for (const bool timed : {false, true}) {
    for (const uint32_t place : {0x800u, kLocalBase + 64}) {
      CoreConfig config = ConfigOf({.timed = timed});
      config.tohost = place;
      auto ram = std::make_shared<Ram>(4096);
      WriteWords(ram.get(), 0,
                 std::vector<uint32_t>{Store("sw", 0, 6, 0), I("addi", 5, 0, 9),
                                       Store("sw", 5, 6, 0), Nop()});
      Core core(config, MapOf({}, ram));
      core.Reset(0);
      core.set_x(6, place);
      CHECK(core.RunUntil(kForever) == Stop::kExited);
      CHECK(core.exit_code() == 4);
    }
  }
}

TEST_CASE("misaligned accesses work where they are allowed") {
  CoreConfig config = ConfigOf({.timed = true});
  config.misaligned = true;
  auto ram = std::make_shared<Ram>(4096);
  std::vector<uint32_t> code = {Store("sw", 5, 0, 0x401), I("lw", 6, 0, 0x401),
                                I("lhu", 7, 0, 0x403)};
  Append(&code, Exit(0));
  WriteWords(ram.get(), 0, code);
  Core core(config, MapOf({}, ram));
  core.Reset(0);
  core.set_x(5, 0x11223344);
  core.RunUntil(kForever);
  CHECK(core.x(6) == 0x11223344);
  CHECK(core.x(7) == 0x1122);
}

TEST_CASE("results are the same for every quantum") {
  // Random words that mostly are instructions, over a small memory.
  for (uint64_t seed = 0; seed < 60; ++seed) {
    const std::vector<uint32_t> code = RandomWords(seed, 600);
    const auto run = [&](uint64_t quantum, bool timed, bool sleep) {
      MachineOptions options{.timed = timed};
      CoreConfig config = ConfigOf(options);
      config.sleep = sleep;
      config.machine_traps = true;
      auto ram = std::make_shared<Ram>(4096);
      WriteWords(ram.get(), 0, code);
      Core core(config, MapOf(options, ram));
      core.Reset(0);
      Rng values(seed, 6);
      for (int i = 1; i < 32; ++i) core.set_x(i, values.Below(1024) * 4);
      const uint64_t end = 20000;
      for (uint64_t t = quantum; core.stop() == Stop::kLimit; t = t + quantum) {
        core.RunUntil(std::min(t, end));
        if (t >= end) break;
      }
      core.Settle(end);
      std::vector<uint64_t> state = {core.pc(), core.fcsr()};
      // Sleeping or awake, a core is somewhere in the last period.
      if (core.stop() == Stop::kTrap) {
        state.push_back(core.instructions());
        state.push_back(core.now());
        for (int i = 0; i < 32; ++i) {
          state.push_back(core.x(i));
          state.push_back(core.f(i));
        }
      }
      for (uint32_t i = 2400; i < 4096; i += 4) {
        state.push_back(ReadWord(*ram, i));
      }
      if (core.stop() != Stop::kTrap) state[0] = state[1] = 0;
      return state;
    };
    CAPTURE(seed);
    for (const bool timed : {false, true}) {
      const auto whole = run(20000, timed, true);
      CHECK(run(1, timed, true) == whole);
      CHECK(run(97, timed, true) == whole);
      CHECK(run(20000, timed, false) == whole);
    }
  }
}

}  // namespace
}  // namespace triptych::mesh::riscv
