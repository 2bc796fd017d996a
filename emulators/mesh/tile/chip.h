// A chip of tiles that runs a program: cores, engines, NoCs and DRAM in one
// clock.
//
// Tiles act on each other over the NoC alone, and that takes time: what a
// tile does at a cycle is on the network `to_network` cycles later, what the
// network does shows in a tile `to_tile` cycles later. So both run in turns,
// the network up to the first thing that some tile could still send, all
// tiles (on as many threads as wanted) up to the first thing that the network
// could still bring. The order of everything, and so every cycle and value,
// is that of its time; threads do not enter.
//
//   Chip::Make, Load(program), SetArguments, WriteDram..., Run, ReadDram...
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_TILE_CHIP_H_
#define TRIPTYCH_EMULATORS_MESH_TILE_CHIP_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "emulators/mesh/params.h"
#include "emulators/mesh/riscv/elf.h"
#include "emulators/mesh/tile/crew.h"
#include "emulators/mesh/tile/critical_path.h"
#include "emulators/mesh/tile/dram.h"
#include "emulators/mesh/tile/floorplan.h"
#include "emulators/mesh/tile/interconnect.h"
#include "emulators/mesh/tile/tile.h"
#include "kernels/base/result.h"

namespace triptych::mesh::tile {

struct ChipConfig {
  Params params;
  int32_t cols = 1, rows = 1;
  int threads = 1;
  // No tensors are moved and nothing is computed; every cycle stays the same.
  bool timing_only = false;
  // Keep what happened when and why, for timelines and the critical path.
  bool keep_history = false;
  // So many entries at most, divided among the tiles' lists: 2 GiB.
  size_t history_entries = size_t{1} << 26;
};

// Of one core.
struct CoreReport {
  uint64_t cycles = 0;  // when it ended
  uint64_t instructions = 0;
  riscv::TimingStats pipeline;
  std::array<uint64_t, kWaits> waits{};
};

struct TileReport {
  Coordinates at;
  std::array<CoreReport, kBabyCores> cores;
  EngineStats engine;
  std::array<NiuStats, kNocs> nocs;
};

struct RunReport {
  uint64_t cycles = 0;  // until the last core has ended
  uint64_t instructions = 0;
  std::vector<TileReport> tiles;  // row by row
  uint64_t transfers = 0, dram_read_bytes = 0, dram_written_bytes = 0;
  // If history was kept, and all of it.
  CriticalPath path;
  // Waits and marks beyond what is kept: timelines end early.
  uint64_t history_left_out = 0;
};

class Chip {
 public:
  // An error for a grid that the chip does not have.
  static Result<std::unique_ptr<Chip>> Make(ChipConfig config);
  Chip(const Chip&) = delete;
  Chip& operator=(const Chip&) = delete;

  const ChipConfig& config() const { return config_; }
  const Floorplan& floorplan() const { return plan_; }
  size_t tiles() const { return tiles_.size(); }
  const Tile& tile(size_t i) const { return *tiles_[i]; }

  // Into all tiles: the program, what it finds there, its cores at the start.
  Status Load(const riscv::Elf& elf);
  // Words for all tiles, or for one. Errors for too many.
  Status SetArguments(std::span<const uint32_t> words);
  Status SetArguments(Coordinates at, std::span<const uint32_t> words);

  // Errors for what is not there.
  Status CheckL1(Coordinates at, uint32_t address, size_t bytes) const;
  Status CheckDram(size_t bank, uint64_t address, size_t bytes) const;
  Status WriteL1(Coordinates at, uint32_t address,
                 std::span<const std::byte> bytes);
  Status ReadL1(Coordinates at, uint32_t address,
                std::span<std::byte> bytes) const;
  Status WriteDram(size_t bank, uint64_t address,
                   std::span<const std::byte> bytes);
  Status ReadDram(size_t bank, uint64_t address,
                  std::span<std::byte> bytes) const;

  // Until all cores have ended and the network is empty. The error is a
  // trap's, a failed program's, of cores that wait for each other, or says
  // that the budget is spent: with tile, core, pc and cause. Once for a Load.
  Result<RunReport> Run(uint64_t budget_cycles);

 private:
  explicit Chip(ChipConfig config, Floorplan plan);

  Result<RunReport> RunTurns(uint64_t budget_cycles);
  uint64_t NextOfTiles();
  Status RunTiles(uint64_t horizon);
  void SendCommands();
  Status Failed() const;
  Status Deadlock() const;
  Status SpentBudget(uint64_t budget) const;
  Result<RunReport> Report() const;

  ChipConfig config_;
  Floorplan plan_;
  TileRules rules_;
  Dram dram_;
  std::vector<std::unique_ptr<Tile>> tiles_;
  std::unique_ptr<Interconnect> interconnect_;
  std::vector<uint64_t> next_;   // of each tile
  std::vector<size_t> running_;  // those of this turn
  Crew crew_;
};

}  // namespace triptych::mesh::tile

#endif  // TRIPTYCH_EMULATORS_MESH_TILE_CHIP_H_
