// What waited for what in a tile: for timelines and the critical path.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_TILE_HISTORY_H_
#define TRIPTYCH_EMULATORS_MESH_TILE_HISTORY_H_

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "emulators/mesh/riscv/pipeline.h"

namespace triptych::mesh::tile {

// Who works in a tile: its cores, in their order, then the engine's threads.
inline constexpr size_t kAgents = riscv::kBabyCores + 3;
using Agent = uint8_t;
std::string_view NameOfAgent(Agent agent);

// How what an agent waited for came about.
enum class Way : uint8_t {
  kLocal,       // by an agent of the same tile, at once
  kNocRead,     // a transfer
  kNocWrite,    // its acknowledgement
  kNocMessage,  // a write to this tile
  kNocCommand,  // the interface was busy with the command before
  kNocSend,     // bytes on their way out of the interface
};
std::string_view NameOf(Way way);

// Entries in the order in which they came, up to so many: a program can make
// any number of them.
template <class T>
class Log {
 public:
  void Add(const T& entry, size_t most) {
    if (entries_.size() < most) {
      entries_.push_back(entry);
    } else {
      ++left_out_;
    }
  }
  const std::vector<T>& entries() const { return entries_; }
  uint64_t left_out() const { return left_out_; }

 private:
  std::vector<T> entries_;
  uint64_t left_out_ = 0;
};

// An agent could go on at `end`, because of what another (or itself) had done
// at `since`.
struct Dependency {
  double begin = 0, end = 0;
  Way way = Way::kLocal;
  Agent agent = 0;
  uint32_t tile = 0;
  double since = 0;
};

// By agent, in the order of `end`.
using History = std::array<Log<Dependency>, kAgents>;
uint64_t LeftOut(const History& history);

// Who sent something, in the tag of a RemoteWrite.
constexpr uint64_t TagOf(uint32_t tile, Agent agent, Way way) {
  return uint64_t{tile} << 16 | uint64_t{agent} << 8 |
         static_cast<uint64_t>(way);
}
constexpr uint32_t TileOfTag(uint64_t tag) {
  return static_cast<uint32_t>(tag >> 16);
}
constexpr Agent AgentOfTag(uint64_t tag) {
  return static_cast<Agent>(tag >> 8);
}
constexpr Way WayOfTag(uint64_t tag) { return static_cast<Way>(tag & 0xff); }

}  // namespace triptych::mesh::tile

#endif  // TRIPTYCH_EMULATORS_MESH_TILE_HISTORY_H_
