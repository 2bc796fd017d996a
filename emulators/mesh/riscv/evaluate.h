// The table's semantics as a function, for where speed does not matter.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_RISCV_EVALUATE_H_
#define TRIPTYCH_EMULATORS_MESH_RISCV_EVALUATE_H_

#include <cstdint>

#include "emulators/mesh/riscv/insns.h"
#include "emulators/mesh/riscv/softfloat.h"

namespace triptych::mesh::riscv {

// The value that `id` computes (insns.h: a result, whether a branch is taken,
// what an atomic or a CSR instruction writes). 0 for loads, stores and what
// the interpreter has a body of its own for.
uint32_t Evaluate(InsnId id, uint32_t a, uint32_t b, uint32_t c, fp::Env& e);

// Bytes in memory of a load or store and whether they have a sign; 4 and
// unsigned for everything else.
struct MemoryType {
  uint32_t size = 4;
  bool is_signed = false;
};
MemoryType MemoryTypeOf(InsnId id);

}  // namespace triptych::mesh::riscv

#endif  // TRIPTYCH_EMULATORS_MESH_RISCV_EVALUATE_H_
