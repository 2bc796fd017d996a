// The instructions of the baby cores: one table, from which decoder,
// disassembler, encoder, interpreter and tests are made.
//
// RV32IM + Zicsr, Zifencei, Zaamo, Zba, Zbb, F as Blackhole's cores have them
// (ISA documentation of Tenstorrent, BlackholeA0 BabyRISCV/README.md), Zalrsc
// and two machine-mode instructions for programs that expect a whole hart.
// Encodings: The RISC-V Instruction Set Manual, volume I, "RV32/64G
// Instruction Set Listings", and the Bit-Manipulation ISA-extensions 1.0.0.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_RISCV_INSNS_H_
#define TRIPTYCH_EMULATORS_MESH_RISCV_INSNS_H_

#include <cstdint>
#include <span>
#include <string_view>

// X(identifier, mnemonic, format, match, cost, extension, semantics)
//
// Semantics, in words a, b, c of 32 bits:
//   registers in, register out  the result; b is rs2 or the immediate, e is
//                               the fp::Env to round by
//   Branch                      whether it is taken
//   Load, Store                 the type in memory
//   Amo, Csr                    what is written: a was there, b is the operand
// and 0 where the interpreter has a body of its own.
// clang-format off
#define TRIPTYCH_RISCV_INSNS(X)                                               \
  X(Lui, "lui", U, 0x00000037, Alu, I, b)                                      \
  X(Auipc, "auipc", Auipc, 0x00000017, Alu, I, b)                              \
  X(Jal, "jal", Jal, 0x0000006f, Jump, I, 0)                                   \
  X(Jalr, "jalr", Jalr, 0x00000067, Jump, I, 0)                                \
  X(Beq, "beq", Branch, 0x00000063, Branch, I, a == b)                         \
  X(Bne, "bne", Branch, 0x00001063, Branch, I, a != b)                         \
  X(Blt, "blt", Branch, 0x00004063, Branch, I, S(a) < S(b))                    \
  X(Bge, "bge", Branch, 0x00005063, Branch, I, S(a) >= S(b))                   \
  X(Bltu, "bltu", Branch, 0x00006063, Branch, I, a < b)                        \
  X(Bgeu, "bgeu", Branch, 0x00007063, Branch, I, a >= b)                       \
  X(Lb, "lb", Load, 0x00000003, Load, I, int8_t)                               \
  X(Lh, "lh", Load, 0x00001003, Load, I, int16_t)                              \
  X(Lw, "lw", Load, 0x00002003, Load, I, int32_t)                              \
  X(Lbu, "lbu", Load, 0x00004003, Load, I, uint8_t)                            \
  X(Lhu, "lhu", Load, 0x00005003, Load, I, uint16_t)                           \
  X(Sb, "sb", Store, 0x00000023, Store, I, uint8_t)                            \
  X(Sh, "sh", Store, 0x00001023, Store, I, uint16_t)                           \
  X(Sw, "sw", Store, 0x00002023, Store, I, uint32_t)                           \
  X(Addi, "addi", Imm, 0x00000013, Alu, I, a + b)                              \
  X(Slti, "slti", Imm, 0x00002013, Alu, I, S(a) < S(b))                        \
  X(Sltiu, "sltiu", Imm, 0x00003013, Alu, I, a < b)                            \
  X(Xori, "xori", Imm, 0x00004013, Alu, I, a ^ b)                              \
  X(Ori, "ori", Imm, 0x00006013, Alu, I, a | b)                                \
  X(Andi, "andi", Imm, 0x00007013, Alu, I, a & b)                              \
  X(Slli, "slli", Shift, 0x00001013, Alu, I, a << b)                           \
  X(Srli, "srli", Shift, 0x00005013, Alu, I, a >> b)                           \
  X(Srai, "srai", Shift, 0x40005013, Alu, I, U(S(a) >> b))                     \
  X(Add, "add", Reg, 0x00000033, Alu, I, a + b)                                \
  X(Sub, "sub", Reg, 0x40000033, Alu, I, a - b)                                \
  X(Sll, "sll", Reg, 0x00001033, Alu, I, a << (b & 31))                        \
  X(Slt, "slt", Reg, 0x00002033, Alu, I, S(a) < S(b))                          \
  X(Sltu, "sltu", Reg, 0x00003033, Alu, I, a < b)                              \
  X(Xor, "xor", Reg, 0x00004033, Alu, I, a ^ b)                                \
  X(Srl, "srl", Reg, 0x00005033, Alu, I, a >> (b & 31))                        \
  X(Sra, "sra", Reg, 0x40005033, Alu, I, U(S(a) >> (b & 31)))                  \
  X(Or, "or", Reg, 0x00006033, Alu, I, a | b)                                  \
  X(And, "and", Reg, 0x00007033, Alu, I, a & b)                                \
  X(Fence, "fence", Fence, 0x0000000f, Fence, I, 0)                            \
  X(FenceI, "fence.i", FenceI, 0x0000100f, Fence, Zifencei, 0)                 \
  X(Ecall, "ecall", Ecall, 0x00000073, System, I, 0)                           \
  X(Ebreak, "ebreak", Ebreak, 0x00100073, System, I, 0)                        \
  X(Mret, "mret", Mret, 0x30200073, System, Machine, 0)                        \
  X(Wfi, "wfi", Wfi, 0x10500073, System, Machine, 0)                           \
  X(Csrrw, "csrrw", Csr, 0x00001073, Csr, Zicsr, b)                            \
  X(Csrrs, "csrrs", Csr, 0x00002073, Csr, Zicsr, a | b)                        \
  X(Csrrc, "csrrc", Csr, 0x00003073, Csr, Zicsr, a & ~b)                       \
  X(Csrrwi, "csrrwi", CsrImm, 0x00005073, Csr, Zicsr, b)                       \
  X(Csrrsi, "csrrsi", CsrImm, 0x00006073, Csr, Zicsr, a | b)                   \
  X(Csrrci, "csrrci", CsrImm, 0x00007073, Csr, Zicsr, a & ~b)                  \
  X(Mul, "mul", Reg, 0x02000033, Mul, M, a * b)                                \
  X(Mulh, "mulh", Reg, 0x02001033, Mul, M, HighProduct(S(a), S(b)))            \
  X(Mulhsu, "mulhsu", Reg, 0x02002033, Mul, M, HighProduct(S(a), b))           \
  X(Mulhu, "mulhu", Reg, 0x02003033, Mul, M, HighProductUnsigned(a, b))        \
  X(Div, "div", Reg, 0x02004033, Div, M, Divide(a, b))                         \
  X(Divu, "divu", Reg, 0x02005033, Div, M, DivideUnsigned(a, b))               \
  X(Rem, "rem", Reg, 0x02006033, Div, M, Remainder(a, b))                      \
  X(Remu, "remu", Reg, 0x02007033, Div, M, RemainderUnsigned(a, b))            \
  X(LrW, "lr.w", Lr, 0x1000202f, Amo, Zalrsc, 0)                               \
  X(ScW, "sc.w", Sc, 0x1800202f, Amo, Zalrsc, 0)                               \
  X(AmoswapW, "amoswap.w", Amo, 0x0800202f, Amo, Zaamo, b)                     \
  X(AmoaddW, "amoadd.w", Amo, 0x0000202f, Amo, Zaamo, a + b)                   \
  X(AmoxorW, "amoxor.w", Amo, 0x2000202f, Amo, Zaamo, a ^ b)                   \
  X(AmoandW, "amoand.w", Amo, 0x6000202f, Amo, Zaamo, a & b)                   \
  X(AmoorW, "amoor.w", Amo, 0x4000202f, Amo, Zaamo, a | b)                     \
  X(AmominW, "amomin.w", Amo, 0x8000202f, Amo, Zaamo, S(a) < S(b) ? a : b)     \
  X(AmomaxW, "amomax.w", Amo, 0xa000202f, Amo, Zaamo, S(a) > S(b) ? a : b)     \
  X(AmominuW, "amominu.w", Amo, 0xc000202f, Amo, Zaamo, a < b ? a : b)         \
  X(AmomaxuW, "amomaxu.w", Amo, 0xe000202f, Amo, Zaamo, a > b ? a : b)         \
  X(Sh1add, "sh1add", Reg, 0x20002033, Alu, Zba, (a << 1) + b)                 \
  X(Sh2add, "sh2add", Reg, 0x20004033, Alu, Zba, (a << 2) + b)                 \
  X(Sh3add, "sh3add", Reg, 0x20006033, Alu, Zba, (a << 3) + b)                 \
  X(Andn, "andn", Reg, 0x40007033, Alu, Zbb, a & ~b)                           \
  X(Orn, "orn", Reg, 0x40006033, Alu, Zbb, a | ~b)                             \
  X(Xnor, "xnor", Reg, 0x40004033, Alu, Zbb, ~(a ^ b))                         \
  X(Clz, "clz", Unary, 0x60001013, Alu, Zbb, U(std::countl_zero(a)))           \
  X(Ctz, "ctz", Unary, 0x60101013, Alu, Zbb, U(std::countr_zero(a)))           \
  X(Cpop, "cpop", Unary, 0x60201013, Alu, Zbb, U(std::popcount(a)))            \
  X(SextB, "sext.b", Unary, 0x60401013, Alu, Zbb, U(static_cast<int8_t>(a)))   \
  X(SextH, "sext.h", Unary, 0x60501013, Alu, Zbb, U(static_cast<int16_t>(a)))  \
  X(ZextH, "zext.h", Unary, 0x08004033, Alu, Zbb, a & 0xffff)                  \
  X(Min, "min", Reg, 0x0a004033, Alu, Zbb, S(a) < S(b) ? a : b)                \
  X(Minu, "minu", Reg, 0x0a005033, Alu, Zbb, a < b ? a : b)                    \
  X(Max, "max", Reg, 0x0a006033, Alu, Zbb, S(a) > S(b) ? a : b)                \
  X(Maxu, "maxu", Reg, 0x0a007033, Alu, Zbb, a > b ? a : b)                    \
  X(Rol, "rol", Reg, 0x60001033, Alu, Zbb, std::rotl(a, S(b & 31)))            \
  X(Ror, "ror", Reg, 0x60005033, Alu, Zbb, std::rotr(a, S(b & 31)))            \
  X(Rori, "rori", Shift, 0x60005013, Alu, Zbb, std::rotr(a, S(b)))             \
  X(OrcB, "orc.b", Unary, 0x28705013, Alu, Zbb, OrCombineBytes(a))             \
  X(Rev8, "rev8", Unary, 0x69805013, Alu, Zbb, ReverseBytes(a))                \
  X(Flw, "flw", FpLoad, 0x00002007, Load, F, int32_t)                          \
  X(Fsw, "fsw", FpStore, 0x00002027, Store, F, uint32_t)                       \
  X(FmaddS, "fmadd.s", Fp4, 0x00000043, Fp, F, fp::Fma(a, b, c, e))            \
  X(FmsubS, "fmsub.s", Fp4, 0x00000047, Fp, F, fp::Fma(a, b, Negated(c), e))   \
  X(FnmsubS, "fnmsub.s", Fp4, 0x0000004b, Fp, F, fp::Fma(Negated(a), b, c, e)) \
  X(FnmaddS, "fnmadd.s", Fp4, 0x0000004f, Fp, F,                               \
    fp::Fma(Negated(a), b, Negated(c), e))                                     \
  X(FaddS, "fadd.s", FpReg, 0x00000053, Fp, F, fp::Add(a, b, e))               \
  X(FsubS, "fsub.s", FpReg, 0x08000053, Fp, F, fp::Sub(a, b, e))               \
  X(FmulS, "fmul.s", FpReg, 0x10000053, Fp, F, fp::Mul(a, b, e))               \
  X(FdivS, "fdiv.s", FpReg, 0x18000053, FpDiv, F, fp::Div(a, b, e))            \
  X(FsqrtS, "fsqrt.s", FpUnary, 0x58000053, FpDiv, F, fp::Sqrt(a, e))          \
  X(FsgnjS, "fsgnj.s", FpPlain, 0x20000053, Fp, F, WithSign(a, b))             \
  X(FsgnjnS, "fsgnjn.s", FpPlain, 0x20001053, Fp, F, WithSign(a, Negated(b)))  \
  X(FsgnjxS, "fsgnjx.s", FpPlain, 0x20002053, Fp, F, WithSign(a, a ^ b))       \
  X(FminS, "fmin.s", FpPlain, 0x28000053, Fp, F, fp::Min(a, b, e))             \
  X(FmaxS, "fmax.s", FpPlain, 0x28001053, Fp, F, fp::Max(a, b, e))             \
  X(FcvtWS, "fcvt.w.s", FpToInt, 0xc0000053, Fp, F, fp::ToInt32(a, e))         \
  X(FcvtWuS, "fcvt.wu.s", FpToInt, 0xc0100053, Fp, F, fp::ToUint32(a, e))      \
  X(FmvXW, "fmv.x.w", FpMoveOut, 0xe0000053, Fp, F, a)                         \
  X(FeqS, "feq.s", FpCompare, 0xa0002053, Fp, F, fp::Equal(a, b, e))           \
  X(FltS, "flt.s", FpCompare, 0xa0001053, Fp, F, fp::Less(a, b, e))            \
  X(FleS, "fle.s", FpCompare, 0xa0000053, Fp, F, fp::LessOrEqual(a, b, e))     \
  X(FclassS, "fclass.s", FpMoveOut, 0xe0001053, Fp, F, fp::Class(a))           \
  X(FcvtSW, "fcvt.s.w", IntToFp, 0xd0000053, Fp, F, fp::FromInt32(a, e))       \
  X(FcvtSWu, "fcvt.s.wu", IntToFp, 0xd0100053, Fp, F, fp::FromUint32(a, e))    \
  X(FmvWX, "fmv.w.x", FpMoveIn, 0xf0000053, Fp, F, a)
