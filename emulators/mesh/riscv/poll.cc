// Polling loops. A loop of loads, arithmetic and branches that comes back to
// where it was with the same registers and the same state of the pipeline
// will do so again, until a word that it reads changes. Then it need not be
// executed: Wake() adds the periods that passed.
//
// The proof is by recording: state at the head of the loop, one period of
// blocks without side effects, state again. Nothing is guessed, so results do
// not depend on which loops are found.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/riscv/core.h"
#include "emulators/mesh/riscv/evaluate.h"

namespace triptych::mesh::riscv {
namespace {

// Cycles from one attempt to the next, doubled after failures; blocks of a
// loop; periods until its timing has settled. These change speed alone.
constexpr uint64_t kFirstInterval = 512, kLastInterval = 32768;
constexpr uint32_t kMaxBlocks = 8, kMaxTries = 6;

}  // namespace

void Core::GiveUpProbe(uint64_t now, bool longer) {
  probe_.recording = false;
  probe_.interval = longer && probe_.interval != 0
                        ? std::min(probe_.interval * 2, kLastInterval)
                        : kFirstInterval;
  probe_.next_cycle = now + probe_.interval;
}

bool Core::Boundary(Block* block, uint64_t now) {
  if (now >= horizon_) {
    stop_ = Stop::kLimit;
    return false;
  }
  if (!config_.sleep) {
    boundary_ = horizon_;
    return true;
  }
  if (!probe_.recording) {
    if (now >= probe_.next_cycle) {
      if (block->pure) {
        probe_.tries = 0;
        StartProbe(*block, now);
      } else {
        GiveUpProbe(now, false);
      }
    }
  } else if (!block->pure || ++probe_.blocks > kMaxBlocks) {
    GiveUpProbe(now, true);
  } else if (block->pc == probe_.head) {
    if (Repeats()) {
      if (FallAsleep(*block, now)) return false;
      GiveUpProbe(now, true);
    } else if (++probe_.tries == kMaxTries) {
      GiveUpProbe(now, true);
    } else {
      StartProbe(*block, now);
    }
  }
  boundary_ = NextBoundary();
  return true;
}

uint64_t Core::NextBoundary() const {
  if (!config_.sleep) return horizon_;
  return probe_.recording ? 0 : std::min(horizon_, probe_.next_cycle);
}

void Core::StartProbe(const Block& block, uint64_t now) {
  probe_.recording = true;
  probe_.blocks = 0;
  probe_.head = block.pc;
  probe_.cycle = now;
  probe_.instructions = instret_;
  probe_.registers = r_;
  probe_.timing.clear();
  if (config_.timed) timing_.AppendState(&probe_.timing);
  probe_.stats = timing_.stats();
}

bool Core::Repeats() {
  // The sink holds whatever was thrown away last.
  probe_.registers[kSink] = r_[kSink];
  if (probe_.registers != r_) return false;
  if (!config_.timed) return true;
  std::vector<uint64_t> state;
  timing_.AppendState(&state);
  return state == probe_.timing;
}

bool Core::FallAsleep(const Block& head, uint64_t now) {
  if (!WatchLoads(head)) return false;
  period_ = {.cycles = now - probe_.cycle,
             .instructions = instret_ - probe_.instructions,
             .head_cycle = now,
             .before = probe_.stats};
  probe_.recording = false;
  stop_ = Stop::kAsleep;
  return true;
}

bool Core::WatchLoads(const Block& head) {
  // One period again, on a copy of the registers, to see what is loaded.
  watched_.clear();
  std::array<uint32_t, kRegisters> r = r_;
  const Block* block = &head;
  do {
    const Block* next = block->falls;
    uint32_t jump = 0;
    for (const Op& op : block->ops) {
      if (op.id == OpId::kEnd || op.id == OpId::kFence) continue;
      const auto id = static_cast<InsnId>(op.id);
      const Insn& insn = InsnOf(id);
      const auto imm = static_cast<uint32_t>(op.imm);
      const uint32_t a = r[op.rs1];
      fp::Env none;
      if (insn.cost == Cost::kLoad) {
        const uint32_t address = a + imm;
        const MemoryType type = MemoryTypeOf(id);
        const Region* region = memory_.Find(address);
        uint32_t value = 0;
        if (region == nullptr || !region->ram ||
            !memory_.Read(address, std::as_writable_bytes(std::span(&value, 1))
                                       .first(type.size))) {
          return false;
        }
        const int shift = static_cast<int>(32 - 8 * type.size);
        r[op.rd] = type.is_signed
                       ? static_cast<uint32_t>(
                             static_cast<int32_t>(value << shift) >> shift)
                       : value;
        if (region->shared) {
          if (watched_.empty()) watched_address_ = address;
          watched_.push_back(
              {region->ram.get(), address - region->base, type.size});
        }
      } else if (insn.cost == Cost::kBranch) {
        if (Evaluate(id, a, r[op.rs2], 0, none)) next = block->taken;
      } else if (insn.format == Format::kJal) {
        r[op.rd] = block->pc + 4 * block->size;
        next = block->taken;
      } else if (insn.format == Format::kJalr) {
        jump = (a + imm) & ~1u;
        r[op.rd] = block->pc + 4 * block->size;
        next = blocks_.Find(jump);
      } else {
        const bool by_register = insn.format == Format::kReg;
        r[op.rd] = Evaluate(id, a, by_register ? r[op.rs2] : imm, 0, none);
      }
    }
    if (next == nullptr) return false;
    block = next;
  } while (block->pc != head.pc);
  return true;
}

void Core::Settle(uint64_t cycle) {
  if (stop_ != Stop::kAsleep || cycle <= period_.head_cycle) return;
  const uint64_t periods = (cycle - period_.head_cycle) / period_.cycles;
  instret_ += periods * period_.instructions;
  period_.head_cycle += periods * period_.cycles;
  if (!config_.timed) return;
  const TimingStats stats = timing_.stats();
  timing_.RepeatStats(period_.before, periods);
  timing_.Shift(periods * period_.cycles);
  // The last period before `stats` becomes the last before now.
  period_.before.Repeat(stats, 0 - periods);
}

void Core::Wake(uint64_t cycle) {
  if (stop_ == Stop::kAsleep) {
    Settle(cycle);
    watched_.clear();
    stop_ = Stop::kLimit;
    GiveUpProbe(now(), false);
  } else if (stop_ == Stop::kWaiting) {
    blocked_until_ = 0;
    stop_ = Stop::kLimit;
    SkipTo(cycle);
  }
}

}  // namespace triptych::mesh::riscv
