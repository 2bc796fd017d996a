// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/isa/order.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <vector>

#include "emulators/npu/isa/access.h"
#include "emulators/npu/isa/opcodes.h"
#include "emulators/npu/isa/walk.h"

namespace triptych::npu {
namespace {

// How many commands of each queue are known to be done.
using Clock = std::array<uint64_t, kQueues>;

void Join(Clock& clock, const Clock& other) {
  for (size_t q = 0; q < clock.size(); ++q) {
    clock[q] = std::max(clock[q], other[q]);
  }
}

// Credits that say the same.
struct Credits {
  Clock known;
  uint64_t count;
};

size_t QueueOf(const Command& command) {
  if (command.opcode == Opcode::kDmaConfig && command.flags == kForStore) {
    return static_cast<size_t>(Queue::kStore);
  }
  return static_cast<size_t>(InfoOf(command.opcode).queue);
}

Access RowsOf(const Access& a, int64_t j) {
  Access slice = a;
  slice.begin += j * a.stride2;
  slice.rows2 = 1;
  return slice;
}

// Overlap, exact where strides differ too: row by row of the one with fewer.
bool Touch(const Access& a, const Access& b) {
  if (!Overlap(a, b)) return false;
  for (int64_t j = 0; j < a.rows2; ++j) {
    const Access x = RowsOf(a, j);
    for (int64_t k = 0; k < b.rows2; ++k) {
      const Access y = RowsOf(b, k);
      if (!Overlap(x, y)) continue;
      if (x.rows1 == 1 || y.rows1 == 1 || x.stride1 == y.stride1) return true;
      const Access& few = x.rows1 < y.rows1 ? x : y;
      const Access& many = x.rows1 < y.rows1 ? y : x;
      for (int64_t i = 0; i < few.rows1; ++i) {
        Access row = few;
        row.begin += i * few.stride1;
        row.rows1 = 1;
        if (Overlap(row, many)) return true;
      }
    }
  }
  return false;
}

bool SameRows(const Access& a, const Access& b) {
  return a.space == b.space && a.region == b.region && a.begin == b.begin &&
         a.rows1 == b.rows1 && a.rows2 == b.rows2 &&
         a.row_bytes == b.row_bytes && a.stride1 == b.stride1 &&
         a.stride2 == b.stride2;
}

bool NeverWritten(const Access& a) {
  return a.space == Space::kRemote &&
         (a.region == Region::kWeights || a.region == Region::kConstants);
}

// An access that later ones may have to be ordered after.
struct Record {
  Access access;
  size_t queue;
  uint64_t position;  // in its queue, from 1
  uint32_t index;     // in the stream
};

// One core between two barriers.
class CoreOrder {
 public:
  CoreOrder(const Stream& stream, int core)
      : stream_(&stream), front_end_(stream, core) {}

  // To the next barrier; then remote() has what the core moved.
  Status ToBarrier() {
    // Sources first: a wait depends on credits that come later, too.
    FrontEnd ahead = front_end_;
    std::array<uint8_t, kEvents> sources{};
    for (Issue issue; ahead.Next(issue);) {
      if (issue.command->opcode == Opcode::kBarrier) break;
      for (const uint8_t event : issue.command->signal) {
        sources[event] |= static_cast<uint8_t>(1u << QueueOf(*issue.command));
      }
    }
    for (auto& queue : clocks_) queue.fill(0);
    positions_.fill(0);
    for (auto& event : credits_) event.clear();
    records_.clear();
    remote_.clear();
    for (Issue issue; front_end_.Next(issue);) {
      if (issue.command->opcode == Opcode::kBarrier) return {};
      TRIPTYCH_TRY(One(issue, sources));
    }
    done_ = true;
    return {};
  }
  bool done() const { return done_; }
  const std::vector<Record>& remote() const { return remote_; }