// clang-format on

// X(format, mask): the bits that `match` fixes.
#define TRIPTYCH_RISCV_FORMATS(X) \
  X(Reg, 0xfe00707f)              \
  X(Imm, 0x0000707f)              \
  X(Shift, 0xfe00707f)            \
  X(Unary, 0xfff0707f)            \
  X(U, 0x0000007f)                \
  X(Auipc, 0x0000007f)            \
  X(Jal, 0x0000007f)              \
  X(Jalr, 0x0000707f)             \
  X(Branch, 0x0000707f)           \
  X(Load, 0x0000707f)             \
  X(Store, 0x0000707f)            \
  X(Fence, 0x0000707f)            \
  X(FenceI, 0x0000707f)           \
  X(Ecall, 0xffffffff)            \
  X(Ebreak, 0xffffffff)           \
  X(Mret, 0xffffffff)             \
  X(Wfi, 0xffffffff)              \
  X(Csr, 0x0000707f)              \
  X(CsrImm, 0x0000707f)           \
  X(Lr, 0xf9f0707f)               \
  X(Sc, 0xf800707f)               \
  X(Amo, 0xf800707f)              \
  X(FpLoad, 0x0000707f)           \
  X(FpStore, 0x0000707f)          \
  X(Fp4, 0x0600007f)              \
  X(FpReg, 0xfe00007f)            \
  X(FpUnary, 0xfff0007f)          \
  X(FpPlain, 0xfe00707f)          \
  X(FpToInt, 0xfff0007f)          \
  X(FpMoveOut, 0xfff0707f)        \
  X(FpCompare, 0xfe00707f)        \
  X(IntToFp, 0xfff0007f)          \
  X(FpMoveIn, 0xfff0707f)

