// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/machine/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "emulators/npu/isa/opcodes.h"
#include "kernels/base/check.h"

namespace triptych::npu {
namespace {

bool IsConfig(const Command& command) {
  return command.opcode == Opcode::kDmaConfig ||
         command.opcode == Opcode::kVectorConfig;
}

bool HasEvents(const Command& command) {
  return (command.wait[0] | command.wait[1] | command.signal[0] |
          command.signal[1]) != 0;
}

Queue QueueOf(const Command& command) {
  if (command.opcode == Opcode::kDmaConfig && command.flags == kForStore) {
    return Queue::kStore;
  }
  return InfoOf(command.opcode).queue;
}

}  // namespace

Timing::Engine::Engine(const Params& params)
    : params_(params),
      vector_{params.vector_lanes, params.vector_latency,
              params.vector_add_latency},
      dram_(params.dram, params.dma.outstanding),
      l2_(static_cast<int>(params.chip.l2_banks), params.chip.l2_bank_bytes,
          params.chip.l2_latency),
      needs_(params_, vector_),
      cycle_ps_(1e12 / params.clock.value),
      cycles_per_ps_(params.clock.value / 1e12),
      depth_(static_cast<uint32_t>(params.front.queue_depth)),
      pace_ps_(
          PicosOf(CeilDiv(params.dram.burst_bytes, params.dma.beat_bytes))),
      beat_size_(static_cast<uint64_t>(params.dma.beat_bytes)) {}

Timing::Engine::Core::Core(const Stream& stream, int n, const Engine& engine)
    : front(stream, n),
      number(n),
      scratchpad(static_cast<int>(engine.params_.chip.scratchpad_banks),
                 engine.params_.chip.scratchpad_bank_bytes),
      accumulators(static_cast<int>(engine.params_.chip.accumulator_banks), 1) {
  for (QueueState& queue : queues) {
    queue.ring.resize(engine.depth_);
    queue.flights.resize(kFlights);
  }
  const auto loads = static_cast<size_t>(engine.params_.dma.load_channels);
  const auto stores = static_cast<size_t>(engine.params_.dma.store_channels);
  channels.resize(loads + stores);
  for (size_t i = 0; i < channels.size(); ++i) {
    channels[i].queue = i < loads ? Queue::kLoad : Queue::kStore;
    const auto window = static_cast<uint32_t>(engine.params_.dma.outstanding);
    channels[i].bursts = channels[i].beats = Window(window);
  }
}

// The last bits of the product are no picosecond and no cycle.
int64_t Timing::Engine::PicosOf(int64_t cycles) const {
  return static_cast<int64_t>(
      std::ceil(static_cast<double>(cycles) * cycle_ps_ - 1e-3));
}
int64_t Timing::Engine::CyclesOf(int64_t picos) const {
  return static_cast<int64_t>(
      std::ceil(static_cast<double>(picos) * cycles_per_ps_ - 1e-6));
}

Result<TimingReport> Timing::Engine::Run(const Stream& stream,
                                         const TimingOptions& options) {
  const MachineSize& size = stream.machine();
  TRIPTYCH_CHECK(size.cores == params_.cores, size.cores, params_.cores);
  TRIPTYCH_CHECK(size.array_rows == params_.array_rows &&
                     size.array_cols == params_.array_cols,
                 size.array_rows, size.array_cols);
  stream_ = &stream;
  options_ = &options;
  failure_ = {};
  report_ = {};
  report_.cores.resize(static_cast<size_t>(size.cores));
  ends_.assign(static_cast<size_t>(size.cores), {});
  shared_end_ = {};
  now_ = 0;
  dram_.Reset(options.begin.value);
  l2_.Reset();
  needs_.Reset(stream);
  // Regions lie one behind the other, each on a boundary that all channels
  // and banks share.
  constexpr uint64_t kBoundary = uint64_t{1} << 20;
  uint64_t base = 0;
  for (size_t r = 1; r < kRegions; ++r) {
    bases_[r] = base;
    base += RoundUp(static_cast<uint64_t>(size.region_bytes[r]), kBoundary);
  }
  cores_.clear();
  for (int c = 0; c < size.cores; ++c) {
    cores_.push_back(std::make_unique<Core>(stream, c, *this));
    Pump(*cores_.back());
    Refresh(*cores_.back());
  }
  while (failure_) {
    Core* first = nullptr;
    for (const auto& core : cores_) {
      if (first == nullptr || core->next < first->next) first = core.get();
    }
    if (first->next == kNever) {
      if (!ReleaseBarrier()) break;
      continue;
    }
    now_ = first->next;
    Step(*first);
  }
  TRIPTYCH_TRY(failure_);
  for (const auto& core : cores_) {
    report_.cycles = std::max({report_.cycles, core->time, core->last_done});
  }
  report_.cycles = std::max(report_.cycles, DrainDram(report_.cycles));
  report_.dram = dram_.counts();
  report_.dram_bus_ps = dram_.bus_ps();
  return std::move(report_);
}

bool Timing::Engine::Fail(const Status& status) {
  if (!status && failure_) failure_ = status;
  return !failure_;
}

// Decodes until a queue is full, a barrier or the end.
void Timing::Engine::Pump(Core& core) {
  if (core.at_barrier || core.ended) return;
  if (core.blocked_on != Queue::kFrontEnd) {
    const QueueState& queue = core.queues[static_cast<size_t>(core.blocked_on)];
    if (queue.count == depth_) return;
    // A place became free when the queue's last command started.
    const int64_t waited = std::max<int64_t>(0, queue.last_start - core.time);
    core.time += waited;
    core.lost += waited;
    core.blocked.ready = core.time + params_.front.dispatch_cycles;
    core.blocked.lost = core.lost;
    Push(core, core.blocked, std::exchange(core.blocked_on, Queue::kFrontEnd));
  }
  Issue issue;
  const auto decode = [&] {
    const auto commands = core.front.decoded() - core.decoded;
    core.decoded = core.front.decoded();
    const int64_t begin = core.time;
    core.time += static_cast<int64_t>(commands) * params_.front.decode_cycles;
    report_.commands += commands;
    report_.counts[static_cast<size_t>(Act::kCommand)] += commands;
    report_.cores[static_cast<size_t>(core.number)].busy[0] +=
        core.time - begin;
  };
  while (core.front.Next(issue)) {
    decode();
    const Command& command = *issue.command;
    if (!CheckNext(core, issue)) return;
    switch (command.opcode) {
      case Opcode::kMark:
        core.mark = command.operands.mark.id;
        continue;
      case Opcode::kEvent:
        // Whoever takes these credits is decoded later, so it is as if they
        // had always been there.
        core.events[command.operands.credit.event].GiveNow(
            command.operands.credit.count);
        continue;
      case Opcode::kBarrier:
        core.at_barrier = true;
        return;
      default:
        break;
    }
    if (IsConfig(command) && !HasEvents(command)) continue;
    const Queue queue = QueueOf(command);
    const Entry entry = EntryOf(core, issue);
    if (core.queues[static_cast<size_t>(queue)].count == depth_) {
      core.blocked = entry;
      core.blocked_on = queue;
      return;
    }
    Push(core, entry, queue);
  }
  decode();
  core.ended = true;
}

// What has been checked is not checked again when it comes round.
bool Timing::Engine::SoundIssue(const Issue& issue) {
  if (InfoOf(issue.command->opcode).queue == Queue::kFrontEnd) {
    return !Fail(CheckIssue(*stream_, issue));
  }
  if (needs_.IsSound(issue)) return true;
  if (Fail(CheckIssue(*stream_, issue))) return false;
  needs_.SetSound(issue);
  return true;
}

bool Timing::Engine::CheckNext(Core& core, const Issue& issue) {
  if (options_->check && !SoundIssue(issue)) return false;
  int missing = 0;
  if (core.counts.Apply(*issue.command, &missing)) return true;
  Fail(stream_->ErrorAt(
      issue.index,
      fmt::format("core {} waits for event {}, which has no credit; allowed "
                  "waits that a command before it pays for",
                  core.number, missing)));
  return false;
}

Timing::Engine::Entry Timing::Engine::EntryOf(Core& core, const Issue& issue) {
  Entry entry{issue, core.mark, core.time + params_.front.dispatch_cycles,
              core.lost};
  for (size_t i = 0; i < entry.tickets.size(); ++i) {
    const uint8_t event = issue.command->wait[i];
    if (event != 0) entry.tickets[i] = ++core.waits[event];
  }
  return entry;
}

void Timing::Engine::Push(Core& core, const Entry& entry, Queue queue) {
  QueueState& q = core.queues[static_cast<size_t>(queue)];
  if (q.count == 0) Stale(core, queue);
  uint32_t at = q.head + q.count++;
  if (at >= depth_) at -= depth_;
  q.ring[at] = entry;
}

// Nothing can start: either all cores are at the barrier (or at the end), or
// some wait for each other at multicasts. Nothing else can stand still: of
// what has not started, what was decoded first is at the head of its queue,
// and its credits come from commands before it.
bool Timing::Engine::ReleaseBarrier() {
  bool any = false;
  int64_t time = 0;
  for (const auto& core : cores_) {
    if (core->meeting >= 0) {
      Fail(stream_->ErrorAt(
          static_cast<uint32_t>(core->meeting),
          fmt::format("core {} waits here for cores that do not come; allowed "
                      "are multicasts that all their cores meet in the same "
                      "order",
                      core->number)));
      return false;
    }
    any = any || core->at_barrier;
    time = std::max({time, core->time, core->last_done});
  }
  if (!any) return false;
  time = DrainDram(time);
  for (const auto& core : cores_) {
    if (!core->at_barrier) continue;
    core->at_barrier = false;
    core->time = time;
    for (Credits& credits : core->events) credits.Clear();
    core->waits = {};
    for (int q = 1; q < kQueues; ++q) Stale(*core, static_cast<Queue>(q));
    Pump(*core);
    Refresh(*core);
  }
  return true;
}

int64_t Timing::Engine::CreditTime(const Core& core, const Entry& entry) const {
  const auto [a, b] = entry.issue.command->wait;
  int64_t time = 0;
  if (a != 0) time = core.events[a].Time(entry.tickets[0]);
  if (b != 0) time = std::max(time, core.events[b].Time(entry.tickets[1]));
  return time;
}

int64_t Timing::Engine::UnitFree(const Core& core, Queue queue,
                                 const Entry& entry) const {
  const QueueState& q = core.queues[static_cast<size_t>(queue)];
  const Command& command = *entry.issue.command;
  if (IsConfig(command)) return q.last_start;
  switch (queue) {
    case Queue::kMatrix:
      if (command.opcode == Opcode::kLoadWeights) {
        // The product that swapped the last weights in has started, since
        // the queue is in order; the swap runs down the array ahead of what
        // is shifted in.
        return std::max(q.last_start, core.loader_free);
      }
      return std::max({q.last_start, core.array_free,
                       (command.flags & kSwap) != 0 ? core.plane_ready : 0});
    case Queue::kVector:
      return q.free;
    default:
      break;
  }
  int64_t free = kNever;
  for (const Channel& channel : core.channels) {
    if (channel.queue == queue && !channel.active) {
      free = std::min(free, channel.free);
    }
  }
  if (q.flown - q.landed == kFlights) return kNever;
  if (command.opcode == Opcode::kGather && free != kNever) {
    // Its indices may be what the loads before it bring.
    free = q.flown == q.landed ? std::max(free, q.last_done) : kNever;
  }
  return free == kNever ? kNever : std::max(free, q.last_start);
}

int64_t Timing::Engine::StartOf(Core& core, Queue queue) {
  QueueState& q = core.queues[static_cast<size_t>(queue)];
  if (q.count == 0) return kNever;
  if (queue == Queue::kLoad && core.meeting >= 0) return kNever;
  const Entry& entry = q.front();
  const int64_t credit = CreditTime(core, entry);
  if (credit == kNever) return kNever;
  const int64_t free = UnitFree(core, queue, entry);
  if (free == kNever) return kNever;
  return std::max({free, entry.ready,
                   credit == 0 ? 0 : credit + params_.front.dispatch_cycles});
}

void Timing::Engine::Refresh(Core& core) {
  for (int q = 1; q < kQueues; ++q) {
    if ((core.stale >> q & 1) == 0) continue;
    core.starts[static_cast<size_t>(q)] = StartOf(core, static_cast<Queue>(q));
  }
  core.stale = 0;
  FindNext(core);
}

void Timing::Engine::FindNext(Core& core) {
  int64_t next = kNever;
  for (const int64_t start : core.starts) next = std::min(next, start);
  for (const Channel& channel : core.channels) {
    next = std::min(next, channel.next);
  }
  core.next = next;
}

// The first thing that `core` does at now_.
void Timing::Engine::Step(Core& core) {
  for (Channel& channel : core.channels) {
    if (channel.next != now_) continue;
    if (NextSlice(core, channel)) {
      Refresh(core);
    } else {
      FindNext(core);
    }
    return;
  }
  for (int q = 1; q < kQueues; ++q) {
    if (core.starts[static_cast<size_t>(q)] != now_) continue;
    const auto queue = static_cast<Queue>(q);
    const Command& command =
        *core.queues[static_cast<size_t>(q)].front().issue.command;
    if (IsConfig(command)) {
      const Entry entry = Pop(core, queue, now_);
      Signal(core, *entry.issue.command, now_);
    } else if (queue == Queue::kMatrix) {
      StartMatrix(core, Pop(core, queue, now_), now_);
    } else if (queue == Queue::kVector) {
      StartVector(core, Pop(core, queue, now_), now_);
    } else {
      StartTransfer(core, queue, now_);
    }
    Refresh(core);
    return;
  }
  TRIPTYCH_CHECK(false, "nothing to do", now_);
}

// Takes the head off its queue.
Timing::Engine::Entry Timing::Engine::Pop(Core& core, Queue queue,
                                          int64_t now) {
  QueueState& q = core.queues[static_cast<size_t>(queue)];
  const Entry entry = q.front();
  Stale(core, queue);
  CountStall(core, queue, entry, now);
  q.head = q.head + 1 == depth_ ? 0 : q.head + 1;
  --q.count;
  q.last_start = now;
  if (core.blocked_on == queue) Pump(core);
  return entry;
}

void Timing::Engine::CountStall(Core& core, Queue queue, const Entry& entry,
                                int64_t now) {
  QueueState& q = core.queues[static_cast<size_t>(queue)];
  const int64_t last_lost = std::exchange(q.last_lost, entry.lost);
  const int64_t waited = now - UnitFree(core, queue, entry);
  if (waited <= 0) return;
  const int64_t credit = CreditTime(core, entry);
  const Stall why = credit + params_.front.dispatch_cycles >= now && credit > 0
                        ? Stall::kEvent
                    : entry.lost > last_lost ? Stall::kQueueSpace
                                             : Stall::kDecode;
  report_.cores[static_cast<size_t>(core.number)]
      .stalls[static_cast<size_t>(queue)][static_cast<size_t>(why)] += waited;
}

void Timing::Engine::Signal(Core& core, const Command& command, int64_t done) {
  core.last_done = std::max(core.last_done, done);
  for (const uint8_t event : command.signal) {
    if (event == 0) continue;
    // What came less than a dispatch ago may still set a start.
    core.events[event].Give(done, now_ - params_.front.dispatch_cycles);
    for (int q = 1; q < kQueues; ++q) {
      QueueState& waiting = core.queues[static_cast<size_t>(q)];
      if (waiting.count == 0) continue;
      const auto& wait = waiting.front().issue.command->wait;
      if (wait[0] == event || wait[1] == event) {
        Stale(core, static_cast<Queue>(q));
      }
    }
  }
}

// All words of the scratchpad's and accumulators' banks that a command needs;
// when it has them.
int64_t Timing::Engine::ServeBanks(Core& core, const CommandNeeds& needs,
                                   int64_t now, Work& work) {
  work[Act::kScratchpadByte] += needs.scratchpad_bytes;
  work[Act::kAccumulatorByte] += needs.accumulator_bytes;
  return std::max(core.scratchpad.Serve(needs.scratchpad, now),
                  core.accumulators.Serve(needs.accumulators, now));
}

void Timing::Engine::StartMatrix(Core& core, const Entry& entry, int64_t now) {
  const Command& command = *entry.issue.command;
  Work work{.mark = entry.mark, .command = entry.issue.index, .start = now};
  const int64_t banks = ServeBanks(core, needs_.Get(entry.issue), now, work);
  int64_t own = 0;  // cycles without bank conflicts
  if (command.opcode == Opcode::kLoadWeights) {
    // Weights shift in from above: after k shifts they are in the first k
    // rows. What is in the others meets no activations.
    own = params_.short_loads ? command.operands.load_weights.k
                              : params_.array_rows;
    work.part = Part::kWeights;
    work.begin = now;
    work.end = std::max(now + own, banks);
    work.done = work.end;
    core.loader_free = core.plane_ready = work.end;
  } else {
    const auto rows = static_cast<int64_t>(command.operands.matmul.rows);
    own = rows;
    work.part = Part::kArray;
    work.begin = now;
    work.end = std::max(now + own, banks);
    work.done = work.end + params_.array_rows + params_.array_cols - 2;
    core.array_free = work.end;
    const auto all =
        static_cast<uint64_t>(rows * params_.array_rows * params_.array_cols);
    work[Act::kMac] =
        static_cast<uint64_t>(rows) * entry.issue.k * entry.issue.n;
    work[Act::kPaddingMac] = all - work[Act::kMac];
  }
  report_.cores[static_cast<size_t>(core.number)].stalls[static_cast<size_t>(
      Queue::kMatrix)][static_cast<size_t>(Stall::kBank)] +=
      work.end - now - own;
  Signal(core, command, work.done);
  Report(core, work);
}

void Timing::Engine::StartVector(Core& core, const Entry& entry, int64_t now) {
  const Command& command = *entry.issue.command;
  Work work{.mark = entry.mark,
            .command = entry.issue.index,
            .part = Part::kVector,
            .begin = now,
            .start = now};
  const CommandNeeds& needs = needs_.Get(entry.issue);
  const VectorCost& cost = needs.vector;
  const int64_t banks = ServeBanks(core, needs, now, work);
  work[Act::kVectorOp] = cost.plain;
  work[Act::kSpecialOp] = cost.special;
  work.end = work.done = std::max(now + cost.cycles, banks + vector_.latency);
  core.queues[static_cast<size_t>(Queue::kVector)].free = work.end;
  report_.cores[static_cast<size_t>(core.number)].stalls[static_cast<size_t>(
      Queue::kVector)][static_cast<size_t>(Stall::kBank)] +=
      work.end - now - cost.cycles;
  Signal(core, command, work.done);
  Report(core, work);
}

// Cuts [begin, end) to what its part was not busy with already, and adds up.
void Timing::Engine::Report(Core& core, Work& work, bool shared) {
  work.core = static_cast<uint8_t>(core.number);
  const auto part = static_cast<size_t>(work.part);
  const auto c = static_cast<size_t>(core.number);
  int64_t& end = shared ? shared_end_[part - kCoreParts] : ends_[c][part];
  work.begin = std::max(work.begin, end);
  work.end = std::max(work.end, work.begin);
  end = work.end;
  int64_t& busy = !shared                  ? report_.cores[c].busy[part]
                  : work.part == Part::kL2 ? report_.l2_busy
                                           : report_.dram_busy;
  busy += work.end - work.begin;
  for (size_t a = 0; a < kActs; ++a) report_.counts[a] += work.counts[a];
  if (options_->sink != nullptr) options_->sink->Add(work);
}

}  // namespace triptych::npu
