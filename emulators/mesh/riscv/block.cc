// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/riscv/block.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "kernels/base/check.h"

namespace triptych::mesh::riscv {
namespace {

constexpr size_t kTableSize = 4096;

uint8_t Result(uint8_t rd) { return rd == 0 ? kSink : rd; }
uint8_t Float(uint8_t reg) { return static_cast<uint8_t>(kFloat0 + reg); }

// Which of an instruction's registers are f registers.
struct Files {
  bool rd = false, rs1 = false, rs2 = false, rs3 = false;
};

Files FilesOf(Format format) {
  switch (format) {
    case Format::kFpLoad:
      return {.rd = true};
    case Format::kFpStore:
      return {.rs2 = true};
    case Format::kFp4:
      return {.rd = true, .rs1 = true, .rs2 = true, .rs3 = true};
    case Format::kFpReg:
    case Format::kFpPlain:
      return {.rd = true, .rs1 = true, .rs2 = true};
    case Format::kFpUnary:
      return {.rd = true, .rs1 = true};
    case Format::kFpToInt:
    case Format::kFpMoveOut:
      return {.rs1 = true};
    case Format::kFpCompare:
      return {.rs1 = true, .rs2 = true};
    case Format::kIntToFp:
    case Format::kFpMoveIn:
      return {.rd = true};
    default:
      return {};
  }
}

bool EndsBlock(OpId id) {
  switch (id) {
    case OpId::kJal:
    case OpId::kJalr:
    case OpId::kBeq:
    case OpId::kBne:
    case OpId::kBlt:
    case OpId::kBge:
    case OpId::kBltu:
    case OpId::kBgeu:
    case OpId::kFenceI:
    case OpId::kEcall:
    case OpId::kEbreak:
    case OpId::kMret:
    case OpId::kIllegal:
    case OpId::kNoFetch:
      return true;
    default:
      return false;
  }
}

// Changes nothing but registers, or reads memory.
bool IsPure(OpId id) {
  if (id >= OpId::kTtinsn) return id == OpId::kEnd;
  const Insn& insn = InsnOf(static_cast<InsnId>(id));
  switch (insn.cost) {
    case Cost::kAlu:
    case Cost::kMul:
    case Cost::kDiv:
    case Cost::kLoad:
    case Cost::kBranch:
    case Cost::kJump:
      return true;
    case Cost::kFence:
      return id == OpId::kFence;
    default:
      return false;  // floating point raises flags
  }
}

}  // namespace

BlockCache::BlockCache(uint32_t extensions, std::array<int32_t, kOps> targets)
    : extensions_(extensions), targets_(targets), table_(kTableSize) {}

void BlockCache::Clear() {
  std::ranges::fill(table_, nullptr);
  blocks_.clear();
}

Op BlockCache::Make(OpId id, uint32_t imm) const {
  return {.target = targets_[static_cast<size_t>(id)],
          .imm = static_cast<int32_t>(imm),
          .id = id};
}

Op BlockCache::DecodeWord(uint32_t word, uint32_t pc) const {
  if ((word & 3) != 3 && (extensions_ & kTtinsn)) {
    return Make(OpId::kTtinsn, std::rotr(word, 2));
  }
  const Insn* insn = FindInsn(word, extensions_);
  if (insn == nullptr) return Make(OpId::kIllegal, word);
  const Fields f = FieldsOf(*insn, word);
  Op op = Make(static_cast<OpId>(insn->id), static_cast<uint32_t>(f.imm));
  const Files floats = FilesOf(insn->format);
  op.rd = floats.rd ? Float(f.rd) : Result(f.rd);
  op.rs1 = floats.rs1 ? Float(f.rs1) : f.rs1;
  op.rs2 = floats.rs2 ? Float(f.rs2) : f.rs2;
  op.rs3 = floats.rs3 ? Float(f.rs3) : 0;
  switch (insn->format) {
    case Format::kAuipc:
    case Format::kJal:
    case Format::kBranch:
      op.imm = static_cast<int32_t>(pc + static_cast<uint32_t>(f.imm));
      break;
    case Format::kFp4:
    case Format::kFpReg:
    case Format::kFpUnary:
    case Format::kFpToInt:
    case Format::kIntToFp:
      op.imm = f.rm;
      break;
    case Format::kFpPlain:
    case Format::kFpMoveOut:
    case Format::kFpCompare:
    case Format::kFpMoveIn:
      op.imm = 0;
      break;  // nothing is rounded
    case Format::kCsrImm:
      op.imm = f.imm | f.rs1 << 12;
      op.rs1 = 0;
      break;
    default:
      break;
  }
  return op;
}

Block* BlockCache::Decode(uint32_t pc, const AddressMap& memory,
                          bool* cleared) {
  TRIPTYCH_DCHECK(pc % 4 == 0, "pc", pc);
  *cleared = blocks_.size() == kMaxBlocks;
  if (*cleared) Clear();
  Block& block = blocks_.emplace_back();
  block.pc = pc;
  decoded_.clear();
  const Region* region = memory.Find(pc);
  for (bool more = true; more; pc += 4) {
    if (block.size == kMaxBlock) {
      decoded_.push_back(Make(OpId::kEnd, 0));
      break;
    }
    if (region == nullptr || !region->executable || !region->Contains(pc)) {
      decoded_.push_back(Make(OpId::kNoFetch, 0));
      ++block.size;
      break;
    }
    const uint32_t offset = pc - region->base;
    uint32_t word;
    std::memcpy(&word, region->ram->data() + offset, sizeof(word));
    region->ram->marks()[offset / Ram::kGranule] |= Ram::kCode;
    Op op = DecodeWord(word, pc);
    op.first_of_line = block.size == 0 || pc % 16 == 0;
    block.pure = block.pure && IsPure(op.id);
    more = !EndsBlock(op.id);
    decoded_.push_back(op);
    ++block.size;
  }
  block.ops.assign(decoded_.begin(), decoded_.end());
  Block*& head = table_[block.pc >> 2 & (table_.size() - 1)];
  block.next = head;
  head = &block;
  return head;
}

}  // namespace triptych::mesh::riscv
