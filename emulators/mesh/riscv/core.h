// One RISC-V core: registers, an interpreter of decoded blocks, and, if
// wanted, a clock.
//
// Time. A timed core issues instructions as pipeline.h says; an untimed one
// takes a cycle for each. Accesses to shared regions and devices happen at
// the cycle their instruction issues, and only below the horizon that the
// core was given: whoever runs several cores (group.h) thereby orders them.
// Between such accesses a core may run ahead of its horizon, which nobody can
// see. Decoding reads memory and is ordered likewise.
//
// Code. A core sees its own stores to instructions at once, those of others
// after a fence.i of its own or Reset().
//
// Floating-point state is always on. Not thread-safe.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_RISCV_CORE_H_
#define TRIPTYCH_EMULATORS_MESH_RISCV_CORE_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "emulators/mesh/riscv/block.h"
#include "emulators/mesh/riscv/csrs.h"
#include "emulators/mesh/riscv/memory.h"
#include "emulators/mesh/riscv/softfloat.h"
#include "emulators/mesh/riscv/timing.h"
#include "kernels/base/result.h"

namespace triptych::mesh::riscv {

struct CoreConfig {
  std::string name = "core";  // for messages: "tile 3,4 core B"
  uint32_t index = 0;         // in its group
  uint32_t hart_id = 0;
  uint32_t extensions = 0;
  bool timed = true;
  PipelineParams pipeline;
  // Traps go to mtvec once that is set, as a whole hart has it; otherwise
  // they stop the core. Needs kMachine.
  bool machine_traps = false;
  // Loads and stores need not be aligned. They take the time of one.
  bool misaligned = false;
  // A store of an odd number to this word of RAM ends the program with that
  // number / 2. ExitWord() of elf.h finds it.
  std::optional<uint32_t> tohost;
  // Put polling loops to sleep. Changes no result.
  bool sleep = true;
};

enum class Stop : uint8_t {
  kLimit,    // the next access, or block, is not below the horizon
  kHeld,     // in reset: Reset() starts it
  kDevice,   // an access that nobody answers: pending(), then Answer()
  kWaiting,  // a device said so: Wake()
  kAsleep,   // polls words that nobody changed: watched(), Wake()
  kExited,   // exit_code()
  kTrap,     // trap()
};

// The exception codes of the RISC-V Instruction Set Manual, volume II, table
// of mcause; from kDeviceFault on our own.
enum class Cause : uint8_t {
  kFetchMisaligned = 0,
  kFetchFault = 1,
  kIllegal = 2,
  kBreakpoint = 3,
  kLoadMisaligned = 4,
  kLoadFault = 5,
  kStoreMisaligned = 6,
  kStoreFault = 7,
  kEcall = 11,
  kDeviceFault = 24,
};

struct Trap {
  Cause cause = Cause::kIllegal;
  uint32_t pc = 0;
  uint32_t word = 0;   // the instruction; 0 if it could not be fetched
  uint32_t value = 0;  // the address, or the word that is illegal
  std::string reason;  // what is wrong and what is allowed
};

// A word that a sleeping core reads again and again.
struct Watch {
  Ram* ram = nullptr;
  uint32_t offset = 0, size = 0;
};

// Told before a store reaches a granule that is marked kWatched.
class StoreListener {
 public:
  virtual ~StoreListener() = default;
  // True: another core must go first, so the store stays pending.
  virtual bool BeforeStore(uint32_t core, uint64_t cycle, const Ram* ram,
                           uint32_t offset, uint32_t size) = 0;
};

class Core {
 public:
  // The map's RAM is shared with whoever else holds it.
  Core(CoreConfig config, AddressMap memory);
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  // A core begins in reset. Registers and CSRs become 0 (reset values),
  // decoded code and caches are forgotten; counters go on, and nothing
  // happens before `cycle`.
  void Reset(uint32_t pc, uint64_t cycle = 0);
  void Hold() { stop_ = Stop::kHeld; }

  // Runs until something above stops it. Called again, it goes on from
  // there; after kExited or kTrap only Reset() does.
  Stop RunUntil(uint64_t horizon);

  // Makes a waiting or sleeping core go on, no earlier than `cycle`. Periods
  // of a polling loop that ended before count as executed.
  void Wake(uint64_t cycle);

  // Counts the periods of a sleeping loop that ended before `cycle`.
  void Settle(uint64_t cycle);

  // During RunUntil, for devices and listeners that made somebody else
  // runnable.
  void LowerHorizon(uint64_t horizon) {
    horizon_ = std::min(horizon_, horizon);
    boundary_ = std::min(boundary_, horizon);
  }

  // The access of kDevice, and its answer; RunUntil() then finishes it.
  const DeviceRequest& pending() const { return pending_; }
  void Answer(DeviceReply reply) { reply_ = std::move(reply); }

