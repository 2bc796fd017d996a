// Every floating-point instruction on a core: which registers it reads, which
// it writes, and what it makes of them, against the host's own arithmetic.
// softfloat_test.cc has rounding and flags.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <array>
#include <bit>
#include <cmath>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "tests/emulators/mesh/riscv/assembler.h"
#include "tests/emulators/mesh/riscv/machine.h"

namespace triptych::mesh::riscv {
namespace {

using Oracle = std::function<float(float, float, float)>;
using Predicate = std::function<bool(float, float)>;

uint32_t B(float value) { return std::bit_cast<uint32_t>(value); }

// Singles in, single out.
const std::map<std::string, Oracle>& Arithmetic() {
  static const std::map<std::string, Oracle> oracles = {
      {"fadd.s", [](float a, float b, float) { return a + b; }},
      {"fsub.s", [](float a, float b, float) { return a - b; }},
      {"fmul.s", [](float a, float b, float) { return a * b; }},
      {"fdiv.s", [](float a, float b, float) { return a / b; }},
      {"fsqrt.s", [](float a, float, float) { return std::sqrt(a); }},
      {"fmadd.s", [](float a, float b, float c) { return std::fma(a, b, c); }},
      {"fmsub.s", [](float a, float b, float c) { return std::fma(a, b, -c); }},
      {"fnmsub.s",
       [](float a, float b, float c) { return std::fma(-a, b, c); }},
      {"fnmadd.s",
       [](float a, float b, float c) { return std::fma(-a, b, -c); }},
      {"fsgnj.s", [](float a, float b, float) { return std::copysign(a, b); }},
      {"fsgnjn.s",
       [](float a, float b, float) { return -std::copysign(a, b); }},
      {"fsgnjx.s",
       [](float a, float b, float) { return std::signbit(b) ? -a : a; }},
      {"fmin.s", [](float a, float b, float) { return std::fmin(a, b); }},
      {"fmax.s", [](float a, float b, float) { return std::fmax(a, b); }}};
  return oracles;
}

const std::map<std::string, Predicate>& Comparisons() {
  static const std::map<std::string, Predicate> oracles = {
      {"feq.s", [](float a, float b) { return a == b; }},
      {"flt.s", [](float a, float b) { return a < b; }},
      {"fle.s", [](float a, float b) { return a <= b; }}};
  return oracles;
}

constexpr std::array<float, 7> kValues = {0.75f,    -3.5f, 1e20f, -1e-20f,
                                          1.0f / 3, 12345, -0.0f};

class FloatBench {
 public:
  FloatBench()
      : ram_(std::make_shared<Ram>(4096)),
        core_(ConfigOf({.timed = true}), MapOf({.timed = true}, ram_)) {}

  // f1, f2, f3 and x1 in; what is written is f4 or x4.
  Core& Run(const Insn& insn, float a, float b, float c, uint32_t x = 0) {
    const uint32_t word = Encode(
        insn, {.rd = 4, .rs1 = 1, .rs2 = 2, .rs3 = 3, .rm = 0, .imm = 0});
    WriteWords(ram_.get(), 0, std::array{word, Word("ebreak")});
    core_.Reset(0);
    core_.set_f(1, B(a));
    core_.set_f(2, B(b));
    core_.set_f(3, B(c));
    core_.set_x(1, x);
    CHECK(core_.RunUntil(~uint64_t{0}) == Stop::kTrap);
    CHECK(core_.trap().cause == Cause::kBreakpoint);
    return core_;
  }
  Ram& ram() { return *ram_; }

 private:
  std::shared_ptr<Ram> ram_;
  Core core_;
};

TEST_CASE("floating-point instructions do what the host does") {
  FloatBench bench;
  std::set<std::string> tested;
  for (const Insn& insn : Insns()) {
    const std::string name(insn.name);
    CAPTURE(name);
    const auto arithmetic = Arithmetic().find(name);
    const auto comparison = Comparisons().find(name);
    for (const float a : kValues) {
      for (const float b : kValues) {
        const float c = a * 2 - b;
        CAPTURE(a);
        CAPTURE(b);
        if (arithmetic != Arithmetic().end()) {
          tested.insert(name);
          const float want = arithmetic->second(a, b, c);
          const uint32_t got = bench.Run(insn, a, b, c).f(4);
          CHECK(got == (std::isnan(want) ? fp::kNan : B(want)));
        } else if (comparison != Comparisons().end()) {
          tested.insert(name);
          CHECK(bench.Run(insn, a, b, c).x(4) ==
                uint32_t{comparison->second(a, b)});
        }
      }
    }
  }
  // The rest moves and converts: below.
  for (const char* name : {"flw", "fsw", "fcvt.w.s", "fcvt.wu.s", "fmv.x.w",
                           "fclass.s", "fcvt.s.w", "fcvt.s.wu", "fmv.w.x"}) {
    tested.insert(name);
  }
  for (const Insn& insn : Insns()) {
    if (insn.extension != kF) continue;
    CHECK_MESSAGE(tested.contains(std::string(insn.name)), insn.name);
  }
}

TEST_CASE("moves and conversions between the register files") {
  FloatBench bench;
  const auto run = [&](const char* name, float f, uint32_t x) -> Core& {
    return bench.Run(InsnNamed(name), f, 0, 0, x);
  };
  CHECK(run("fcvt.w.s", -7, 0).x(4) == static_cast<uint32_t>(-7));
  CHECK(run("fcvt.wu.s", 3e9f, 0).x(4) == 3000000000u);
  CHECK(run("fcvt.s.w", 0, static_cast<uint32_t>(-12)).f(4) == B(-12));
  CHECK(run("fcvt.s.wu", 0, 0xfffffff0u).f(4) == B(4294967296.0f));
  CHECK(run("fmv.x.w", -2.5f, 0).x(4) == B(-2.5f));
  CHECK(run("fmv.w.x", 0, 0x7f800001).f(4) == 0x7f800001);
  CHECK(run("fclass.s", -0.0f, 0).x(4) == 1u << 3);
  WriteWords(&bench.ram(), 0x400, std::array{B(6.5f)});
  CHECK(run("flw", 0, 0x400).f(4) == B(6.5f));
  bench.Run(InsnNamed("fsw"), 0, 9.25f, 0, 0x404);
  CHECK(ReadWord(bench.ram(), 0x404) == B(9.25f));
}

}  // namespace
}  // namespace triptych::mesh::riscv
