// What integer instructions do when one expression is too little: division's
// special cases, high halves of products, counts of bits.
// The RISC-V Instruction Set Manual, volume I: chapters "M" and "B".
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_RISCV_SEMANTICS_H_
#define TRIPTYCH_EMULATORS_MESH_RISCV_SEMANTICS_H_

#include <bit>
#include <cstdint>

namespace triptych::mesh::riscv {

// Registers hold bits; these give them a sign, and take it away.
constexpr int32_t S(uint32_t bits) { return static_cast<int32_t>(bits); }
constexpr uint32_t U(int32_t value) { return static_cast<uint32_t>(value); }

// The same of floating-point numbers.
constexpr uint32_t Negated(uint32_t bits) { return bits ^ 0x80000000u; }
constexpr uint32_t WithSign(uint32_t bits, uint32_t sign) {
  return (bits & 0x7fffffffu) | (sign & 0x80000000u);
}

constexpr uint32_t HighProduct(int64_t a, int64_t b) {
  return static_cast<uint32_t>(static_cast<uint64_t>(a * b) >> 32);
}
constexpr uint32_t HighProductUnsigned(uint64_t a, uint64_t b) {
  return static_cast<uint32_t>(a * b >> 32);
}

// x / 0 is all ones, -2^31 / -1 is -2^31: no trap. Remainders agree with that.
constexpr bool DivisionOverflows(uint32_t a, uint32_t b) {
  return a == 0x80000000u && b == 0xffffffffu;
}
constexpr uint32_t Divide(uint32_t a, uint32_t b) {
  if (b == 0) return 0xffffffffu;
  return DivisionOverflows(a, b) ? a : U(S(a) / S(b));
}
constexpr uint32_t DivideUnsigned(uint32_t a, uint32_t b) {
  return b == 0 ? 0xffffffffu : a / b;
}
constexpr uint32_t Remainder(uint32_t a, uint32_t b) {
  if (b == 0) return a;
  return DivisionOverflows(a, b) ? 0 : U(S(a) % S(b));
}
constexpr uint32_t RemainderUnsigned(uint32_t a, uint32_t b) {
  return b == 0 ? a : a % b;
}

// Each byte that has a bit set becomes 0xff, the others 0.
constexpr uint32_t OrCombineBytes(uint32_t a) {
  uint32_t any = a | a >> 4;
  any |= any >> 2;
  any |= any >> 1;
  return (any & 0x01010101u) * 0xffu;
}
constexpr uint32_t ReverseBytes(uint32_t a) {
  return a << 24 | (a & 0xff00u) << 8 | (a >> 8 & 0xff00u) | a >> 24;
}

}  // namespace triptych::mesh::riscv

#endif  // TRIPTYCH_EMULATORS_MESH_RISCV_SEMANTICS_H_
