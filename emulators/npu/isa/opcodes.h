// The table of the NPU's commands, one row each: its name, the queue it goes
// to, its operands and its flags. Checks, assembler, disassembler and the test
// of the specification all read this table; isa.h says what commands mean.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_ISA_OPCODES_H_
#define TRIPTYCH_EMULATORS_NPU_ISA_OPCODES_H_

#include <cstdint>
#include <span>
#include <string_view>

#include "emulators/npu/isa/isa.h"

namespace triptych::npu {

// What an operand is: its width, its text and what is allowed in it.
enum class FieldKind : uint8_t {
  kU8,
  kU16,
  kSize16,  // at least 1
  kU32,
  kSize32,  // at least 1
  kI8,
  kI32,
  kI64,
  kF32,
  kRegion,         // u8, a Region
  kRegister,       // u8, < kRegisters
  kTarget,         // u8, a register that is written: not 0
  kEvent,          // u8, 1 .. kEvents - 1
  kOffset,         // u32, bytes in a region
  kLocal,          // u32, a local address
  kOptionalLocal,  // u32, a local address or kNoOperand
  kVectorOp,       // u8
  kOperand,        // u8
  kReduceOp,       // u8
};

struct Field {
  std::string_view name;
  uint8_t offset;  // bytes from the start of Command::operands
  FieldKind kind;
};

// Bytes an operand takes: 1, 2, 4 or 8.
int FieldBytes(FieldKind kind);

// Whether a number fits an operand's width: signed for kI8, kI32 and kI64, else
// from 0.
bool FieldHolds(FieldKind kind, int64_t value);

struct FlagName {
  std::string_view name;
  uint8_t bit;  // the flag's value
};

struct OpcodeInfo {
  Opcode opcode;
  std::string_view name;
  Queue queue;    // of kDmaConfig: kLoad; its flags say which
  bool may_mask;  // Command::cores may name some cores only
  std::span<const Field> fields;
  std::span<const FlagName> flags;
};

// The rows, in the order of Opcode.
std::span<const OpcodeInfo> OpcodeTable();
// Constant time; `opcode` is one of the kOpcodes (a check).
const OpcodeInfo& InfoOf(Opcode opcode);
// Null if there is no such command.
const OpcodeInfo* FindOpcode(std::string_view name);

// Names as the assembler has them, in the order of the enumerations.
std::span<const std::string_view> RegionNames();
std::span<const std::string_view> VectorOpNames();
std::span<const std::string_view> OperandNames();
std::span<const std::string_view> ReduceOpNames();

// True for kAdd .. kMin, which take two operands.
constexpr bool IsBinary(VectorOp op) {
  return op >= VectorOp::kAdd && op <= VectorOp::kMin;
}

// An operand's bits, zero-extended; of signed kinds, sign-extended.
uint64_t ReadField(const Command& command, const Field& field);
void WriteField(Command& command, const Field& field, uint64_t value);

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_ISA_OPCODES_H_