  // The first cycle at which something may still happen.
  uint64_t now() const;
  uint64_t instructions() const;
  uint32_t pc() const;
  uint32_t x(int i) const { return r_[static_cast<size_t>(i)]; }
  uint32_t f(int i) const { return r_[kFloat0 + static_cast<size_t>(i)]; }
  void set_x(int i, uint32_t value);
  void set_f(int i, uint32_t value) {
    r_[kFloat0 + static_cast<size_t>(i)] = value;
  }
  uint32_t fcsr() const { return uint32_t{frm_} << 5 | fflags_; }
  Stop stop() const { return stop_; }
  uint32_t exit_code() const { return exit_code_; }
  const Trap& trap() const { return trap_; }
  const std::vector<Watch>& watched() const { return watched_; }
  // What the sleeping loop reads, for messages.
  uint32_t watched_address() const { return watched_address_; }
  const TimingStats& stats() const { return timing_.stats(); }
  const CoreConfig& config() const { return config_; }
  const AddressMap& memory() const { return memory_; }
  void set_listener(StoreListener* listener) { listener_ = listener; }

  // Success, or an error with the core's name, pc, instruction and cause.
  // Stops that can go on are errors here too: "still running".
  Status Outcome() const;

 private:
  enum class Next : uint8_t { kContinue, kStop, kJump };
  struct Access;  // to memory

  // Where straight-line code ends.
  struct Probe {
    bool recording = false;
    uint64_t next_cycle = 0;  // when to try again
    uint64_t interval = 0;
    uint32_t head = 0;  // pc of the loop
    uint32_t blocks = 0, tries = 0;
    uint64_t cycle = 0, instructions = 0;
    std::array<uint32_t, kRegisters> registers{};
    std::vector<uint64_t> timing;
    TimingStats stats;
  };
  // A loop that sleeps: what one period of it takes.
  struct Period {
    uint64_t cycles = 0, instructions = 0;
    uint64_t head_cycle = 0;
    TimingStats before;
  };

  // engine.cc
  template <bool kTimed>
  Stop Run(uint64_t horizon, std::array<int32_t, kOps>* targets);
  std::array<int32_t, kOps> Targets();
  // block_ becomes the one at `pc`, and *link if there is one. False: stop_
  // says why not.
  bool Follow(uint32_t pc, Block** link);

  // core.cc
  Next RaiseTrap(Cause cause, uint32_t value, std::string reason);
  Next IllegalInstruction(const Op& op);
  Next System(const Op& op);
  bool RoundingOf(const Op& op, fp::Env* env) const;
  void Raise(const fp::Env& env) { fflags_ |= env.flags; }
  Next CsrAccess(const Op& op);
  uint32_t ReadCsr(const Csr& csr) const;
  void WriteCsr(const Csr& csr, uint32_t value);
  uint64_t Cycle() const;  // of the instruction at op_
  void SkipTo(uint64_t cycle);
  uint32_t WordAt(uint32_t pc) const;
  uint32_t CurrentPc() const;
  // On to `pc`, `instructions` after the start.
  void LeaveBlock(uint32_t pc, uint64_t instructions);

  // access.cc
  Next SlowAccess(const Op& op);
  Next AccessRam(const Op& op, const Access& access);
  Next AccessDevice(const Op& op, const Access& access);
  Next AfterStore(const Access& access);
  Next AccessFault(const Access& access);
  uint64_t AccessTime(const Op& op, const Access& access) const;
  void Charge(const Op& op, const Access& access, uint64_t ready);

  // poll.cc
  // Before a block: whether to go on. Looks for polling loops now and then.
  bool Boundary(Block* block, uint64_t now);
  uint64_t NextBoundary() const;  // when it wants to be asked again
  void StartProbe(const Block& block, uint64_t now);
  bool Repeats();
  bool FallAsleep(const Block& head, uint64_t now);
  bool WatchLoads(const Block& head);
  void GiveUpProbe(uint64_t now, bool longer);

  CoreConfig config_;
  AddressMap memory_;
  StoreListener* listener_ = nullptr;
  Timing timing_;
  BlockCache blocks_;

  // Where the interpreter looks before it looks anywhere else.
  struct Window {
    uint32_t base = 0, size = 0;
    std::byte* data = nullptr;
    uint8_t* marks = nullptr;
    Latency latency = Latency::kL1;
  };
  Window shared_, local_;

  std::array<uint32_t, kRegisters> r_{};
  uint8_t fflags_ = 0, frm_ = 0;
  std::vector<uint32_t> storage_;  // of CSRs, by row
  uint64_t cycle_offset_ = 0, instret_offset_ = 0;
  std::optional<uint32_t> reservation_;

  // At block_ and op_, or (no block) at pc_.
  Block* block_ = nullptr;
  const Op* op_ = nullptr;
  uint32_t pc_ = 0;
  uint64_t instret_ = 0;        // before block_, or pc_
  uint64_t skew_ = 0;           // untimed: cycles that were no instructions
  uint64_t horizon_ = 0;        // of the current RunUntil
  uint64_t boundary_ = 0;       // when Boundary() wants to be asked
  uint64_t blocked_until_ = 0;  // kLimit: the cycle of the access

  Stop stop_ = Stop::kHeld;
  uint32_t exit_code_ = 0;
  Trap trap_;
  DeviceRequest pending_;
  std::optional<DeviceReply> reply_;
  Probe probe_;
  Period period_;
  std::vector<Watch> watched_;
  uint32_t watched_address_ = 0;
};

}  // namespace triptych::mesh::riscv

#endif  // TRIPTYCH_EMULATORS_MESH_RISCV_CORE_H_
