// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/riscv/evaluate.h"

#include <bit>
#include <type_traits>

#include "emulators/mesh/riscv/semantics.h"

namespace triptych::mesh::riscv {

// Rows that touch memory have a type where the others have an expression.
#define TRIPTYCH_IF_TYPE_Alu(...)
#define TRIPTYCH_IF_TYPE_Mul(...)
#define TRIPTYCH_IF_TYPE_Div(...)
#define TRIPTYCH_IF_TYPE_Fp(...)
#define TRIPTYCH_IF_TYPE_FpDiv(...)
#define TRIPTYCH_IF_TYPE_Load(...) __VA_ARGS__
#define TRIPTYCH_IF_TYPE_Store(...) __VA_ARGS__
#define TRIPTYCH_IF_TYPE_Amo(...)
#define TRIPTYCH_IF_TYPE_Branch(...)
#define TRIPTYCH_IF_TYPE_Jump(...)
#define TRIPTYCH_IF_TYPE_Csr(...)
#define TRIPTYCH_IF_TYPE_Fence(...)
#define TRIPTYCH_IF_TYPE_System(...)
#define TRIPTYCH_IF_VALUE_Alu(...) __VA_ARGS__
#define TRIPTYCH_IF_VALUE_Mul(...) __VA_ARGS__
#define TRIPTYCH_IF_VALUE_Div(...) __VA_ARGS__
#define TRIPTYCH_IF_VALUE_Fp(...) __VA_ARGS__
#define TRIPTYCH_IF_VALUE_FpDiv(...) __VA_ARGS__
#define TRIPTYCH_IF_VALUE_Load(...)
#define TRIPTYCH_IF_VALUE_Store(...)
#define TRIPTYCH_IF_VALUE_Amo(...) __VA_ARGS__
#define TRIPTYCH_IF_VALUE_Branch(...) __VA_ARGS__
#define TRIPTYCH_IF_VALUE_Jump(...) __VA_ARGS__
#define TRIPTYCH_IF_VALUE_Csr(...) __VA_ARGS__
#define TRIPTYCH_IF_VALUE_Fence(...) __VA_ARGS__
#define TRIPTYCH_IF_VALUE_System(...) __VA_ARGS__

uint32_t Evaluate(InsnId id, uint32_t a, uint32_t b, uint32_t c, fp::Env& e) {
  switch (id) {
#define TRIPTYCH_ROW(id, name, format, match, cost, extension, ...) \
  TRIPTYCH_IF_VALUE_##cost(case InsnId::k##id                       \
                           : return static_cast<uint32_t>(__VA_ARGS__););
    TRIPTYCH_RISCV_INSNS(TRIPTYCH_ROW)
#undef TRIPTYCH_ROW
    default:
      return 0;
  }
}

MemoryType MemoryTypeOf(InsnId id) {
  switch (id) {
#define TRIPTYCH_ROW(id, name, format, match, cost, extension, ...) \
  TRIPTYCH_IF_TYPE_##cost(                                          \
      case InsnId::k##id                                            \
      : return {sizeof(__VA_ARGS__), std::is_signed_v<__VA_ARGS__>};)
    TRIPTYCH_RISCV_INSNS(TRIPTYCH_ROW)
#undef TRIPTYCH_ROW
    default:
      return {};
  }
}

}  // namespace triptych::mesh::riscv
