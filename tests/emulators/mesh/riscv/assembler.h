// Words from mnemonics, for tests: the encoder of the table, by name.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TESTS_EMULATORS_MESH_RISCV_ASSEMBLER_H_
#define TRIPTYCH_TESTS_EMULATORS_MESH_RISCV_ASSEMBLER_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "emulators/mesh/riscv/insns.h"
#include "kernels/base/check.h"
#include "kernels/base/rng.h"

namespace triptych::mesh::riscv {

inline const Insn& InsnNamed(std::string_view name) {
  for (const Insn& insn : Insns()) {
    if (insn.name == name) return insn;
  }
  TRIPTYCH_CHECK(false, "no instruction", name);
  return Insns()[0];
}

inline uint32_t Word(std::string_view name, const Fields& fields = {}) {
  return Encode(InsnNamed(name), fields);
}

// Registers are numbers; the last argument of what has one is an immediate.
inline uint32_t R(std::string_view name, int rd, int rs1, int rs2) {
  return Word(name, {.rd = static_cast<uint8_t>(rd),
                     .rs1 = static_cast<uint8_t>(rs1),
                     .rs2 = static_cast<uint8_t>(rs2)});
}
inline uint32_t I(std::string_view name, int rd, int rs1, int imm) {
  return Word(name, {.rd = static_cast<uint8_t>(rd),
                     .rs1 = static_cast<uint8_t>(rs1),
                     .imm = imm});
}
// Stores: value, address; branches: the two compared; then the distance.
inline uint32_t Store(std::string_view name, int rs2, int rs1, int imm) {
  return Word(name, {.rs1 = static_cast<uint8_t>(rs1),
                     .rs2 = static_cast<uint8_t>(rs2),
                     .imm = imm});
}
inline uint32_t Branch(std::string_view name, int rs1, int rs2, int distance) {
  return Word(name, {.rs1 = static_cast<uint8_t>(rs1),
                     .rs2 = static_cast<uint8_t>(rs2),
                     .imm = distance});
}
inline uint32_t Jal(int rd, int distance) {
  return Word("jal", {.rd = static_cast<uint8_t>(rd), .imm = distance});
}
inline uint32_t Nop() { return I("addi", 0, 0, 0); }

// rd = value, always two words.
inline std::vector<uint32_t> Li(int rd, uint32_t value) {
  const uint32_t low = value & 0xfff;
  const uint32_t high = value - (low ^ 0x800u) + 0x800u;
  return {Word("lui", {.rd = static_cast<uint8_t>(rd),
                       .imm = static_cast<int32_t>(high)}),
          I("addi", rd, rd, static_cast<int32_t>(low ^ 0x800u) - 0x800)};
}

// ecall as exit: a7 = 93, a0 = code.
inline std::vector<uint32_t> Exit(int code) {
  return {I("addi", 17, 0, 93), I("addi", 10, 0, code), Word("ecall")};
}

inline void Append(std::vector<uint32_t>* to,
                   const std::vector<uint32_t>& words) {
  to->insert(to->end(), words.begin(), words.end());
}

// Words that mostly are instructions, with short distances.
inline std::vector<uint32_t> RandomWords(uint64_t seed, int count) {
  Rng rng(seed, 5);
  const auto reg = [&] { return static_cast<uint8_t>(rng.Below(32)); };
  std::vector<uint32_t> words;
  for (int i = 0; i < count; ++i) {
    const Insn& insn =
        Insns()[rng.Below(static_cast<uint32_t>(Insns().size()))];
    Fields f{.rd = reg(), .rs1 = reg(), .rs2 = reg(), .rs3 = reg()};
    f.rm = static_cast<uint8_t>(rng.Below(8));
    f.imm = static_cast<int32_t>(rng.Below(256)) * 4 - 256;
    words.push_back(rng.Below(50) == 0 ? rng.Next() : Encode(insn, f));
  }
  return words;
}

}  // namespace triptych::mesh::riscv

#endif  // TRIPTYCH_TESTS_EMULATORS_MESH_RISCV_ASSEMBLER_H_
