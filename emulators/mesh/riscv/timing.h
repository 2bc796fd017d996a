// The clock of one core: when each instruction issues, given when the ones
// before it did.
//
// Instructions come in program order, each in two steps: a question (when can
// it issue; no state changes, so it may be asked again) and a statement (it
// issued at t). Registers are numbered as in block.h: x0..x31, f0..f31, and a
// sink for results nobody reads.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_RISCV_TIMING_H_
#define TRIPTYCH_EMULATORS_MESH_RISCV_TIMING_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "emulators/mesh/riscv/block.h"
#include "emulators/mesh/riscv/pipeline.h"

namespace triptych::mesh::riscv {

// What kept instructions from issuing, in cycles; counts of events.
struct TimingStats {
  uint64_t wait_cycles = 0;    // operands, retire queue, load/store unit;
  uint64_t memory_cycles = 0;  // of those, the load/store unit
  uint64_t fetch_cycles = 0;
  uint64_t branch_cycles = 0;
  uint64_t icache_misses = 0, mispredictions = 0;
  uint64_t data_hits = 0, data_misses = 0;  // of the L0 data cache
  uint64_t coalesced_stores = 0;

  // Adds `times` times what came about since `before`.
  void Repeat(const TimingStats& before, uint64_t times);
  friend bool operator==(const TimingStats&, const TimingStats&) = default;
};

class Timing {
 public:
  explicit Timing(const PipelineParams& params);

  const TimingStats& stats() const { return stats_; }

  // The first cycle at which the next instruction might issue.
  uint64_t next() const { return next_; }

  // Nothing issues before `cycle`: the core slept, or was stopped.
  void NotBefore(uint64_t cycle) { next_ = std::max(next_, cycle); }

  // Everything `cycles` later: whole periods of a loop passed.
  void Shift(uint64_t cycles);
  // The statistics of those periods, of which the last began at `before`.
  void RepeatStats(const TimingStats& before, uint64_t times) {
    stats_.Repeat(before, times);
  }

  // What the future depends on, relative to next(): equal states go on
  // equally. Contents of the instruction cache and of the predictor are
  // represented by how often they changed.
  void AppendState(std::vector<uint64_t>* state) const;

  // The caches forget; a fence.i, or new code after a reset.
  void InvalidateInstructions();

  // The instruction at `pc` is the first of its line, or was jumped to.
  void Fetch(uint32_t pc) {
    const uint32_t line = pc >> 4;
    const uint32_t slot = line & icache_mask_;
    if (icache_[slot] != line || arrival_[slot] != 0) FetchSlow(line);
  }

  // When an instruction that reads these registers can issue.
  uint64_t Issue(const Op& op) const {
    const uint64_t slot = retire_[count_ & retire_mask_];
    uint64_t t = std::max(next_, slot > early_ ? slot - early_ : 0);
    if (!in_order_release_) {
      t = std::max(t, ready_[op.rs1]);
      t = std::max(t, ready_[op.rs2]);
      return std::max(t, ready_[op.rs3]);
    }
    for (uint64_t before = ~t; before != t;) {
      before = t;
      for (const uint8_t r : {op.rs1, op.rs2, op.rs3}) {
        if (t < ready_[r] && t != forward_[r]) t = ready_[r];
      }
    }
    return t;
  }

  // Statements. `rd` may be the sink.
  void Alu(uint64_t t, uint8_t rd) { Done(t, rd, 1, 1); }
  void Multiply(uint64_t t, uint8_t rd) {
    Done(t, rd, p_.mul_latency, p_.mul_occupancy);
  }
  void Divide(uint64_t t, uint8_t rd, uint32_t dividend, uint32_t divisor,
              bool is_signed) {
    const uint32_t cycles = DivideCycles(dividend, divisor, is_signed);
    Done(t, rd, cycles, cycles);
  }
  void Float(uint64_t t, uint8_t rd) { Done(t, rd, p_.fp_latency, 1); }
  void FloatDivide(uint64_t t, uint8_t rd) {
    Done(t, rd, p_.fp_divide_occupancy, p_.fp_divide_occupancy);
  }
  void Branch(uint64_t t, uint32_t pc, bool taken) {
    const bool wrong = Mispredicts(pc, taken);
    Redirect(t, kNoRegister, wrong);
  }
  void Jump(uint64_t t, uint8_t rd) { Done(t, rd, 1, 1); }
  void IndirectJump(uint64_t t, uint8_t rd, uint32_t pc, uint32_t target) {
    const bool wrong = MispredictsTarget(pc, target);
    Redirect(t, rd, wrong);
  }
  // The pipeline waits for this one and those before it.
  void Serialise(uint64_t t, uint8_t rd) {
    Done(t, rd, 1, 1);
    next_ = std::max(next_, last_retire_);
  }

