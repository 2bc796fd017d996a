// Every integer instruction against an oracle of its own, on corner values
// and random ones; loads, stores and atomics in every size.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <array>
#include <set>
#include <string>
#include <vector>

#include "emulators/mesh/riscv/evaluate.h"
#include "kernels/base/rng.h"
#include "tests/emulators/mesh/riscv/assembler.h"
#include "tests/emulators/mesh/riscv/machine.h"
#include "tests/emulators/mesh/riscv/oracle.h"

namespace triptych::mesh::riscv {
namespace {

constexpr uint32_t kCode = 0x100, kData = 0x400;
constexpr std::array<uint32_t, 18> kCorners = {
    0,          1,          2,          3,          31,         32,
    0x7f,       0x80,       0xff,       0x7fff,     0x8000,     0xffff,
    0x12345678, 0x7ffffffe, 0x7fffffff, 0x80000000, 0x80000001, 0xffffffff};

// One instruction at a time, then ebreak.
class Bench {
 public:
  explicit Bench(bool timed)
      : ram_(std::make_shared<Ram>(4096)),
        core_(ConfigOf({.timed = timed}), MapOf({.timed = timed}, ram_)) {}

  Core& Run(uint32_t word, std::vector<std::pair<int, uint32_t>> registers) {
    const std::array<uint32_t, 2> code = {word, Word("ebreak")};
    WriteWords(ram_.get(), kCode, code);
    WriteWords(ram_.get(), kCode + 0x20, std::array{Word("ebreak")});
    core_.Reset(kCode);
    for (const auto& [i, value] : registers) core_.set_x(i, value);
    CHECK(core_.RunUntil(~uint64_t{0}) == Stop::kTrap);
    CHECK(core_.trap().cause == Cause::kBreakpoint);
    return core_;
  }
  Ram& ram() { return *ram_; }

