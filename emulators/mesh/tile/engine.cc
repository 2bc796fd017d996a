// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/tile/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "emulators/mesh/matmul_plan.h"
#include "emulators/mesh/tile.h"

namespace triptych::mesh::tile {
namespace {

uint64_t CycleAt(double time) { return static_cast<uint64_t>(std::ceil(time)); }

}  // namespace

// Sources: [ISA] tenstorrent/tt-isa-documentation, TensixTile: UNPACR_Regular,
// MatrixUnit, VectorUnit, Packers. [assumed] has none.
EngineRates RatesOf(const Params& p) {
  EngineRates rates;
  rates.unpack_one = 64;  // [ISA] one unpacker alone, x4
  rates.unpack_both = p.unpack_bytes_per_cycle;
  rates.unpack_tile = p.unpack_tile_cycles;
  for (int phases = 1; phases <= 4; ++phases) {
    rates.product[static_cast<size_t>(phases - 1)] =
        TileProductCycles(p, phases);
  }
  rates.move = 8;   // [ISA] MOVA2D, ELWADD: 8 rows of 16 a cycle
  rates.pool = 4;   // [ISA] GAPOOL: a face a cycle
  rates.turn = 16;  // [assumed] a face's transposition through SrcB, 4 moves
  rates.vectors = static_cast<double>(kTileElements) / p.sfpu_lanes;
  rates.fpu_latency = 5;   // [ISA] MVMUL, ELWMUL, pools
  rates.sfpu_latency = 2;  // [ISA] SFPMAD
  rates.pack = p.pack_bytes_per_cycle;
  rates.pack_tile = p.pack_tile_cycles;
  // [ISA] L1: a bank takes 16 B to be added in 5 cycles, in 2 if not atomic.
  rates.pack_add = p.pack_bytes_per_cycle / 5;
  rates.pack_add_alone = p.pack_bytes_per_cycle / 2;
  rates.fifo = 16;                              // [assumed]
  return rates;
}

Engine::Engine(const EngineRates& rates, std::shared_ptr<riscv::Ram> l1,
               bool values, riscv::Group* group, Wake wake)
    : rates_(rates),
      l1_(std::move(l1)),
      values_(values),
      group_(group),
      wake_(std::move(wake)) {}

std::string Engine::OwnershipComplaint(Thread thread, const Command& c) {
  Worker& w = worker(thread);
  const bool takes = c.op() == TILE_OP_ACQUIRE || c.op() == TILE_OP_WAIT;
  const bool gives = c.op() == TILE_OP_COMMIT || c.op() == TILE_OP_RELEASE;
  if (thread == Thread::kUnpack || c.op() == TILE_OP_SIGNAL) return {};
  if (takes == w.holds_at_push) {
    return fmt::format("{}: the {} thread {} a half of Dst", NameOfOp(c.op()),
                       NameOf(thread), takes ? "already has" : "does not have");
  }
  if (takes) w.holds_at_push = true;
  if (gives) w.holds_at_push = false;
  return {};
}

size_t Engine::InFifo(Worker& w, uint64_t cycle) const {
  while (!w.starts.empty() && w.starts.front() <= static_cast<double>(cycle)) {
    w.starts.pop_front();
  }
  const size_t unresolved = w.commands.size() - (w.step > 0 ? 1 : 0);
  return w.starts.size() + unresolved;
}

riscv::DeviceReply Engine::Push(Thread thread, const Command& command) {
  using Reply = riscv::DeviceReply;
  Worker& w = worker(thread);
  const size_t in_fifo = InFifo(w, command.cycle);
  if (in_fifo >= rates_.fifo) {
    const size_t over = in_fifo - rates_.fifo;
    if (over < w.starts.size()) {
      return {.kind = Reply::kLater, .ready_cycle = CycleAt(w.starts[over])};
    }
    w.waits_for_space = true;
    return {.kind = Reply::kWait};
  }
  std::string text = Complaint(thread, command, l1_->size());
  if (text.empty()) text = OwnershipComplaint(thread, command);
  if (!text.empty()) return {.kind = Reply::kFault, .reason = std::move(text)};
  w.commands.push_back(command);
  Advance();
  return {};
}

riscv::DeviceReply Engine::WaitIdle(Thread thread, uint64_t cycle) {
  using Reply = riscv::DeviceReply;
  Worker& w = worker(thread);
  if (!w.commands.empty()) {
    w.waits_for_idle = true;
    return {.kind = Reply::kWait};
  }
  if (CycleAt(w.done) > cycle) {
    return {.kind = Reply::kLater, .ready_cycle = CycleAt(w.done)};
  }
  return {};
}

void Engine::Advance() {
  bool progress = true;
  while (progress) {
    progress = false;
    for (const Thread thread :
         {Thread::kUnpack, Thread::kMath, Thread::kPack}) {
      while (Work(thread)) progress = true;
    }
  }
}

void Engine::Depends(Thread thread, double begin, double end, Agent by,
                     double since) {
  if (history_ == nullptr || end <= begin) return;
  (*history_)[AgentOf(thread)].Add(
      {.begin = begin, .end = end, .agent = by, .tile = tile_, .since = since},
      most_);
}

// One step of a thread's first command.
bool Engine::Work(Thread thread) {
  Worker& w = worker(thread);
  if (w.commands.empty()) return false;
  const Command& command = w.commands.front();
  if (w.step == 0) {
    // A cycle from the core into the thread.
    const auto arrives = static_cast<double>(command.cycle + 1);
    if (arrives > w.time) {
      Depends(thread, w.time, arrives, CoreOf(thread),
              static_cast<double>(command.cycle));
      w.time = arrives;
    }
  }
  const uint32_t step_before = w.step;
  const Step step = Execute(thread, command);
  if (step == Step::kBlocked) return false;
  w.waits_for = "";
  if (step_before == 0) {
    w.begin = w.start;
    w.starts.push_back(w.begin);
    if (w.waits_for_space) {
      w.waits_for_space = false;
      wake_(thread, CycleAt(w.begin));
    }
  }
  if (step == Step::kDone) {
    Finish(thread);
  } else {
    ++w.step;
  }
  return true;
}

void Engine::Finish(Thread thread) {
  Worker& w = worker(thread);
  if (history_ != nullptr) {
    spans_.Add({thread, w.commands.front().op(), w.begin, w.done}, most_);
  }
  w.commands.pop_front();
  w.step = 0;
  if (w.commands.empty() && w.waits_for_idle) {
    w.waits_for_idle = false;
    wake_(thread, CycleAt(w.done));
  }
}

double Engine::end() const {
  double end = 0;
  for (const Worker& w : workers_) end = std::max(end, w.done);
  return end;
}

std::string Engine::Waiting() const {
  std::string text;
  for (size_t i = 0; i < kThreads; ++i) {
    const Worker& w = workers_[i];
    if (w.commands.empty()) continue;
    text += fmt::format("{}{}: {} waits for {}", text.empty() ? "" : ", ",
                        NameOf(static_cast<Thread>(i)),
                        NameOfOp(w.commands.front().op()), w.waits_for);
  }
  return text;
}

}  // namespace triptych::mesh::tile