 private:
  Status One(const Issue& issue, const std::array<uint8_t, kEvents>& sources) {
    const Command& command = *issue.command;
    if (command.opcode == Opcode::kMark) return {};
    if (command.opcode == Opcode::kEvent) {
      // In front: decoding waits for no queue.
      const Credit& credit = command.operands.credit;
      credits_[credit.event].push_front({Clock{}, credit.count});
      return {};
    }
    const size_t queue = QueueOf(command);
    Clock& clock = clocks_[queue];
    for (const uint8_t event : command.wait) {
      if (event == 0) continue;
      std::deque<Credits>& there = credits_[event];
      if (there.empty()) {
        return stream_->ErrorAt(issue.index,
                                fmt::format("core {} waits for event {}, which "
                                            "has no credit",
                                            front_end_.core(), event));
      }
      Join(clock, there.front().known);
      if (--there.front().count == 0) there.pop_front();
    }
    const uint64_t position = ++positions_[queue];
    const Accesses accesses(issue, stream_->machine());
    TRIPTYCH_TRY(CheckIssue(*stream_, issue, accesses));
    for (const Access& access : accesses.all()) {
      if (NeverWritten(access)) continue;
      TRIPTYCH_TRY(Order({access, queue, position, issue.index}, clock));
    }
    clock[queue] = position;
    for (const uint8_t event : command.signal) {
      if (event == 0) continue;
      const bool one = (sources[event] & (sources[event] - 1)) == 0;
      credits_[event].push_back({one ? clock : Clock{}, 1});
    }
    return {};
  }

  // The access against all before it that are not known to be done.
  Status Order(const Record& now, const Clock& clock) {
    for (size_t i = 0; i < records_.size();) {
      const Record& before = records_[i];
      const bool ordered =
          before.queue == now.queue || clock[before.queue] >= before.position;
      if (!ordered && (before.access.write || now.access.write) &&
          Touch(before.access, now.access)) {
        return stream_->ErrorAt(
            now.index,
            fmt::format("core {}: nothing makes it wait for command {}, which "
                        "touches the same bytes; allowed after an event that "
                        "says so",
                        front_end_.core(), before.index));
      }
      // Whatever is ordered after the new one is after the old one, too.
      const bool replaced = ordered && SameRows(before.access, now.access) &&
                            (now.access.write || (!before.access.write &&
                                                  before.queue == now.queue));
      if (replaced) {
        records_[i] = records_.back();
        records_.pop_back();
      } else {
        ++i;
      }
    }
    records_.push_back(now);
    if (now.access.space == Space::kRemote) remote_.push_back(now);
    return {};
  }

  const Stream* stream_;
  FrontEnd front_end_;
  std::array<Clock, kQueues> clocks_{};
  std::array<uint64_t, kQueues> positions_{};
  std::array<std::deque<Credits>, kEvents> credits_;
  std::vector<Record> records_, remote_;
  bool done_ = false;
};

// What a core moved between two barriers against what others moved.
Status OrderCores(const Stream& stream, const std::vector<CoreOrder>& cores) {
  struct Move {
    const Record* record;
    size_t core;
  };
  std::vector<Move> moves;
  for (size_t c = 0; c < cores.size(); ++c) {
    for (const Record& record : cores[c].remote())
      moves.push_back({&record, c});
  }
  std::ranges::stable_sort(
      moves, {}, [](const Move& m) { return m.record->access.low(); });
  std::vector<Move> open;  // those that may reach as far as the next begins
  for (const Move& move : moves) {
    const Access& access = move.record->access;
    std::erase_if(open, [&](const Move& m) {
      return m.record->access.high() <= access.low();
    });
    for (const Move& other : open) {
      const Access& theirs = other.record->access;
      if (other.core == move.core || (!access.write && !theirs.write) ||
          !Touch(access, theirs)) {
        continue;
      }
      return stream.ErrorAt(
          move.record->index,
          fmt::format("core {} touches bytes that command {} of core {} "
                      "touches, and one of them writes; allowed with a barrier "
                      "between",
                      move.core, other.record->index, other.core));
    }
    open.push_back(move);
  }
  return {};
}

}  // namespace

Status CheckOrder(const Stream& stream) {
  std::vector<CoreOrder> cores;
  for (int c = 0; c < stream.machine().cores; ++c) {
    cores.emplace_back(stream, c);
  }
  while (!cores[0].done()) {
    for (CoreOrder& core : cores) TRIPTYCH_TRY(core.ToBarrier());
    TRIPTYCH_TRY(OrderCores(stream, cores));
  }
  return {};
}

}  // namespace triptych::npu
