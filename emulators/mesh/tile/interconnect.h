// Between the tiles: transfers of their network interfaces over the NoCs
// (network/machine.h), into L1s and DRAM.
//
// Time. A command is on the network `to_network` cycles after the store that
// started it, and what the network delivers shows in a tile `to_tile` cycles
// later. These are parts of the measured time at the ends of a round trip
// (noc.endpoint_cycles); they are what lets tiles run ahead of the network and
// the network ahead of them (chip.h).
//
// Not thread-safe: it runs when no tile does.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_TILE_INTERCONNECT_H_
#define TRIPTYCH_EMULATORS_MESH_TILE_INTERCONNECT_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "emulators/mesh/network/machine.h"
#include "emulators/mesh/params.h"
#include "emulators/mesh/tile/dram.h"
#include "emulators/mesh/tile/floorplan.h"
#include "emulators/mesh/tile/tile.h"

namespace triptych::mesh::tile {

// How the time at the ends of a round trip divides.
struct EndpointCycles {
  double to_network = 0, to_tile = 0;
};
EndpointCycles EndpointsOf(const Params& params);

class Interconnect {
 public:
  // All outlive it.
  Interconnect(const Params& params, const Floorplan& plan,
               std::span<const std::unique_ptr<Tile>> tiles, Dram* dram);

  const EndpointCycles& ends() const { return ends_; }

  // Commands in the order of (cycle, tile).
  void Send(std::vector<NocCommand> commands);

  // Everything on the network before `limit` happens, but nothing that could
  // still be preceded by a command of a tile that something here wakes. The
  // time up to which it all has happened.
  double RunUntil(double limit);
  bool empty() const { return machine_.queue().empty(); }
  // Lowers next[tile] to the first thing posted there since the last call.
  void TakePosts(std::vector<uint64_t>* next);

  uint64_t transfers() const { return transfers_; }
  uint64_t dram_read_bytes() const { return dram_read_; }
  uint64_t dram_written_bytes() const { return dram_written_; }

 private:
  // A packet's data, and where they go.
  using Payload = std::shared_ptr<std::vector<std::byte>>;
  // What one interface writes to one place arrives in order, though packets
  // on two channels may not.
  struct Arrival {
    bool there = false;
    std::function<void()> deliver;
  };
  using Flow = std::deque<std::shared_ptr<Arrival>>;

  void Start(const NocCommand& command);
  void StartRead(const NocCommand& command);
  void StartWrite(const NocCommand& command);
  void StartMulticast(const NocCommand& command);
  // In the tile, from now on.
  void PostToTile(size_t tile, riscv::RemoteWrite write);
  void Deliver(const NocCommand& command, size_t tile, const Payload& data);
  std::shared_ptr<Arrival> Queue(const NocCommand& command,
                                 std::function<void()> deliver);
  void Arrived(const NocCommand& command, Arrival* arrival);
  void Complete(const NocCommand& command, riscv::RemoteWrite write);

  const Floorplan& plan_;
  std::span<const std::unique_ptr<Tile>> tiles_;
  Dram* dram_;
  EndpointCycles ends_;
  Machine machine_;
  // (noc, from, xy): first in turn.
  std::map<std::tuple<uint8_t, uint32_t, uint32_t>, Flow> flows_;
  double earliest_effect_ = 0;  // of this RunUntil
  std::vector<std::pair<size_t, uint64_t>> posts_;
  uint64_t transfers_ = 0, dram_read_ = 0, dram_written_ = 0;
};

}  // namespace triptych::mesh::tile

#endif  // TRIPTYCH_EMULATORS_MESH_TILE_INTERCONNECT_H_
