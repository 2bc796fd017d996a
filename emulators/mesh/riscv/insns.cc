// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/riscv/insns.h"

#include <array>
#include <vector>

namespace triptych::mesh::riscv {
namespace {

constexpr std::array kMasks = {
#define TRIPTYCH_RISCV_MASK(format, mask) uint32_t{mask},
    TRIPTYCH_RISCV_FORMATS(TRIPTYCH_RISCV_MASK)
#undef TRIPTYCH_RISCV_MASK
};

constexpr uint32_t MaskOf(Format format) {
  return kMasks[static_cast<size_t>(format)];
}

constexpr std::array kInsns = {
#define TRIPTYCH_RISCV_ROW(id, name, format, match, cost, extension, ...) \
  Insn{InsnId::k##id,                                                     \
       name,                                                              \
       Format::k##format,                                                 \
       MaskOf(Format::k##format),                                         \
       match,                                                             \
       Cost::k##cost,                                                     \
       Extension::k##extension},
    TRIPTYCH_RISCV_INSNS(TRIPTYCH_RISCV_ROW)
#undef TRIPTYCH_RISCV_ROW
};

// Rows by major opcode, of which each has few.
using Buckets = std::array<std::vector<const Insn*>, 128>;
Buckets MakeBuckets() {
  Buckets buckets;
  for (const Insn& insn : kInsns) buckets[insn.match & 127].push_back(&insn);
  return buckets;
}

constexpr uint32_t Bits(uint32_t word, int low, int count) {
  return word >> low & ((1u << count) - 1);
}

constexpr int32_t Signed(uint32_t value, int bits) {
  return static_cast<int32_t>(value << (32 - bits)) >> (32 - bits);
}

constexpr int32_t JalOffset(uint32_t word) {
  return Signed(Bits(word, 31, 1) << 20 | Bits(word, 12, 8) << 12 |
                    Bits(word, 20, 1) << 11 | Bits(word, 21, 10) << 1,
                21);
}

constexpr int32_t BranchOffset(uint32_t word) {
  return Signed(Bits(word, 31, 1) << 12 | Bits(word, 7, 1) << 11 |
                    Bits(word, 25, 6) << 5 | Bits(word, 8, 4) << 1,
                13);
}

constexpr uint32_t JalBits(uint32_t imm) {
  return Bits(imm, 20, 1) << 31 | Bits(imm, 1, 10) << 21 |
         Bits(imm, 11, 1) << 20 | Bits(imm, 12, 8) << 12;
}

constexpr uint32_t BranchBits(uint32_t imm) {
  return Bits(imm, 12, 1) << 31 | Bits(imm, 5, 6) << 25 | Bits(imm, 1, 4) << 8 |
         Bits(imm, 11, 1) << 7;
}

// Which fields a format has.
struct Shape {
  bool rd = false, rs1 = false, rs2 = false, rs3 = false, rm = false;
};

Shape ShapeOf(Format format) {
  switch (format) {
    case Format::kReg:
    case Format::kSc:
    case Format::kAmo:
    case Format::kFpPlain:
    case Format::kFpCompare:
      return {.rd = true, .rs1 = true, .rs2 = true};
    case Format::kImm:
    case Format::kShift:
    case Format::kUnary:
    case Format::kJalr:
    case Format::kLoad:
    case Format::kFpLoad:
    case Format::kCsr:
    case Format::kCsrImm:
    case Format::kLr:
    case Format::kFence:
    case Format::kFenceI:
    case Format::kFpMoveOut:
    case Format::kFpMoveIn:
      return {.rd = true, .rs1 = true};
    case Format::kU:
    case Format::kAuipc:
    case Format::kJal:
      return {.rd = true};
    case Format::kBranch:
    case Format::kStore:
    case Format::kFpStore:
      return {.rs1 = true, .rs2 = true};
    case Format::kEcall:
    case Format::kEbreak:
    case Format::kMret:
    case Format::kWfi:
      return {};
    case Format::kFp4:
      return {.rd = true, .rs1 = true, .rs2 = true, .rs3 = true, .rm = true};
    case Format::kFpReg:
      return {.rd = true, .rs1 = true, .rs2 = true, .rm = true};
    case Format::kFpUnary:
    case Format::kFpToInt:
    case Format::kIntToFp:
      return {.rd = true, .rs1 = true, .rm = true};
  }
  return {};
}

int32_t ImmediateOf(Format format, uint32_t word) {
  switch (format) {
    case Format::kImm:
    case Format::kJalr:
    case Format::kLoad:
    case Format::kFpLoad:
    case Format::kFenceI:
      return Signed(word >> 20, 12);
    case Format::kShift:
      return static_cast<int32_t>(Bits(word, 20, 5));
    case Format::kCsr:
    case Format::kCsrImm:
    case Format::kFence:
      return static_cast<int32_t>(word >> 20);
    case Format::kU:
    case Format::kAuipc:
      return static_cast<int32_t>(word & 0xfffff000u);
    case Format::kJal:
      return JalOffset(word);
    case Format::kBranch:
      return BranchOffset(word);
    case Format::kStore:
    case Format::kFpStore:
      return Signed(Bits(word, 25, 7) << 5 | Bits(word, 7, 5), 12);
    case Format::kLr:
    case Format::kSc:
    case Format::kAmo:
      return static_cast<int32_t>(Bits(word, 25, 2));
    default:
      return 0;
  }
}

uint32_t ImmediateBits(Format format, uint32_t imm) {
  switch (format) {
    case Format::kImm:
    case Format::kJalr:
    case Format::kLoad:
    case Format::kFpLoad:
    case Format::kFenceI:
    case Format::kCsr:
    case Format::kCsrImm:
    case Format::kFence:
      return imm << 20;
    case Format::kShift:
      return Bits(imm, 0, 5) << 20;
    case Format::kU:
    case Format::kAuipc:
      return imm & 0xfffff000u;
    case Format::kJal:
      return JalBits(imm);
    case Format::kBranch:
      return BranchBits(imm);
    case Format::kStore:
    case Format::kFpStore:
      return Bits(imm, 5, 7) << 25 | Bits(imm, 0, 5) << 7;
    case Format::kLr:
    case Format::kSc:
    case Format::kAmo:
      return Bits(imm, 0, 2) << 25;
    default:
      return 0;
  }
}

}  // namespace

std::span<const Insn> Insns() { return kInsns; }

const Insn* FindInsn(uint32_t word, uint32_t extensions) {
  static const Buckets buckets = MakeBuckets();
  for (const Insn* insn : buckets[word & 127]) {
    if ((word & insn->mask) == insn->match && (insn->extension & extensions)) {
      return insn;
    }
  }
  return nullptr;
}

Fields FieldsOf(const Insn& insn, uint32_t word) {
  const Shape shape = ShapeOf(insn.format);
  const auto field = [&](bool present, int low, int count) {
    return static_cast<uint8_t>(present ? Bits(word, low, count) : 0);
  };
  return {.rd = field(shape.rd, 7, 5),
          .rs1 = field(shape.rs1, 15, 5),
          .rs2 = field(shape.rs2, 20, 5),
          .rs3 = field(shape.rs3, 27, 5),
          .rm = field(shape.rm, 12, 3),
          .imm = ImmediateOf(insn.format, word)};
}

uint32_t Encode(const Insn& insn, const Fields& fields) {
  const Shape shape = ShapeOf(insn.format);
  const auto imm = static_cast<uint32_t>(fields.imm);
  uint32_t word = insn.match | ImmediateBits(insn.format, imm);
  if (shape.rd) word |= (fields.rd & 31u) << 7;
  if (shape.rs1) word |= (fields.rs1 & 31u) << 15;
  if (shape.rs2) word |= (fields.rs2 & 31u) << 20;
  if (shape.rs3) word |= (fields.rs3 & 31u) << 27;
  if (shape.rm) word |= (fields.rm & 7u) << 12;
  return word;
}

}  // namespace triptych::mesh::riscv
