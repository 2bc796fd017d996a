// Control and status registers: one table. [ISA] BlackholeA0
// TensixTile/BabyRISCV/CSRs.md has which the baby cores know; those of
// extension kMachine are for programs that expect a whole hart.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_RISCV_CSRS_H_
#define TRIPTYCH_EMULATORS_MESH_RISCV_CSRS_H_

#include <cstdint>
#include <span>
#include <string_view>

#include "emulators/mesh/riscv/insns.h"

namespace triptych::mesh::riscv {

enum class CsrKind : uint8_t {
  kFflags,
  kFrm,
  kFcsr,
  kCycle,
  kCycleHigh,
  kInstret,
  kInstretHigh,
  kHartId,
  kIsa,
  kStorage,  // holds what is written to `bits`
};

struct Csr {
  uint16_t number;
  std::string_view name;
  CsrKind kind;
  Extension extension;  // the one that brings it
  uint32_t bits;        // writable ones
};

std::span<const Csr> Csrs();
const Csr* FindCsr(uint32_t number);  // nullptr: there is none

}  // namespace triptych::mesh::riscv

#endif  // TRIPTYCH_EMULATORS_MESH_RISCV_CSRS_H_
