// The NoCs with what stands at their routers: tiles whose L1 answers reads,
// DRAM banks that answer fewer and more slowly, and cores that issue
// transfers in the order of their program and wait at barriers.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_NETWORK_MACHINE_H_
#define TRIPTYCH_EMULATORS_MESH_NETWORK_MACHINE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <vector>

#include "emulators/mesh/network/event_queue.h"
#include "emulators/mesh/network/packet_network.h"
#include "emulators/mesh/network/torus.h"
#include "emulators/mesh/params.h"

namespace triptych::mesh {

// What Params say of the network, in its own units: cycles and flits.
struct MachineConfig {
  int32_t cols = 1, rows = 1;
  HopCycles hops;
  PacketNetworkConfig packets;
  double flit_bytes = 32;
  int64_t packet_bytes = 8192;  // most data of one packet
  // From a request at an interface to its response on the way, less what the
  // network takes.
  double l1_access = 0, dram_access = 0;
  // A DRAM interface takes one read in so many cycles, and a bank has so many
  // flits a cycle for one interface, and so many for both NoCs' together.
  double dram_interval = 0, dram_rate = 1, bank_rate = 1;
  // Bytes of a read that a bank is asked for at once; 0: all.
  int64_t dram_burst = 0;
  // Columns of the torus whose routers are DRAM's.
  std::vector<int32_t> dram_columns;
  // Reserving a multicast's tree, cycles per link of the ways around.
  double reserve_hop = 0;

  bool IsDram(Place place) const;
  // Flits of a packet with `bytes` of data: one of them is the header.
  double Flits(double bytes) const;
};
MachineConfig MachineConfigOf(const Params& params);

// Transfers of single packets. Not thread-safe; one per simulation.
class Machine {
 public:
  using Done = std::function<void()>;

  explicit Machine(const MachineConfig& config);

  EventQueue& queue() { return queue_; }
  const EventQueue& queue() const { return queue_; }
  const MachineConfig& config() const { return config_; }
  PacketNetwork& network() { return network_; }
  const Torus& torus() const { return torus_; }

  // From now on; `bytes` is at most packet_bytes, and places are on the
  // torus. `done` is called when the issuing core can know of the end: the
  // data are in its L1, or the last acknowledgement is back. `there`, if any,
  // is called before: when the request of a read reaches the memory, when the
  // last of what was written has. A write may have `there` alone.
  void Read(int noc, Place core, Place memory, int64_t bytes, Done done,
            Done there = {});
  void Write(int noc, Place core, Place memory, int64_t bytes, Done done,
             Done there = {});
  void Multicast(int noc, Place core, std::span<const Place> to, int64_t bytes,
                 Done done, Done there = {});

 private:
  // When an interface of a bank takes the next read, and when the bank is
  // done with what it was asked for through it.
  struct Interface {
    double next = 0, free = 0;
  };
  void Respond(int noc, Place core, Place memory, int64_t bytes, Done done);

  MachineConfig config_;
  Torus torus_;
  EventQueue queue_;
  PacketNetwork network_;
  std::map<LinkId, Interface> interfaces_;
  std::map<LinkId, double> banks_;  // when a bank is done with all of it
};

// One thing that a core does.
struct CoreOp {
  enum class Kind : uint8_t { kRead, kWrite, kMulticast, kBarrier };
  Kind kind = Kind::kRead;
  Place place;        // of the memory; of a multicast's first receiver
  Place last;         // of a multicast's last: a rectangle of tiles
  int64_t bytes = 0;  // any number: sent in packets
  // Cycles of the core before this, from the end of what it did before; or
  // when it happens, if that is known.
  double cost = 0;
  double at = -1;
  // Cycles of the core for each further packet of it.
  double packet_cost = 0;
  // A barrier waits until no more than so many transfers are under way.
  int64_t under_way = 0;
};

// What one RISC-V core of a tile does on one NoC, from `start` on. After a
// barrier it goes on `barrier_cost` after the last transfer has ended.
struct CoreProgram {
  Place core;
  int noc = 0;
  double start = 0;
  double barrier_cost = 0;
  std::vector<CoreOp> ops;
};

// Runs all programs together; when each has ended, the transfers that it did
// not wait for included.
std::vector<double> RunPrograms(const MachineConfig& config,
                                std::span<const CoreProgram> programs);

}  // namespace triptych::mesh

#endif  // TRIPTYCH_EMULATORS_MESH_NETWORK_MACHINE_H_
