// Instructions as the interpreter wants them: decoded, in runs that end where
// control may go elsewhere, and a cache of such runs by address.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_RISCV_BLOCK_H_
#define TRIPTYCH_EMULATORS_MESH_RISCV_BLOCK_H_

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "emulators/mesh/riscv/insns.h"
#include "emulators/mesh/riscv/memory.h"

namespace triptych::mesh::riscv {

// One file of registers: x0..x31, f0..f31, and a sink that stands for x0
// where a result goes.
inline constexpr uint8_t kFloat0 = 32, kSink = 64;
inline constexpr size_t kRegisters = 65;

// What is executed: the instructions, and what stands at the end of a block
// that has no jump.
enum class OpId : uint8_t {
#define TRIPTYCH_RISCV_ID(id, ...) k##id,
  TRIPTYCH_RISCV_INSNS(TRIPTYCH_RISCV_ID)
#undef TRIPTYCH_RISCV_ID
      kTtinsn,  // imm is the coprocessor's instruction
  kEnd,         // on to the next block; no instruction
  kIllegal,     // imm is the word
  kNoFetch,     // nothing to execute here
};
inline constexpr size_t kOps = static_cast<size_t>(OpId::kNoFetch) + 1;

// Registers that are not there are x0. Immediates are as in Fields, but the
// target itself for auipc, jal and branches; a rounding mode for floating
// point; a CSR's number, with the operand of the immediate forms above it.
struct Op {
  int32_t target = 0;  // of the interpreter: where this op's body is
  int32_t imm = 0;
  uint8_t rd = kSink, rs1 = 0, rs2 = 0, rs3 = 0;
  OpId id = OpId::kIllegal;
  bool first_of_line = false;  // of the instruction cache
};

struct Block {
  uint32_t pc = 0;
  uint32_t size = 0;  // instructions, without kEnd
  // Nothing but registers, loads and fences: may be part of a polling loop.
  bool pure = true;
  // Where it goes on, once that is known.
  Block* taken = nullptr;
  Block* falls = nullptr;
  Block* next = nullptr;  // in the cache, behind the same hash
  std::vector<Op> ops;
};

// Blocks of one core. They stay where they are until Clear().
class BlockCache {
 public:
  static constexpr uint32_t kMaxBlock = 32;      // instructions
  static constexpr size_t kMaxBlocks = 1 << 14;  // then all are forgotten

  // `targets[id]` is what Op::target becomes.
  BlockCache(uint32_t extensions, std::array<int32_t, kOps> targets);

  Block* Find(uint32_t pc) const {
    Block* block = table_[pc >> 2 & (table_.size() - 1)];
    while (block != nullptr && block->pc != pc) block = block->next;
    return block;
  }

  // Decodes from memory as it is now, and marks it (Ram::kCode). `pc` is a
  // multiple of 4 and not in the cache. True in `cleared`: all earlier
  // blocks are gone.
  Block* Decode(uint32_t pc, const AddressMap& memory, bool* cleared);

  void Clear();
  size_t size() const { return blocks_.size(); }

 private:
  Op Make(OpId id, uint32_t imm) const;
  Op DecodeWord(uint32_t word, uint32_t pc) const;

  uint32_t extensions_;
  std::array<int32_t, kOps> targets_;
  std::vector<Block*> table_;
  std::deque<Block> blocks_;
  std::vector<Op> decoded_;  // of Decode(): a block's own take no more room
                             // than they need
};

}  // namespace triptych::mesh::riscv

#endif  // TRIPTYCH_EMULATORS_MESH_RISCV_BLOCK_H_
