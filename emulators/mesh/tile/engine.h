// A tile's engine: unpackers, matrix unit with its vector unit, packers; one
// in-order thread of commands each, that wait for one another.
//
//   T0 -> unpack -> SrcA, SrcB (two tiles each) -> math -> Dst (two halves)
//   -> pack -> L1
//
// The threads are a dataflow network: what each does and when depends only on
// its own commands and on what it takes from the others, never on the order
// in which the model gets round to them. So commands are worked off as soon as
// what they need is known, and their ends may lie in the future: what they
// change in L1 is posted there for that cycle.
//
// Not thread-safe; one per tile.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_TILE_ENGINE_H_
#define TRIPTYCH_EMULATORS_MESH_TILE_ENGINE_H_

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "emulators/mesh/params.h"
#include "emulators/mesh/riscv/group.h"
#include "emulators/mesh/riscv/memory.h"
#include "emulators/mesh/tile/command.h"
#include "emulators/mesh/tile/history.h"
#include "emulators/mesh/tile/values.h"

namespace triptych::mesh::tile {

// Cycles and bytes a cycle.
struct EngineRates {
  double unpack_one = 64;   // one unpacker
  double unpack_both = 80;  // the two together
  double unpack_tile = 0;   // set-up of each tile
  // One tile product in 1 to 4 fidelity passes.
  std::array<double, 4> product{};
  double move = 8;      // a tile between source registers and Dst
  double pool = 4;      // a tile's reduction along columns
  double turn = 16;     // and what a reduction along rows takes in addition
  double vectors = 32;  // of the vector unit in a tile
  double fpu_latency = 5, sfpu_latency = 2;
  double pack = 64;  // all packers
  double pack_tile = 0;
  // The same, added to what is in L1, whoever else adds there; or no one does.
  double pack_add = 12.8, pack_add_alone = 32;
  size_t fifo = 16;        // commands of each thread
};
EngineRates RatesOf(const Params& params);

// Cycles that units worked, and that threads waited for others.
struct EngineStats {
  double unpack = 0, fpu = 0, sfpu = 0, pack = 0;
  // The unpack thread for free source registers (math is late); math for
  // tiles in them, and for a free half of Dst; pack for a full one.
  double wait_source = 0, wait_operand = 0, wait_dst = 0, wait_packable = 0;
  uint64_t unpacked_bytes = 0, packed_bytes = 0;
  uint64_t products = 0, phases = 0;  // of tiles
  uint64_t vector_instructions = 0;
};

// What a command did when, for timelines.
struct EngineSpan {
  Thread thread;
  uint32_t op;
  double begin, end;
};

class Engine {
 public:
  // Called for a core that waits for this engine, when it may go on.
  using Wake = std::function<void(Thread, uint64_t cycle)>;

  // `values`: else only the time is worked out. `group` outlives it.
  Engine(const EngineRates& rates, std::shared_ptr<riscv::Ram> l1, bool values,
         riscv::Group* group, Wake wake);

  // A command word of a thread's core.
  riscv::DeviceReply Push(Thread thread, const Command& command);
  // A read of IDLE at that cycle.
  riscv::DeviceReply WaitIdle(Thread thread, uint64_t cycle);

  const EngineStats& stats() const { return stats_; }
  // When all that has been worked off ends.
  double end() const;
  // Commands that wait for something that never comes: "math: MATMUL waits
  // for a tile in SrcA"; empty if none wait.
  std::string Waiting() const;

  // Also keeps what happened when, and what threads waited for.
  // `most`: entries of each list.
  void Keep(uint32_t tile, History* history, size_t most) {
    most_ = most;
    tile_ = tile;
    history_ = history;
  }
  const Log<EngineSpan>& spans() const { return spans_; }

 private:
  // SrcA or SrcB with its unpacker.
  struct Source {
    std::array<SourceTile, kBanks> tiles;
    std::array<double, kBanks> ready{}, free{};
    uint64_t loaded = 0, released = 0;
    double unpacker_free = 0;

    bool full() const { return loaded - released == kBanks; }
    bool empty() const { return loaded == released; }
    SourceTile& front() { return tiles[released % kBanks]; }
    double front_ready() const { return ready[released % kBanks]; }
    void Release(double when) {
      free[released % kBanks] = when;
      ++released;
    }
  };
  struct Half {
    Destination values;
    double free = 0, full = 0;
  };
  struct Worker {
    std::deque<Command> commands;  // the first may have begun
    std::deque<double> starts;     // of those before that began lately
    uint32_t step = 0;             // of the first
    double begin = 0;              // of the first
    double start = 0;              // of its latest step
    double time = 0;               // the next step is no earlier
    double done = 0;               // all steps so far have ended
    bool waits_for_space = false, waits_for_idle = false;
    // Of Dst, in the order of the program and in that of execution.
    bool holds_at_push = false;
    uint64_t halves = 0;
    const char* waits_for = "";
  };
  enum class Step : uint8_t { kBlocked, kDone, kMore };

  Worker& worker(Thread thread) {
    return workers_[static_cast<size_t>(thread)];
  }
  std::string OwnershipComplaint(Thread thread, const Command& command);
  size_t InFifo(Worker& worker, uint64_t cycle) const;
  void Advance();
  bool Work(Thread thread);
  void Finish(Thread thread);
  Step Execute(Thread thread, const Command& command);

  // engine_steps.cc
  Step Unpack(const Command& command);
  Step UnpackMatmul(const Command& command);
  bool LoadTile(Source& source, const Command& command, uint32_t format,
                uint64_t address);
  Step Math(const Command& command);
  Step Matmul(const Command& command);
  Step FromSources(const Command& command);
  Step OnDst(const Command& command);
  Step Acquire();
  Step Commit();
  Step Pack(const Command& command);
  Step WaitForHalf();
  Step Signal(Thread thread, const Command& command);
  // The thread went on at `end` because of what `by` had done at `since`.
  void Depends(Thread thread, double begin, double end, Agent by, double since);
  // Waits until the sources that a step needs are there; false: they may
  // never be.
  bool Operands(bool a, bool b);
  // A step of the math thread that takes so long, in one unit.
  void Charge(double cycles, bool vector);
  void PostTile(double when, uint32_t address, DType format, bool add,
                std::span<const float, 1024> values);
  Half& math_half() { return halves_[(workers_[1].halves - 1) % kBanks]; }
  Half& pack_half() { return halves_[(workers_[2].halves - 1) % kBanks]; }

  EngineRates rates_;
  std::shared_ptr<riscv::Ram> l1_;
  bool values_;
  riscv::Group* group_;
  Wake wake_;
  std::array<Worker, kThreads> workers_;
  Source a_, b_;
  double unpack_end_ = 0;
  double unpack_shared_ = 0;  // both unpackers' way out of L1 is free
  std::array<Half, kBanks> halves_;
  uint64_t committed_ = 0, freed_ = 0;
  bool last_was_vector_ = false;
  double math_result_ = 0;  // the last result is in Dst
  EngineStats stats_;
  size_t most_ = 0;
  uint32_t tile_ = 0;
  History* history_ = nullptr;
  Log<EngineSpan> spans_;
};

}  // namespace triptych::mesh::tile

#endif  // TRIPTYCH_EMULATORS_MESH_TILE_ENGINE_H_
