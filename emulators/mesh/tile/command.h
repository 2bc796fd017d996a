// Commands of the engine: the words that T0, T1 and T2 store, with their
// registers as they were then.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_TILE_COMMAND_H_
#define TRIPTYCH_EMULATORS_MESH_TILE_COMMAND_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "emulators/mesh/tile/history.h"
#include "kernels/tile/abi.h"

namespace triptych::mesh::tile {

// The engine's three threads, one for each of T0, T1, T2.
enum class Thread : uint8_t { kUnpack, kMath, kPack };
inline constexpr size_t kThreads = 3;
std::string_view NameOf(Thread thread);
// Of the thread, and of the core that commands it.
constexpr Agent AgentOf(Thread thread) {
  return static_cast<Agent>(riscv::kBabyCores + static_cast<size_t>(thread));
}
constexpr Agent CoreOf(Thread thread) {
  return static_cast<Agent>(static_cast<size_t>(riscv::BabyCore::kT0) +
                            static_cast<size_t>(thread));
}

// By number of the word.
using Registers = std::array<uint32_t, 32>;

struct Command {
  uint32_t word = 0;
  uint64_t cycle = 0;  // of the store
  Registers registers{};

  uint32_t op() const { return word >> 24; }
  uint32_t bits(int low, int count) const {
    return word >> low & ((1u << count) - 1);
  }
  uint32_t reg(uint32_t offset) const { return registers[offset / 4]; }

  // Of block commands; of others, n.
  uint32_t kt() const { return bits(16, 8); }
  uint32_t rt() const { return bits(8, 8); }
  uint32_t ct() const { return bits(0, 8); }
  uint32_t n() const { return bits(0, op() < TILE_OP_SFPU ? 16 : 8); }
  uint32_t dst() const { return reg(TILE_DST); }
};

std::string_view NameOfOp(uint32_t op);

// The registers of a thread, by offset: false if it has none there.
bool HasRegister(Thread thread, uint32_t offset);

// What is wrong with it and what is allowed, or nothing. Whether Dst is this
// thread's is the engine's to know.
std::string Complaint(Thread thread, const Command& command, uint32_t l1_bytes);

}  // namespace triptych::mesh::tile

#endif  // TRIPTYCH_EMULATORS_MESH_TILE_COMMAND_H_