  // Questions and statements of the load/store unit: `t` is what Issue() or
  // the question before said.
  uint64_t LoadAt(uint64_t t, Latency where, uint32_t address,
                  uint32_t size) const;
  // The result is there no earlier than `ready` (0: the region's latency).
  void Load(uint64_t t, uint8_t rd, Latency where, uint32_t address,
            uint64_t ready = 0);
  uint64_t StoreAt(uint64_t t, Latency where, uint32_t address) const;
  void Store(uint64_t t, Latency where, uint32_t address, uint32_t size);
  uint64_t AtomicAt(uint64_t t) const { return FenceAt(t); }
  void Atomic(uint64_t t, uint8_t rd, Latency where);
  // A fence does something where results leave out of order; else it is a nop.
  uint64_t FenceAt(uint64_t t) const;
  void Fence(uint64_t t);
  // Of the wait before an access, the part that came after its operands.
  void CountMemoryWait(uint64_t cycles) { stats_.memory_cycles += cycles; }

 private:
  static constexpr uint8_t kNoRegister = kSink;
  static constexpr size_t kMaxQueue = 8;  // entries of any queue here

  // Bytes of one line of 16: bit i of `bytes` is byte i.
  struct StoreEntry {
    uint32_t line = 0, bytes = 0;
    uint32_t address = 0;  // of the store that came last
    uint64_t drained = 0;  // when it left for memory
  };

  void Done(uint64_t t, uint8_t rd, uint32_t latency, uint32_t occupancy) {
    stats_.wait_cycles += t - next_;
    next_ = t + occupancy;
    const uint64_t leaves = Retire(t + latency + early_);
    forward_[rd] = t + latency;
    ready_[rd] = in_order_release_ ? leaves : t + latency;
  }
  // Retirement is in order, one a cycle.
  uint64_t Retire(uint64_t done) {
    last_retire_ = std::max(done, last_retire_ + 1);
    retire_[count_ & retire_mask_] = last_retire_;
    ++count_;
    return last_retire_;
  }
  void Redirect(uint64_t t, uint8_t rd, bool wrong) {
    Done(t, rd, 1, 1);
    if (!wrong) return;
    next_ += p_.mispredict_bubble;
    stats_.branch_cycles += p_.mispredict_bubble;
    ++stats_.mispredictions;
  }
  void FetchSlow(uint32_t line);
  void Prefetch(uint32_t line, uint64_t arrival);
  uint32_t DivideCycles(uint32_t dividend, uint32_t divisor,
                        bool is_signed) const;
  bool Mispredicts(uint32_t pc, bool taken);
  bool MispredictsTarget(uint32_t pc, uint32_t target);

  int DataLine(uint32_t address) const;  // -1: not in the L0 data cache
  void FlushData();
  bool Merges(uint64_t t, Latency where, uint32_t address) const;
  bool Conflicts(const StoreEntry& entry, uint32_t address,
                 uint32_t size) const;
  // When the open store leaves if nothing joins it, and a store behind it
  // ends its wait at `t`.
  uint64_t OpenDrain(uint64_t t) const;
  uint64_t DrainAfter(uint64_t ready, bool l1) const;
  void Push(StoreEntry entry, uint64_t drained, bool l1);
  void CloseOpen(uint64_t t);
  uint64_t AllDrained(uint64_t t) const;

  PipelineParams p_;
  bool in_order_release_;
  // In-order release: instructions take their place in the queue a cycle
  // after they issue, and spend a cycle there.
  uint32_t early_;
  uint32_t retire_mask_, icache_mask_, predictor_mask_;

  uint64_t next_ = 0;
  uint64_t count_ = 0, last_retire_ = 0;
  std::array<uint64_t, kMaxQueue> retire_{};
  std::array<uint64_t, kRegisters> ready_{}, forward_{};

  std::vector<uint32_t> icache_;   // line numbers by slot: direct-mapped
  std::vector<uint64_t> arrival_;  // of a line nobody used yet, else 0
  uint64_t icache_changes_ = 0;

  std::vector<uint8_t> counters_;  // two bits: 2 and 3 predict taken
  std::vector<uint32_t> targets_;
  uint64_t predictor_changes_ = 0;

  std::array<uint64_t, kMaxQueue> load_free_{};
  uint64_t loads_ = 0, loads_done_ = 0;
  std::vector<uint32_t> data_lines_;  // line + 1; 0 is none
  std::vector<uint64_t> data_ready_;
  uint32_t data_next_ = 0;

  // The last ones, by count. The youngest store to L1 is open while others
  // may still join it; its place is the next.
  std::array<StoreEntry, kMaxQueue> stores_{};
  uint64_t store_count_ = 0, last_drain_ = 0, l1_free_ = 0;
  bool open_ = false;
  StoreEntry open_store_;
  uint64_t open_cycle_ = 0;  // of the last store that joined

  TimingStats stats_;
};

}  // namespace triptych::mesh::riscv

#endif  // TRIPTYCH_EMULATORS_MESH_RISCV_TIMING_H_
