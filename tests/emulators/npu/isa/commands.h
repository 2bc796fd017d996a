// Short ways to write commands and machines in tests.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TESTS_EMULATORS_NPU_ISA_COMMANDS_H_
#define TRIPTYCH_TESTS_EMULATORS_NPU_ISA_COMMANDS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "emulators/npu/isa/check.h"
#include "emulators/npu/isa/isa.h"

namespace triptych::npu {

// A machine small enough that its memories can be compared byte for byte.
inline MachineSize SmallMachine(int cores = 1) {
  MachineSize m;
  m.cores = cores;
  m.array_rows = 16;
  m.array_cols = 16;
  m.scratchpad_bytes = 8192;
  m.accumulator_rows = 64;
  m.l2_bytes = 4096;
  m.region_bytes = {4096, 4096, 4096, 4096, 4096};
  return m;
}

inline Command Plain(Opcode opcode, uint8_t flags = 0) {
  Command c;
  c.opcode = opcode;
  c.flags = flags;
  return c;
}
inline Command Marked(uint32_t id) {
  Command c = Plain(Opcode::kMark);
  c.operands.mark = {id};
  return c;
}
inline Command OnRegister(Opcode opcode, uint8_t reg, int64_t value) {
  Command c = Plain(opcode);
  c.operands.reg = {reg, {}, value};
  return c;
}
inline Command LoopOf(uint32_t count) {
  Command c = Plain(Opcode::kLoop);
  c.operands.loop = {count};
  return c;
}
inline Command End() { return Plain(Opcode::kEnd); }
inline Command Barrier() { return Plain(Opcode::kBarrier); }
inline Command Give(uint8_t event, uint16_t count) {
  Command c = Plain(Opcode::kEvent);
  c.operands.credit = {event, 0, count};
  return c;
}
// Rows of bytes, kLoad, kGather or kStore.
inline Command Moves(Opcode opcode, Region region, uint32_t offset,
                     uint32_t local, uint32_t size0, uint16_t size1 = 1,
                     uint8_t reg = 0) {
  Command c = Plain(opcode);
  c.operands.dma = {static_cast<uint8_t>(region),
                    reg,
                    size1,
                    1,
                    0,
                    0,
                    size0,
                    offset,
                    local,
                    0};
  return c;
}
inline Command Weights(uint32_t local, uint16_t k, uint16_t n) {
  Command c = Plain(Opcode::kLoadWeights);
  c.operands.load_weights = {local, 0, k, n};
  return c;
}
inline Command Product(uint32_t a, uint32_t acc_row, uint16_t rows,
                       uint8_t flags) {
  Command c = Plain(Opcode::kMatmul, flags);
  c.operands.matmul = {a, 0, acc_row, rows, 0};
  return c;
}
inline Command Vectors(VectorOp op, uint32_t src0, uint32_t src1, uint32_t dst,
                       uint16_t rows, uint16_t cols,
                       Operand operand = Operand::kFull) {
  Command c = Plain(Opcode::kVector);
  c.operands.vector = {src0, src1, dst, rows, cols, op, operand};
  return c;
}

}  // namespace triptych::npu

#endif  // TRIPTYCH_TESTS_EMULATORS_NPU_ISA_COMMANDS_H_
