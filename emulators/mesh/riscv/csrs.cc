// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/riscv/csrs.h"

#include <algorithm>
#include <array>

namespace triptych::mesh::riscv {
namespace {

constexpr uint32_t kAll = ~0u;

// By number.
constexpr std::array kCsrs = {
    Csr{0x001, "fflags", CsrKind::kFflags, kF, 0x1f},
    Csr{0x002, "frm", CsrKind::kFrm, kF, 0x7},
    Csr{0x003, "fcsr", CsrKind::kFcsr, kF, 0xff},
    Csr{0x300, "mstatus", CsrKind::kStorage, kMachine, 0x00007888},
    Csr{0x301, "misa", CsrKind::kIsa, kZicsr, 0},
    Csr{0x302, "medeleg", CsrKind::kStorage, kMachine, 0},
    Csr{0x303, "mideleg", CsrKind::kStorage, kMachine, 0},
    Csr{0x304, "mie", CsrKind::kStorage, kMachine, kAll},
    Csr{0x305, "mtvec", CsrKind::kStorage, kMachine, ~3u},
    Csr{0x340, "mscratch", CsrKind::kStorage, kMachine, kAll},
    Csr{0x341, "mepc", CsrKind::kStorage, kMachine, ~3u},
    Csr{0x342, "mcause", CsrKind::kStorage, kMachine, kAll},
    Csr{0x343, "mtval", CsrKind::kStorage, kMachine, kAll},
    Csr{0x344, "mip", CsrKind::kStorage, kMachine, 0},
    // Bits that switch parts of the machine on and off: kept, not acted on.
    Csr{0x7c0, "cfg0", CsrKind::kStorage, kZicsr, kAll},
    Csr{0x7c1, "pmacfg0", CsrKind::kStorage, kZicsr, kAll},
    Csr{0x7c2, "pmacfg1", CsrKind::kStorage, kZicsr, kAll},
    Csr{0x7c3, "cfg1", CsrKind::kStorage, kZicsr, kAll},
    Csr{0x7c4, "hwa_mask", CsrKind::kStorage, kZicsr, kAll},
    Csr{0x7c5, "hwa_cfg", CsrKind::kStorage, kZicsr, kAll},
    Csr{0x7c6, "vgsrc", CsrKind::kStorage, kZicsr, kAll},
    Csr{0xb00, "mcycle", CsrKind::kCycle, kZicsr, kAll},
    Csr{0xb02, "minstret", CsrKind::kInstret, kZicsr, kAll},
    Csr{0xb80, "mcycleh", CsrKind::kCycleHigh, kZicsr, kAll},
    Csr{0xb82, "minstreth", CsrKind::kInstretHigh, kZicsr, kAll},
    Csr{0xc00, "cycle", CsrKind::kCycle, kZicsr, 0},
    Csr{0xc02, "instret", CsrKind::kInstret, kZicsr, 0},
    Csr{0xc80, "cycleh", CsrKind::kCycleHigh, kZicsr, 0},
    Csr{0xc82, "instreth", CsrKind::kInstretHigh, kZicsr, 0},
    Csr{0xf14, "mhartid", CsrKind::kHartId, kZicsr, 0},
};

}  // namespace

std::span<const Csr> Csrs() { return kCsrs; }

const Csr* FindCsr(uint32_t number) {
  const auto row = std::ranges::lower_bound(
      kCsrs, number, {}, [](const Csr& c) { return uint32_t{c.number}; });
  return row != kCsrs.end() && row->number == number ? &*row : nullptr;
}

}  // namespace triptych::mesh::riscv
