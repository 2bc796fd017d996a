// Loads and stores of the simulation: engine.h.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "emulators/npu/machine/engine.h"
#include "kernels/base/check.h"

namespace triptych::npu {
namespace {

// Where row `i` of a gather lies: the rows' numbers are values, which timing
// does not have, so they are all over the region, and the same each time.
int64_t GatheredRow(int64_t i, int64_t row_bytes, int64_t region_bytes) {
  const auto rows = static_cast<uint64_t>(
      std::max<int64_t>(1, region_bytes / std::max<int64_t>(1, row_bytes)));
  const uint64_t mixed = static_cast<uint64_t>(i + 1) * 0x9e3779b97f4a7c15u;
  return static_cast<int64_t>((mixed >> 24) % rows) * row_bytes;
}

}  // namespace

void Timing::Engine::StartTransfer(Core& core, Queue queue, int64_t now) {
  const Command& command =
      *core.queues[static_cast<size_t>(queue)].front().issue.command;
  if (command.opcode == Opcode::kLoad && (command.flags & kMulticast) != 0) {
    Meet(core, now);
    return;
  }
  const Entry entry = Pop(core, queue, now);
  BeginTransfer(core, entry, queue, now);
}

// A core comes to a multicast. With the last of them it starts, on behalf of
// the first.
void Timing::Engine::Meet(Core& core, int64_t now) {
  const uint32_t index =
      core.queues[static_cast<size_t>(Queue::kLoad)].front().issue.index;
  const Command& command = stream_->commands()[index];
  const auto all = static_cast<uint16_t>((1u << cores_.size()) - 1);
  const uint16_t mask = command.cores == 0 ? all : command.cores;
  core.meeting = index;
  Stale(core, Queue::kLoad);
  for (size_t c = 0; c < cores_.size(); ++c) {
    if ((mask >> c & 1) != 0 && cores_[c]->meeting != index) return;
  }
  ++meetings_;
  bool first = true;
  for (size_t c = 0; c < cores_.size(); ++c) {
    if ((mask >> c & 1) == 0) continue;
    Core& each = *cores_[c];
    each.meeting = -1;
    const Entry entry = Pop(each, Queue::kLoad, now);
    Channel& channel = BeginTransfer(each, entry, Queue::kLoad, now);
    channel.meeting = meetings_;
    channel.cores = mask;
    if (!std::exchange(first, false)) channel.next = kNever;
    Refresh(each);
  }
}

Timing::Engine::Channel& Timing::Engine::BeginTransfer(Core& core,
                                                       const Entry& entry,
                                                       Queue queue,
                                                       int64_t now) {
  Channel* channel = nullptr;
  for (Channel& each : core.channels) {
    if (each.queue != queue || each.active || each.free > now) continue;
    if (channel == nullptr || each.free < channel->free) channel = &each;
  }
  TRIPTYCH_CHECK(channel != nullptr, "no channel", now);
  QueueState& q = core.queues[static_cast<size_t>(queue)];
  const Command& command = *entry.issue.command;
  channel->active = true;
  channel->next = now;
  channel->entry = entry;
  channel->cores = static_cast<uint16_t>(1u << core.number);
  channel->meeting = 0;
  channel->start = channel->done = now;
  channel->moving = channel->moved = channel->i = channel->j = channel->at = 0;
  channel->flight = q.flown++;
  q.flights[channel->flight % kFlights] = {&command, -1};
  channel->local = {.mark = entry.mark,
                    .command = entry.issue.index,
                    .part = queue == Queue::kLoad ? Part::kLoad : Part::kStore,
                    .begin = now,
                    .start = now};
  channel->memory = channel->local;
  const CommandNeeds& needs = needs_.Get(entry.issue);
  channel->words = needs.scratchpad;
  channel->local[Act::kScratchpadByte] = needs.scratchpad_bytes;
  channel->local[Act::kAccumulatorByte] = needs.accumulator_bytes;
  channel->remote = needs.remote;
  channel->remote.begin = entry.issue.remote;
  SetRemote(*channel);
  return *channel;
}

void Timing::Engine::SetRemote(Channel& channel) {
  const Dma& dma = channel.entry.issue.command->operands.dma;
  if (channel.entry.issue.command->opcode == Opcode::kGather) {
    channel.remote.begin = 0;
  }
  channel.remote.region = static_cast<Region>(dma.region);
  channel.total = channel.remote.bytes();
  channel.dram = channel.remote.region != Region::kL2;
  channel.base = bases_[dma.region];
  channel.memory.part = channel.dram ? Part::kDram : Part::kL2;
  if (channel.dram) {
    channel.bursts.NotBefore(PicosOf(channel.start));
  } else {
    channel.beats.NotBefore(channel.start);
  }
}

// The next bytes that lie together, as many as fit into `*units` units of
// `unit` bytes, which it takes off; false at the end.
bool Timing::Engine::NextPiece(Channel& channel, const Divisor& unit,
                               int64_t* units, DramPiece* piece) {
  const Access& remote = channel.remote;
  if (*units <= 0 || channel.j == remote.rows2) return false;
  int64_t row =
      remote.begin + channel.j * remote.stride2 + channel.i * remote.stride1;
  if (channel.entry.issue.command->opcode == Opcode::kGather) {
    row = GatheredRow(
        channel.i, remote.row_bytes,
        stream_->machine().region_bytes[static_cast<size_t>(remote.region)]);
  }
  piece->address = channel.base + static_cast<uint64_t>(row + channel.at);
  const auto offset = static_cast<int64_t>(unit.Remainder(piece->address));
  const auto size = static_cast<int64_t>(unit.value());
  const int64_t bytes =
      std::min(remote.row_bytes - channel.at, *units * size - offset);
  piece->bytes = static_cast<uint32_t>(bytes);
  *units -= static_cast<int64_t>(
      unit.Quotient(static_cast<uint64_t>(offset + bytes + size - 1)));
  channel.at += bytes;
  if (channel.at == remote.row_bytes) {
    channel.at = 0;
    if (++channel.i == remote.rows1) {
      channel.i = 0;
      ++channel.j;
    }
  }
  return true;
}

int64_t Timing::Engine::DramSlice(Channel& channel, int64_t* bytes) {
  const auto burst = static_cast<int64_t>(dram_.burst_bytes());
  const bool write = channel.queue == Queue::kStore;
  int64_t units = dram_.slice_bytes() / burst;
  pieces_.clear();
  DramPiece piece;
  while (NextPiece(channel, dram_.burst_size(), &units, &piece)) {
    pieces_.push_back(piece);
    *bytes += piece.bytes;
  }
  const uint64_t bursts = dram_.counts().bursts;
  const uint64_t activations = dram_.counts().activations;
  const Span done =
      dram_.Serve(channel.bursts, pieces_.data(),
                  static_cast<int>(pieces_.size()), write, pace_ps_);
  const uint64_t moved = dram_.counts().bursts - bursts;
  channel.moving += static_cast<int64_t>(moved) *
                    CeilDiv<int64_t>(burst, params_.dma.beat_bytes);
  channel.memory[Act::kDramByte] += moved * static_cast<uint64_t>(burst);
  channel.memory[Act::kDramActivation] +=
      dram_.counts().activations - activations;
  return CyclesOf(done.last);
}

int64_t Timing::Engine::L2Slice(Channel& channel, int64_t* bytes) {
  int64_t units = params_.dma.outstanding;
  BankWords words;
  DramPiece piece;
  while (NextPiece(channel, beat_size_, &units, &piece)) {
    l2_.Count(static_cast<int64_t>(piece.address), piece.bytes, words);
    *bytes += piece.bytes;
  }
  const int64_t beats = params_.dma.outstanding - units;
  channel.moving += beats;
  channel.memory[Act::kL2Byte] += static_cast<uint64_t>(*bytes);
  return l2_.Serve(words, channel.beats, static_cast<uint32_t>(beats));
}

// Asks for the next slice, and knows when it will be there. True if it was the
// last.
bool Timing::Engine::NextSlice(Core& core, Channel& channel) {
  int64_t bytes = 0;
  int64_t done =
      channel.dram ? DramSlice(channel, &bytes) : L2Slice(channel, &bytes);
  for (const auto& each : cores_) {
    if ((channel.cores >> each->number & 1) == 0) continue;
    const int64_t banks =
        each->scratchpad.ServePart(channel.words, now_, channel.moved,
                                   channel.moved + bytes, channel.total);
    done = std::max(done, banks);
  }
  channel.moved += bytes;
  channel.done = std::max(channel.done, done);
  const int64_t free =
      channel.dram ? CyclesOf(channel.bursts.next()) : channel.beats.next();
  channel.next = std::max(free, now_);
  if (channel.moved < channel.total) return false;
  EndTransfer(core, channel, channel.next);
  return true;
}

void Timing::Engine::EndTransfer(Core& core, Channel& channel, int64_t free) {
  const uint64_t meeting = channel.meeting;
  channel.memory.begin = channel.memory.start;
  channel.memory.end = channel.memory.done = channel.done;
  if (channel.queue == Queue::kStore && channel.dram) {
    last_mark_ = channel.entry.mark;
    last_command_ = channel.entry.issue.index;
  }
  Report(core, channel.memory, true);
  const int64_t done = channel.done;
  const int64_t stalled = done - channel.start - channel.moving;
  if (meeting == 0) {
    Land(core, channel, free, done, stalled);
    return;
  }
  for (const auto& each : cores_) {
    for (Channel& other : each->channels) {
      if (!other.active || other.meeting != meeting) continue;
      Land(*each, other, free, done, stalled);
    }
    Refresh(*each);
  }
}

// A command's credits come once all before it in its queue are done.
void Timing::Engine::Land(Core& core, Channel& channel, int64_t free,
                          int64_t done, int64_t stalled) {
  QueueState& q = core.queues[static_cast<size_t>(channel.queue)];
  channel.active = false;
  channel.next = kNever;
  channel.free = free;
  report_.cores[static_cast<size_t>(core.number)].stalls[static_cast<size_t>(
      channel.queue)][static_cast<size_t>(Stall::kMemory)] +=
      std::max<int64_t>(0, stalled);
  channel.local.end = channel.local.done = done;
  Report(core, channel.local);
  q.flights[channel.flight % kFlights].done = done;
  Stale(core, channel.queue);
  while (q.landed < q.flown) {
    const Flight& flight = q.flights[q.landed % kFlights];
    if (flight.done < 0) break;
    q.last_done = std::max(q.last_done, flight.done);
    ++q.landed;
    Signal(core, *flight.command, q.last_done);
  }
}

int64_t Timing::Engine::DrainDram(int64_t time) {
  const uint64_t before = dram_.counts().activations;
  const int64_t end = CyclesOf(dram_.Drain(PicosOf(time)));
  if (dram_.counts().activations != before) {
    Work work{.mark = last_mark_,
              .command = last_command_,
              .part = Part::kDram,
              .begin = time,
              .end = end,
              .start = time,
              .done = end};
    work[Act::kDramActivation] = dram_.counts().activations - before;
    Report(*cores_[0], work, true);
  }
  return end;
}

}  // namespace triptych::npu
