// A tile's two network interfaces as its cores see them: command registers of
// each core, one count of what is under way for all. Commands go to whoever
// runs the network (interconnect.h), which says when they end.
//
// Not thread-safe; one per tile.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_TILE_NIU_H_
#define TRIPTYCH_EMULATORS_MESH_TILE_NIU_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "emulators/mesh/network/torus.h"
#include "emulators/mesh/riscv/group.h"
#include "emulators/mesh/tile/dram.h"
#include "emulators/mesh/tile/floorplan.h"

namespace triptych::mesh::tile {

inline constexpr uint32_t kTransactionIds = 16;

// One transfer, as it leaves for the network.
struct NocCommand {
  uint64_t cycle = 0;  // of the store that started it
  uint32_t tile = 0;
  uint8_t core = 0, noc = 0;
  uint32_t word = 0;  // op and flags
  uint32_t local = 0, remote = 0, xy = 0, length = 0, id = 0;
  // What is written, unless it is not carried.
  std::vector<std::byte> data;

  uint32_t op() const { return word & 0xff; }
  bool has(uint32_t flag) const { return (word & flag) != 0; }
  bool reads() const;
};

// The same for all tiles of a chip.
struct NiuRules {
  const Floorplan* floorplan = nullptr;
  uint64_t bank_bytes = 0;
  uint32_t l1_bytes = 0, payload = 0;
  bool timing_only = false;
  // From one command to the next at one interface.
  double read_tile = 0, read_dram = 0, write = 0;
  // From the store to the network, and flits a cycle into it.
  double to_network = 0, bytes_per_cycle = 1;
};

struct NiuStats {
  uint64_t reads = 0, writes = 0, read_bytes = 0, written_bytes = 0;
};

class Niu {
 public:
  Niu(const NiuRules* rules, uint32_t tile, uint8_t noc,
      std::shared_ptr<riscv::Ram> l1, std::vector<NocCommand>* out)
      : rules_(rules), tile_(tile), noc_(noc), l1_(std::move(l1)), out_(out) {}

  // A load or store of a core at `offset` in its page.
  riscv::DeviceReply Access(const riscv::DeviceRequest& request,
                            uint32_t offset);

  // A transfer ends, now. Cores that wait at a barrier are asked again from
  // `cycle` on.
  void Complete(const NocCommand& command, uint64_t cycle, riscv::Group* group);
  const NocCommand& last_completed() const { return last_; }
  // The store of the last write, whose bytes leave last.
  uint64_t last_sent_cycle() const { return last_sent_cycle_; }
  uint8_t last_sent_core() const { return last_sent_core_; }

  uint32_t reads_under_way() const { return total_[0]; }
  uint32_t writes_under_way() const { return total_[1]; }
  const NiuStats& stats() const { return stats_; }

 private:
  struct CoreRegisters {
    uint32_t local = 0, remote = 0, xy = 0, length = 0, value = 0, id = 0;
  };

  bool WriteRegister(uint32_t core, uint32_t offset, uint32_t value);
  riscv::DeviceReply Start(const riscv::DeviceRequest& request);
  riscv::DeviceReply Load(const riscv::DeviceRequest& request, uint32_t offset);
  std::string Complaint(const NocCommand& command) const;
  std::string PlaceComplaint(const NocCommand& command) const;
  riscv::DeviceReply Barrier(uint32_t core, uint32_t count);

  const NiuRules* rules_;
  uint32_t tile_;
  uint8_t noc_;
  std::shared_ptr<riscv::Ram> l1_;
  std::vector<NocCommand>* out_;
  std::array<CoreRegisters, riscv::kBabyCores> cores_{};
  double next_command_ = 0, sent_ = 0;
  uint64_t last_sent_cycle_ = 0;
  uint8_t last_sent_core_ = 0;
  // Reads, writes.
  std::array<uint32_t, 2> total_{};
  std::array<std::array<uint32_t, kTransactionIds>, 2> by_id_{};
  std::vector<uint32_t> waiting_;
  NiuStats stats_;
  NocCommand last_;
};

}  // namespace triptych::mesh::tile

#endif  // TRIPTYCH_EMULATORS_MESH_TILE_NIU_H_
