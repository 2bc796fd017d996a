// IEEE 754-2019 single precision in integers: every rounding mode, every
// exception flag, the same bits on every host. Nothing here touches the host's
// floating-point environment.
//
// Numbers are their bits. Results that are NaN are the canonical quiet NaN, and
// tininess is detected after rounding: The RISC-V Instruction Set Manual,
// volume I, chapter "F" (version 2.2), sections 11.3 and 11.4.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_RISCV_SOFTFLOAT_H_
#define TRIPTYCH_EMULATORS_MESH_RISCV_SOFTFLOAT_H_

#include <cstdint>

namespace triptych::mesh::riscv::fp {

// The values are the encodings of instructions' rm fields and of fcsr.frm.
enum class Rounding : uint8_t {
  kNearestEven = 0,
  kTowardZero = 1,
  kDown = 2,
  kUp = 3,
  kNearestAway = 4,
};

// The bits of fcsr.fflags.
inline constexpr uint8_t kInexact = 1, kUnderflow = 2, kOverflow = 4,
                         kDivideByZero = 8, kInvalid = 16;

inline constexpr uint32_t kNan = 0x7fc00000, kOne = 0x3f800000;

// How to round, and the flags raised so far: functions only ever add some.
struct Env {
  Rounding rounding = Rounding::kNearestEven;
  uint8_t flags = 0;
};

// a * b + c, rounded once.
uint32_t Fma(uint32_t a, uint32_t b, uint32_t c, Env& env);
uint32_t Add(uint32_t a, uint32_t b, Env& env);
uint32_t Sub(uint32_t a, uint32_t b, Env& env);
uint32_t Mul(uint32_t a, uint32_t b, Env& env);
uint32_t Div(uint32_t a, uint32_t b, Env& env);
uint32_t Sqrt(uint32_t a, Env& env);

// minimumNumber and maximumNumber: a NaN loses against any number, -0 < +0.
uint32_t Min(uint32_t a, uint32_t b, Env& env);
uint32_t Max(uint32_t a, uint32_t b, Env& env);

// 1 or 0. Equal is quiet, the other two raise kInvalid for any NaN.
uint32_t Equal(uint32_t a, uint32_t b, Env& env);
uint32_t Less(uint32_t a, uint32_t b, Env& env);
uint32_t LessOrEqual(uint32_t a, uint32_t b, Env& env);

// Out of range saturates, NaN gives the largest value; both raise kInvalid
// and then not kInexact.
uint32_t ToInt32(uint32_t a, Env& env);
uint32_t ToUint32(uint32_t a, Env& env);
uint32_t FromInt32(uint32_t a, Env& env);
uint32_t FromUint32(uint32_t a, Env& env);

// One bit of ten, as fclass.s has them.
uint32_t Class(uint32_t a);

}  // namespace triptych::mesh::riscv::fp

#endif  // TRIPTYCH_EMULATORS_MESH_RISCV_SOFTFLOAT_H_
