// One tile: five cores, L1, an engine, two network interfaces.
// Not thread-safe; different tiles may run on different threads.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_TILE_TILE_H_
#define TRIPTYCH_EMULATORS_MESH_TILE_TILE_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "emulators/mesh/riscv/baby.h"
#include "emulators/mesh/riscv/elf.h"
#include "emulators/mesh/riscv/group.h"
#include "emulators/mesh/tile/engine.h"
#include "emulators/mesh/tile/floorplan.h"
#include "emulators/mesh/tile/niu.h"
#include "kernels/base/result.h"

namespace triptych::mesh::tile {

using riscv::kBabyCores;

// What a core waited for at the tile's devices.
enum class Wait : uint8_t {
  kNocCommand,  // an interface takes one command after another
  kReads,       // a barrier
  kWrites,
  kWord,   // a word of L1: circular buffers, semaphores
  kQueue,  // the engine's queue is full
  kIdle,   // the engine's thread has something to do
};
inline constexpr size_t kWaits = 6;
std::string_view NameOf(Wait wait);

// A core's wait, or its mark, for timelines.
struct CoreSpan {
  uint8_t core;
  Wait wait;
  uint64_t begin, end;
};
struct CoreMark {
  uint8_t core;
  uint32_t value;
  uint64_t cycle;
};

// The same for all tiles of a chip.
struct TileRules {
  NiuRules niu;
  EngineRates engine;
  uint32_t clock_khz = 0;
  // For timelines and the critical path: entries of each list, or none.
  size_t history = 0;
};

class Tile : private riscv::Device {
 public:
  // `rules` outlive it.
  static Result<std::unique_ptr<Tile>> Make(const TileRules* rules,
                                            uint32_t index);
  Tile(const Tile&) = delete;
  Tile& operator=(const Tile&) = delete;

  const std::string& name() const { return name_; }
  riscv::Group& group() { return group_; }
  const riscv::Group& group() const { return group_; }
  const std::shared_ptr<riscv::Ram>& l1() const { return l1_; }
  bool timing_only() const { return rules_->niu.timing_only; }
  const Engine& engine() const { return *engine_; }
  Niu& niu(size_t noc) { return nius_[noc]; }
  const Niu& niu(size_t noc) const { return nius_[noc]; }

  // The program, the info block; all cores at its start.
  Status Load(const riscv::Elf& elf);

  // Transfers that started since; in the order of (cycle, core).
  std::vector<NocCommand>& commands() { return commands_; }

  uint64_t waited(size_t core, Wait wait) const {
    return waited_[core][static_cast<size_t>(wait)];
  }
  const Log<CoreSpan>& spans() const { return spans_; }
  const History& history() const { return history_; }
  const Log<CoreMark>& marks() const { return marks_; }
  // What keeps the cores that have not ended: "core B: pc ...: waits for ...".
  std::vector<std::string> Stuck() const;

 private:
  Tile(const TileRules* rules, uint32_t index);

  struct WaitRegisters {
    uint32_t address = 0, value = 0;
  };
  struct Pending {
    bool open = false;
    Wait wait = Wait::kWord;
    uint64_t begin = 0;
  };

  void WriteInfo();
  riscv::DeviceReply Access(const riscv::DeviceRequest& request) override;
  riscv::DeviceReply Dispatch(const riscv::DeviceRequest& request, Wait* wait);
  riscv::DeviceReply Control(const riscv::DeviceRequest& request,
                             uint32_t offset);
  riscv::DeviceReply WaitForWord(const riscv::DeviceRequest& request,
                                 uint32_t offset);
  riscv::DeviceReply Configure(const riscv::DeviceRequest& request,
                               uint32_t offset, Wait* wait);
  void Account(const riscv::DeviceRequest& request,
               const riscv::DeviceReply& reply, Wait wait);
  std::string WaitText(size_t core) const;

  const TileRules* rules_;
  uint32_t index_;
  std::string name_;
  std::shared_ptr<riscv::Ram> l1_;
  riscv::Group group_;
  std::vector<NocCommand> commands_;
  std::array<Niu, kNocs> nius_;
  std::unique_ptr<Engine> engine_;
  std::array<Registers, kThreads> registers_{};
  std::array<WaitRegisters, kBabyCores> words_{};
  std::array<Pending, kBabyCores> pending_{};
  std::array<std::array<uint64_t, kWaits>, kBabyCores> waited_{};
  Dependency DependencyOf(const riscv::DeviceRequest& request, Wait wait) const;

  Log<CoreSpan> spans_;
  History history_;
  Log<CoreMark> marks_;
};

}  // namespace triptych::mesh::tile

#endif  // TRIPTYCH_EMULATORS_MESH_TILE_TILE_H_