namespace triptych::mesh::riscv {

enum class InsnId : uint8_t {
#define TRIPTYCH_RISCV_ID(id, ...) k##id,
  TRIPTYCH_RISCV_INSNS(TRIPTYCH_RISCV_ID)
#undef TRIPTYCH_RISCV_ID
};

enum class Format : uint8_t {
#define TRIPTYCH_RISCV_ID(format, mask) k##format,
  TRIPTYCH_RISCV_FORMATS(TRIPTYCH_RISCV_ID)
#undef TRIPTYCH_RISCV_ID
};

// What an instruction occupies: pipeline.h has the cycles.
enum class Cost : uint8_t {
  kAlu,
  kMul,
  kDiv,
  kFp,
  kFpDiv,
  kLoad,
  kStore,
  kAmo,
  kBranch,
  kJump,
  kCsr,
  kFence,
  kSystem,
};

// Bits of a set.
enum Extension : uint32_t {
  kI = 1 << 0,
  kM = 1 << 1,
  kZaamo = 1 << 2,
  kZalrsc = 1 << 3,
  kZba = 1 << 4,
  kZbb = 1 << 5,
  kF = 1 << 6,
  kZicsr = 1 << 7,
  kZifencei = 1 << 8,
  kMachine = 1 << 9,  // mret, wfi, and CSRs that steer traps
  kTtinsn = 1 << 10,  // words whose last two bits are not 11: see core.h
};

struct Insn {
  InsnId id;
  std::string_view name;
  Format format;
  uint32_t mask, match;
  Cost cost;
  Extension extension;
};

// Rows in the order of InsnId.
std::span<const Insn> Insns();
inline const Insn& InsnOf(InsnId id) {
  return Insns()[static_cast<size_t>(id)];
}

// The instruction of a word, among those of `extensions`; nullptr if it is
// none. The rounding mode of floating point may still be an invalid one.
const Insn* FindInsn(uint32_t word, uint32_t extensions = ~0u);

// The parts of a word. `imm` is extended and scaled as the format has it: a
// byte distance for branches and jumps, the upper 20 bits in place for lui
// and auipc, a CSR's number (unsigned), a shift count. `rm` is the rounding
// mode, the zero-extended rs1 field of CSR immediates is `rs1`, fence's
// predecessor and successor sets are imm bits 7:4 and 3:0, aq and rl of
// atomics bits 1 and 0.
struct Fields {
  uint8_t rd = 0, rs1 = 0, rs2 = 0, rs3 = 0, rm = 0;
  int32_t imm = 0;
  friend bool operator==(const Fields&, const Fields&) = default;
};

// Only what the format has is set; the rest is 0.
Fields FieldsOf(const Insn& insn, uint32_t word);

// The inverse. Bits of a field that have no place in the word are dropped.
uint32_t Encode(const Insn& insn, const Fields& fields);

}  // namespace triptych::mesh::riscv

#endif  // TRIPTYCH_EMULATORS_MESH_RISCV_INSNS_H_
