// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/tile/command.h"

#include <fmt/format.h>

#include <algorithm>

#include "emulators/mesh/tile/format.h"
#include "emulators/mesh/tile/sfpu.h"
#include "emulators/mesh/tile/values.h"

namespace triptych::mesh::tile {
namespace {

constexpr uint8_t kT0 = 1, kT1 = 2, kT2 = 4;

struct OpRow {
  uint32_t op;
  std::string_view name;
  uint8_t threads;
};
constexpr std::array kOps = {
    OpRow{TILE_OP_UNPACK_MATMUL, "UNPACK_MATMUL", kT0},
    OpRow{TILE_OP_UNPACK_A, "UNPACK_A", kT0},
    OpRow{TILE_OP_UNPACK_AB, "UNPACK_AB", kT0},
    OpRow{TILE_OP_MATMUL, "MATMUL", kT1},
    OpRow{TILE_OP_COPY, "COPY", kT1},
    OpRow{TILE_OP_ADD, "ADD", kT1},
    OpRow{TILE_OP_SUB, "SUB", kT1},
    OpRow{TILE_OP_MUL, "MUL", kT1},
    OpRow{TILE_OP_REDUCE, "REDUCE", kT1},
    OpRow{TILE_OP_SFPU, "SFPU", kT1},
    OpRow{TILE_OP_SFPU2, "SFPU2", kT1},
    OpRow{TILE_OP_ZERO, "ZERO", kT1},
    OpRow{TILE_OP_ACQUIRE, "ACQUIRE", kT1},
    OpRow{TILE_OP_COMMIT, "COMMIT", kT1},
    OpRow{TILE_OP_PACK, "PACK", kT2},
    OpRow{TILE_OP_WAIT, "WAIT", kT2},
    OpRow{TILE_OP_RELEASE, "RELEASE", kT2},
    OpRow{TILE_OP_SIGNAL, "SIGNAL", kT0 | kT1 | kT2},
};

struct RegisterRow {
  uint32_t offset;
  uint8_t threads;
};
constexpr std::array kRegisterRows = {
    RegisterRow{TILE_A_ADDRESS, kT0},
    RegisterRow{TILE_B_ADDRESS, kT0},
    RegisterRow{TILE_A_FORMAT, kT0},
    RegisterRow{TILE_B_FORMAT, kT0},
    RegisterRow{TILE_A_STRIDE, kT0},
    RegisterRow{TILE_B_STRIDE, kT0},
    RegisterRow{TILE_UNPACK_FLAGS, kT0},
    RegisterRow{TILE_FIDELITY, kT1},
    RegisterRow{TILE_IMMEDIATE, kT1},
    RegisterRow{TILE_DST_FORMAT, kT1},
    RegisterRow{TILE_DST, kT1 | kT2},
    RegisterRow{TILE_PACK_ADDRESS, kT2},
    RegisterRow{TILE_PACK_FORMAT, kT2},
    RegisterRow{TILE_PACK_STRIDE, kT2},
    RegisterRow{TILE_PACK_FLAGS, kT2},
    RegisterRow{TILE_SIGNAL_ADDRESS, kT0 | kT1 | kT2},
    RegisterRow{TILE_SIGNAL_VALUE, kT0 | kT1 | kT2},
};

uint8_t BitOf(Thread thread) {
  return static_cast<uint8_t>(1u << static_cast<unsigned>(thread));
}

const OpRow* FindOp(uint32_t op) {
  const auto* row = std::ranges::find(kOps, op, &OpRow::op);
  return row == kOps.end() ? nullptr : row;
}

// Tiles in L1 that a command touches: `count` from `address` on, `rows` times
// `stride` apart.
struct Place {
  std::string_view name;
  uint32_t address, format;
  uint64_t count = 1, rows = 1, stride = 0;
};

std::string ComplaintOfPlace(const Place& p, uint32_t l1_bytes) {
  const auto format = FormatOfCode(p.format);
  if (!format) {
    return fmt::format(
        "{}_FORMAT {}: allowed 0 (f32), 1 (bf16), 2 (bfp8), "
        "3 (bfp4)",
        p.name, p.format);
  }
  if (p.address % 16 != 0 || p.stride % 16 != 0) {
    return fmt::format("{} at {:#x}, stride {:#x}: allowed are multiples of 16",
                       p.name, p.address, p.stride);
  }
  const uint64_t end =
      p.address + (p.rows - 1) * p.stride + p.count * BytesOf(*format);
  if (end > l1_bytes) {
    return fmt::format("{} tiles end at {:#x}: L1 ends at {:#x}", p.name, end,
                       l1_bytes);
  }
  return {};
}

std::string ComplaintOfUnpack(const Command& c, uint32_t l1_bytes) {
  Place a{"A", c.reg(TILE_A_ADDRESS), c.reg(TILE_A_FORMAT)};
  Place b{"B", c.reg(TILE_B_ADDRESS), c.reg(TILE_B_FORMAT)};
  if (c.op() == TILE_OP_UNPACK_MATMUL) {
    a.count = c.ct();
    a.rows = c.kt();
    a.stride = c.reg(TILE_A_STRIDE);
    b.count = c.kt();
    b.rows = c.rt();
    b.stride = c.reg(TILE_B_STRIDE);
  } else {
    a.count = c.n();
    b.count = c.bits(16, 1) != 0 ? 1 : c.n();
  }
  std::string text = ComplaintOfPlace(a, l1_bytes);
  if (text.empty() && c.op() != TILE_OP_UNPACK_A) {
    text = ComplaintOfPlace(b, l1_bytes);
  }
  return text;
}

// Tiles of Dst from `first` on.
std::string ComplaintOfDst(uint64_t first, uint64_t count, uint64_t most) {
  if (first + count <= most) return {};
  return fmt::format("Dst tiles {} to {}: a half has {}", first,
                     first + count - 1, most);
}

std::string ComplaintOfMath(const Command& c) {
  const uint32_t fidelity = c.reg(TILE_FIDELITY);
  if (fidelity < 1 || fidelity > 4) {
    return fmt::format("FIDELITY {}: allowed 1 to 4", fidelity);
  }
  if (c.reg(TILE_DST_FORMAT) > TILE_BF16) {
    return fmt::format("DST_FORMAT {}: allowed 0 (f32), 1 (bf16)",
                       c.reg(TILE_DST_FORMAT));
  }
  const uint64_t most =
      c.reg(TILE_DST_FORMAT) == TILE_F32 ? kDstTilesF32 : kDstTiles;
  uint64_t tiles = c.n();
  if (c.op() == TILE_OP_MATMUL) tiles = uint64_t{c.rt()} * c.ct();
  if (c.op() == TILE_OP_REDUCE) {
    if (c.bits(16, 2) == 0) return "dimension 0: allowed 1, 2, 3";
    if (c.bits(19, 1) != 0) tiles = 1;
  }
  if (c.op() == TILE_OP_SFPU && FindUnary(c.bits(8, 8)) == nullptr) {
    return fmt::format("SFPU has no function {}", c.bits(8, 8));
  }
  if (c.op() == TILE_OP_SFPU2) {
    if (FindBinary(c.bits(8, 8)) == nullptr) {
      return fmt::format("SFPU2 has no function {}", c.bits(8, 8));
    }
    const uint64_t others = c.bits(21, 2) == 0 ? c.n() : 1;
    std::string text = ComplaintOfDst(c.bits(16, 5), others, most);
    if (!text.empty()) return text;
  }
  return ComplaintOfDst(c.dst(), tiles, most);
}

std::string ComplaintOfPack(const Command& c, uint32_t l1_bytes) {
  const uint32_t flags = c.reg(TILE_PACK_FLAGS);
  const uint32_t format = c.reg(TILE_PACK_FORMAT);
  if (flags > 7) {
    return fmt::format("PACK_FLAGS {:#x}: allowed bits 0, 1, 2", flags);
  }
  if ((flags & 5) != 0 && format > TILE_BF16) {
    return "PACK adds to f32 and bf16 tiles only";
  }
  const Place to{"PACK", c.reg(TILE_PACK_ADDRESS), format, c.ct(),
                 c.rt(), c.reg(TILE_PACK_STRIDE)};
  std::string text = ComplaintOfPlace(to, l1_bytes);
  if (!text.empty()) return text;
  return ComplaintOfDst(c.dst(), uint64_t{c.rt()} * c.ct(), kDstTiles);
}

// Sides of a block, or n: none is 0.
bool HasSize(const Command& c) {
  switch (c.op()) {
    case TILE_OP_UNPACK_MATMUL:
    case TILE_OP_MATMUL:
      return c.kt() != 0 && c.rt() != 0 && c.ct() != 0;
    case TILE_OP_PACK:
      return c.rt() != 0 && c.ct() != 0;
    case TILE_OP_ACQUIRE:
    case TILE_OP_COMMIT:
    case TILE_OP_WAIT:
    case TILE_OP_RELEASE:
    case TILE_OP_SIGNAL:
      return true;
    default:
      return c.n() != 0;
  }
}

}  // namespace

std::string_view NameOf(Thread thread) {
  constexpr std::array<std::string_view, kThreads> kNames = {"unpack", "math",
                                                             "pack"};
  return kNames[static_cast<size_t>(thread)];
}

std::string_view NameOfOp(uint32_t op) {
  const OpRow* row = FindOp(op);
  return row == nullptr ? "?" : row->name;
}

bool HasRegister(Thread thread, uint32_t offset) {
  const auto* row =
      std::ranges::find(kRegisterRows, offset, &RegisterRow::offset);
  return row != kRegisterRows.end() && (row->threads & BitOf(thread)) != 0;
}

std::string Complaint(Thread thread, const Command& c, uint32_t l1_bytes) {
  const OpRow* row = FindOp(c.op());
  if (row == nullptr || (row->threads & BitOf(thread)) == 0) {
    std::string allowed;
    for (const OpRow& one : kOps) {
      if ((one.threads & BitOf(thread)) == 0) continue;
      allowed += fmt::format("{}{:#04x} {}", allowed.empty() ? "" : ", ",
                             one.op, one.name);
    }
    return fmt::format("command {:#010x} is not of the {} thread; allowed: {}",
                       c.word, NameOf(thread), allowed);
  }
  std::string text;
  if (!HasSize(c)) {
    text = "no tiles: allowed from 1";
  } else if (c.op() == TILE_OP_SIGNAL) {
    const uint32_t address = c.reg(TILE_SIGNAL_ADDRESS);
    if (address % 4 != 0 || address >= l1_bytes) {
      text =
          fmt::format("SIGNAL_ADDRESS {:#x}: allowed are words of L1", address);
    }
  } else if (c.op() == TILE_OP_PACK) {
    text = ComplaintOfPack(c, l1_bytes);
  } else if (thread == Thread::kUnpack) {
    text = ComplaintOfUnpack(c, l1_bytes);
  } else if (thread == Thread::kMath) {
    const bool moves = c.op() == TILE_OP_ACQUIRE || c.op() == TILE_OP_COMMIT;
    if (!moves) text = ComplaintOfMath(c);
  }
  return text.empty() ? text : fmt::format("{}: {}", row->name, text);
}

}  // namespace triptych::mesh::tile