 private:
  std::shared_ptr<Ram> ram_;
  Core core_;
};

template <class F>
void ForOperands(const F& f) {
  for (const uint32_t a : kCorners) {
    for (const uint32_t b : kCorners) f(a, b);
  }
  Rng rng(7);
  for (int i = 0; i < 300; ++i) {
    const uint32_t a = rng.Next() >> rng.Below(32);
    const uint32_t b = rng.Next() >> rng.Below(32);
    f(a, b);
  }
}

TEST_CASE("arithmetic agrees with the oracle") {
  for (const bool timed : {false, true}) {
    Bench bench(timed);
    std::set<std::string> tested;
    for (const Insn& insn : Insns()) {
      const auto oracle = IntegerOracles().find(std::string(insn.name));
      if (oracle == IntegerOracles().end()) continue;
      tested.insert(std::string(insn.name));
      CAPTURE(insn.name);
      ForOperands([&](uint32_t a, uint32_t b) {
        int32_t imm = 0;
        if (insn.format == Format::kImm) {
          imm = static_cast<int32_t>(b << 20) >> 20;
          b = static_cast<uint32_t>(imm);
        } else if (insn.format == Format::kShift) {
          b %= 32;
          imm = static_cast<int32_t>(b);
        }
        const uint32_t word =
            Encode(insn, {.rd = 5, .rs1 = 6, .rs2 = 7, .imm = imm});
        const uint32_t got = bench.Run(word, {{6, a}, {7, b}}).x(5);
        const uint32_t want = oracle->second(a, b);
        if (got != want) {
          CAPTURE(a);
          CAPTURE(b);
          CHECK(got == want);
        }
      });
    }
    // Whatever computes a register from registers is among them.
    for (const Insn& insn : Insns()) {
      if (insn.extension == kF) continue;
      if (insn.format == Format::kReg || insn.format == Format::kImm ||
          insn.format == Format::kShift || insn.format == Format::kUnary) {
        CHECK_MESSAGE(tested.contains(std::string(insn.name)), insn.name);
      }
    }
  }
}

TEST_CASE("branches go where the oracle says") {
  Bench bench(false);
  const auto taken = [](std::string_view name, uint32_t a, uint32_t b) {
    const int64_t x = SignedValue(a), y = SignedValue(b);
    const int64_t ux = a, uy = b;
    if (name == "beq") return x - y == 0;
    if (name == "bne") return x - y != 0;
    if (name == "blt") return x - y < 0;
    if (name == "bge") return x - y >= 0;
    if (name == "bltu") return ux - uy < 0;
    return ux - uy >= 0;
  };
  for (const char* name : {"beq", "bne", "blt", "bge", "bltu", "bgeu"}) {
    CAPTURE(name);
    ForOperands([&](uint32_t a, uint32_t b) {
      const Core& core = bench.Run(Branch(name, 6, 7, 0x20), {{6, a}, {7, b}});
      CHECK(core.trap().pc == kCode + (taken(name, a, b) ? 0x20 : 4));
    });
  }
}

TEST_CASE("jumps link and land") {
  Bench bench(false);
  const Core& jal = bench.Run(Jal(1, 0x20), {});
  CHECK(jal.x(1) == kCode + 4);
  CHECK(jal.trap().pc == kCode + 0x20);
  // The last bit of the target is dropped; rd may be rs1.
  const Core& jalr = bench.Run(I("jalr", 6, 6, -3), {{6, kCode + 0x24}});
  CHECK(jalr.x(6) == kCode + 4);
  CHECK(jalr.trap().pc == kCode + 0x20);
  CHECK(bench.Run(I("lui", 5, 0, 0x12345000), {}).x(5) == 0x12345000);
  CHECK(bench.Run(I("auipc", 5, 0, 0x7000), {}).x(5) == kCode + 0x7000);
  CHECK(bench.Run(I("addi", 0, 6, 1), {{6, 5}}).x(0) == 0);
}

TEST_CASE("loads extend, stores keep their neighbours") {
  for (const uint32_t base : {kData, kLocalBase}) {
    Bench bench(true);
    const auto store = [&](const char* name, uint32_t at, uint32_t value) {
      bench.Run(Store(name, 7, 6, -4), {{6, base + at + 4}, {7, value}});
    };
    const auto load = [&](const char* name, uint32_t at) {
      return bench.Run(I(name, 5, 6, 8), {{6, base + at - 8}}).x(5);
    };
    store("sw", 0, 0x8091a2b3);
    CHECK(load("lw", 0) == 0x8091a2b3);
    CHECK(load("lb", 0) == 0xffffffb3);
    CHECK(load("lbu", 3) == 0x80);
    CHECK(load("lh", 2) == 0xffff8091);
    CHECK(load("lhu", 0) == 0xa2b3);
    store("sb", 1, 0x12345677);
    CHECK(load("lw", 0) == 0x809177b3);
    store("sh", 2, 0xabcd1234);
    CHECK(load("lw", 0) == 0x123477b3);
    CHECK(load("lb", 2) == 0x34);
    CHECK(load("lh", 0) == 0x77b3);
  }
}

TEST_CASE("atomics return what was there and write what they should") {
  Bench bench(true);
  const auto want = [](std::string_view name, uint32_t old, uint32_t v) {
    const std::string op(name.substr(3, name.size() - 5));
    if (op == "swap") return v;
    return IntegerOracles().at(op)(old, v);
  };
  for (const Insn& insn : Insns()) {
    if (insn.format != Format::kAmo) continue;
    CAPTURE(insn.name);
    ForOperands([&](uint32_t a, uint32_t b) {
      WriteWords(&bench.ram(), kData, std::array{a});
      const uint32_t word = Encode(insn, {.rd = 7, .rs1 = 6, .rs2 = 7});
      CHECK(bench.Run(word, {{6, kData}, {7, b}}).x(7) == a);
      CHECK(ReadWord(bench.ram(), kData) == want(insn.name, a, b));
    });
  }
}

TEST_CASE("a reservation holds for one conditional store") {
  auto ram = std::make_shared<Ram>(4096);
  Core core(ConfigOf({}), MapOf({}, ram));
  const std::vector<uint32_t> code = {R("sc.w", 5, 6, 7),  // none yet: fails
                                      R("lr.w", 8, 6, 0), R("sc.w", 9, 6, 7),
                                      R("sc.w", 10, 6, 7), Word("ebreak")};
  WriteWords(ram.get(), 0, code);
  WriteWords(ram.get(), kData, std::array{uint32_t{11}});
  core.Reset(0);
  core.set_x(6, kData);
  core.set_x(7, 22);
  core.RunUntil(~uint64_t{0});
  CHECK(core.x(5) == 1);
  CHECK(core.x(8) == 11);
  CHECK(core.x(9) == 0);
  CHECK(core.x(10) == 1);
  CHECK(ReadWord(*ram, kData) == 22);
}

TEST_CASE("the table as a function says the same as the interpreter") {
  fp::Env e;
  Bench bench(false);
  for (const auto& [name, oracle] : IntegerOracles()) {
    const Insn& insn = InsnNamed(name);
    if (insn.format != Format::kReg) continue;
    CAPTURE(name);
    ForOperands([&](uint32_t a, uint32_t b) {
      CHECK(Evaluate(insn.id, a, b, 0, e) == oracle(a, b));
    });
  }
}

}  // namespace
}  // namespace triptych::mesh::riscv
