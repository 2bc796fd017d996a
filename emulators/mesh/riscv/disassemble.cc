// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/riscv/disassemble.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <string_view>

#include "emulators/mesh/riscv/csrs.h"
#include "emulators/mesh/riscv/insns.h"

namespace triptych::mesh::riscv {
namespace {

constexpr std::array<std::string_view, 8> kRounding = {
    "rne", "rtz", "rdn", "rup", "rmm", "unknown", "unknown", "dyn"};

std::string CsrName(uint32_t number) {
  const Csr* csr = FindCsr(number);
  // The custom ones are not known to assemblers.
  const bool custom = number >= 0x7c0 && number < 0x7ff;
  return csr == nullptr || custom ? fmt::format("{:#x}", number)
                                  : std::string(csr->name);
}

// The predecessor or successor set of a fence.
std::string FenceSet(uint32_t bits) {
  std::string text;
  for (int i = 0; i < 4; ++i) {
    if (bits >> (3 - i) & 1) text += "iorw"[i];
  }
  return text.empty() ? "unknown" : text;
}

std::string Target(uint32_t pc, int32_t offset) {
  return fmt::format("{:x}", pc + static_cast<uint32_t>(offset));
}

std::string_view Ordering(int32_t aq_rl) {
  constexpr std::array<std::string_view, 4> kText = {"", ".rl", ".aq", ".aqrl"};
  return kText[static_cast<size_t>(aq_rl & 3)];
}

std::string IntegerOperands(const Insn& insn, const Fields& f, uint32_t pc) {
  const auto imm = static_cast<uint32_t>(f.imm);
  switch (insn.format) {
    case Format::kReg:
      return fmt::format("x{},x{},x{}", f.rd, f.rs1, f.rs2);
    case Format::kImm:
      return fmt::format("x{},x{},{}", f.rd, f.rs1, f.imm);
    case Format::kShift:
      return fmt::format("x{},x{},{:#x}", f.rd, f.rs1, imm);
    case Format::kUnary:
      return fmt::format("x{},x{}", f.rd, f.rs1);
    case Format::kU:
    case Format::kAuipc:
      return fmt::format("x{},{:#x}", f.rd, imm >> 12);
    case Format::kJal:
      return fmt::format("x{},{}", f.rd, Target(pc, f.imm));
    case Format::kLoad:
    case Format::kJalr:
      return fmt::format("x{},{}(x{})", f.rd, f.imm, f.rs1);
    case Format::kStore:
      return fmt::format("x{},{}(x{})", f.rs2, f.imm, f.rs1);
    case Format::kBranch:
      return fmt::format("x{},x{},{}", f.rs1, f.rs2, Target(pc, f.imm));
    case Format::kFence:
      return FenceSet(imm >> 4 & 15) + "," + FenceSet(imm & 15);
    case Format::kCsr:
      return fmt::format("x{},{},x{}", f.rd, CsrName(imm), f.rs1);
    case Format::kCsrImm:
      return fmt::format("x{},{},{}", f.rd, CsrName(imm), f.rs1);
    case Format::kLr:
      return fmt::format("x{},(x{})", f.rd, f.rs1);
    case Format::kSc:
    case Format::kAmo:
      return fmt::format("x{},x{},(x{})", f.rd, f.rs2, f.rs1);
    default:
      return {};
  }
}

std::string FloatOperands(const Insn& insn, const Fields& f) {
  const std::string_view rm = kRounding[f.rm & 7];
  switch (insn.format) {
    case Format::kFpLoad:
      return fmt::format("f{},{}(x{})", f.rd, f.imm, f.rs1);
    case Format::kFpStore:
      return fmt::format("f{},{}(x{})", f.rs2, f.imm, f.rs1);
    case Format::kFp4:
      return fmt::format("f{},f{},f{},f{},{}", f.rd, f.rs1, f.rs2, f.rs3, rm);
    case Format::kFpReg:
      return fmt::format("f{},f{},f{},{}", f.rd, f.rs1, f.rs2, rm);
    case Format::kFpUnary:
      return fmt::format("f{},f{},{}", f.rd, f.rs1, rm);
    case Format::kFpPlain:
      return fmt::format("f{},f{},f{}", f.rd, f.rs1, f.rs2);
    case Format::kFpToInt:
      return fmt::format("x{},f{},{}", f.rd, f.rs1, rm);
    case Format::kFpMoveOut:
      return fmt::format("x{},f{}", f.rd, f.rs1);
    case Format::kFpCompare:
      return fmt::format("x{},f{},f{}", f.rd, f.rs1, f.rs2);
    case Format::kIntToFp:
      return fmt::format("f{},x{},{}", f.rd, f.rs1, rm);
    case Format::kFpMoveIn:
      return fmt::format("f{},x{}", f.rd, f.rs1);
    default:
      return {};
  }
}

bool IsAtomic(Format format) {
  return format == Format::kAmo || format == Format::kLr ||
         format == Format::kSc;
}

}  // namespace

std::string Disassemble(uint32_t word, uint32_t pc, uint32_t extensions) {
  if ((word & 3) != 3 && (extensions & kTtinsn)) {
    return fmt::format(".ttinsn {:#010x}", std::rotr(word, 2));
  }
  const Insn* insn = FindInsn(word, extensions);
  if (insn == nullptr) return fmt::format(".word {:#010x}", word);
  const Fields f = FieldsOf(*insn, word);
  std::string operands = insn->extension == kF ? FloatOperands(*insn, f)
                                               : IntegerOperands(*insn, f, pc);
  std::string text(insn->name);
  if (IsAtomic(insn->format)) text += Ordering(f.imm);
  if (!operands.empty()) text += " " + operands;
  return text;
}

}  // namespace triptych::mesh::riscv
