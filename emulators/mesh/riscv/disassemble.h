// Words as text.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_RISCV_DISASSEMBLE_H_
#define TRIPTYCH_EMULATORS_MESH_RISCV_DISASSEMBLE_H_

#include <cstdint>
#include <string>

namespace triptych::mesh::riscv {

// "lw x5,8(x6)": mnemonics and operands as GNU objdump prints them with
// -M no-aliases,numeric, targets of jumps as addresses ("beq x1,x2,1010").
// Words that are no instruction of `extensions`: ".word 0x12345678", and
// ".ttinsn 0x..." where those are instructions.
std::string Disassemble(uint32_t word, uint32_t pc, uint32_t extensions = ~0u);

}  // namespace triptych::mesh::riscv

#endif  // TRIPTYCH_EMULATORS_MESH_RISCV_DISASSEMBLE_H_
