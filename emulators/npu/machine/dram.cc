// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/machine/dram.h"

#include <algorithm>
#include <cmath>

#include "kernels/base/check.h"
#include "kernels/base/units.h"

namespace triptych::npu {
namespace {

constexpr int64_t kLongAgo = INT64_MIN / 4;

int64_t PicosOf(double nanoseconds) {
  return static_cast<int64_t>(std::llround(nanoseconds * 1e3));
}

// Time i of 0..n that lie evenly in a span.
int64_t Between(const DramSpan& span, int64_t i, int64_t n) {
  if (span.last == span.first) return span.first;
  return span.first + (span.last - span.first) * i / std::max<int64_t>(n, 1);
}

}  // namespace

// When a port asks for the bursts of its next slice, one after the other, one
// every `pace`: each takes the place of one of the last slice, in their order.
class Dram::Asking {
 public:
  Asking(const DramPort& port, int64_t pace)
      : groups_(port.groups_), pace_(pace), next_(port.asked_.first) {}

  DramSpan Next(uint32_t bursts) {
    const int64_t first = std::max(next_, Room());
    Skip(bursts - 1);
    const int64_t last = std::max(first + (bursts - 1) * pace_, Room());
    Skip(1);
    next_ = last + pace_;
    return {first, last};
  }
  // How many bursts take the places of ones that were served together.
  uint32_t even() const {
    return group_ == groups_.size() ? UINT32_MAX
                                    : groups_[group_].bursts - burst_;
  }
  // The earliest time of the next burst, for all this port knows.
  int64_t next() const { return next_; }

 private:
  // When the burst is done whose place the next one takes.
  int64_t Room() const {
    if (group_ == groups_.size()) return 0;
    const DramPort::Group& group = groups_[group_];
    return Between(group.done, burst_, group.bursts - 1);
  }
  void Skip(uint32_t bursts) {
    burst_ += bursts;
    while (group_ < groups_.size() && burst_ >= groups_[group_].bursts) {
      burst_ -= groups_[group_++].bursts;
    }
  }
  const std::vector<DramPort::Group>& groups_;
  int64_t pace_, next_;
  size_t group_ = 0;
  uint32_t burst_ = 0;
};

DramLevel DramLevelOf(const DramParams& dram) {
  if (dram.model == "rows") return DramLevel::kRows;
  if (dram.model == "bursts") return DramLevel::kBursts;
  TRIPTYCH_CHECK(dram.model == "ideal", dram.model);
  return DramLevel::kIdeal;
}

Dram::Dram(const DramParams& p, int64_t outstanding)
    : level_(DramLevelOf(p)),
      burst_bytes_(static_cast<uint32_t>(p.burst_bytes)),
      slice_bytes_(static_cast<uint32_t>(outstanding * p.burst_bytes)),
      interleave_bursts_(static_cast<uint32_t>(
          std::max<int64_t>(1, p.interleave_bytes / p.burst_bytes))),
      bank_interleave_(
          static_cast<uint32_t>(std::min(p.bank_interleave, p.banks))),
      set_bursts_(bank_interleave_ *
                  static_cast<uint32_t>(std::max<int64_t>(
                      1, static_cast<int64_t>(p.row_bytes) / p.burst_bytes))),
      sets_(static_cast<uint64_t>(p.banks / bank_interleave_)),
      burst_(std::max<int64_t>(
          1, PicosOf(static_cast<double>(p.burst_bytes * p.channels) /
                     p.peak_gb_per_s))),
      same_group_(PicosOf(p.same_group_gap_ns)),
      step_(std::max(burst_, CeilDiv<int64_t>(same_group_, bank_interleave_))),
      activate_(PicosOf(p.activate_ns)),
      precharge_(PicosOf(p.precharge_ns)),
      row_cycle_(PicosOf(p.row_cycle_ns)),
      activate_gap_(PicosOf(p.activate_gap_ns)),
      four_activates_(PicosOf(p.four_activates_ns)),
      read_latency_(PicosOf(p.read_latency_ns)),
      write_latency_(PicosOf(p.write_latency_ns)),
      write_recovery_(PicosOf(p.write_recovery_ns)),
      read_to_precharge_(PicosOf(p.read_to_precharge_ns)),
      write_to_read_(PicosOf(p.write_to_read_ns)),
      read_to_write_(PicosOf(p.read_to_write_ns)),
      refresh_(PicosOf(p.refresh_ns)),
      refresh_every_(PicosOf(p.refresh_every_ns)),
      latency_(PicosOf(p.latency_ns)),
      row_active_(std::max<int64_t>(0, row_cycle_ - precharge_)),
      batch_bursts_(static_cast<uint32_t>(p.write_batch)) {
  channels_.resize(static_cast<size_t>(p.channels));
  for (Channel& channel : channels_) {
    channel.banks.resize(sets_ * bank_interleave_);
    channel.waiting.reserve(batch_bursts_ + 1);
  }
  Reset(0);
}

void Dram::Reset(int64_t phase) {
  const Bank closed{.activated = kLongAgo,
                    .columns = kLongAgo,
                    .precharge = kLongAgo,
                    .last_data = kLongAgo};
  for (Channel& channel : channels_) {
    channel.bus_free = 0;
    channel.writing = false;
    channel.refresh_at = refresh_every_ - phase % refresh_every_;
    std::ranges::fill(channel.recent, kLongAgo);
    channel.oldest = 0;
    channel.waiting_bursts = 0;
    channel.waiting.clear();
    std::ranges::fill(channel.banks, closed);
  }
  ideal_free_ = 0;
  counts_ = {};
}

DramSpan Dram::Serve(DramPort& port, const DramPiece* pieces, int count,
                     bool write, int64_t pace) {
  uint32_t bursts = 0;
  for (int i = 0; i < count; ++i) {
    const uint64_t first = pieces[i].address / burst_bytes_;
    const uint64_t last =
        (pieces[i].address + pieces[i].bytes - 1) / burst_bytes_;
    bursts += static_cast<uint32_t>(last - first + 1);
    (write ? counts_.write_bytes : counts_.read_bytes) += pieces[i].bytes;
  }
  counts_.bursts += bursts;
  if (level_ == DramLevel::kIdeal) return ServeIdeal(port, bursts, pace);

  Asking asking(port, pace);
  groups_.clear();
  DramSpan done{INT64_MAX, 0};
  for (int i = 0; i < count; ++i) {
    uint64_t burst = pieces[i].address / burst_bytes_;
    const uint64_t end =
        (pieces[i].address + pieces[i].bytes - 1) / burst_bytes_ + 1;
    bool joins = false;  // the run to come goes on with the last one's row
    while (burst < end) {
      uint32_t number = 0;
      Run run = Locate(burst, &number);
      const uint32_t whole = run.bursts;
      // A run is asked for evenly: its bursts take the places of neighbours.
      const uint32_t most = level_ == DramLevel::kBursts
                                ? 1
                                : std::min(run.bursts, asking.even());
      run.bursts = static_cast<uint32_t>(std::min<uint64_t>(most, end - burst));
      run.starts = !joins;
      run.asked = asking.Next(run.bursts);
      Channel& channel = channels_[number];
      DramSpan part =
          write ? AcceptWrite(channel, run) : ServeRead(channel, run);
      part.first += latency_;
      part.last += latency_;
      done.first = std::min(done.first, part.first);
      done.last = std::max(done.last, part.last);
      if (DramPort::Group* last = groups_.empty() ? nullptr : &groups_.back();
          last != nullptr && joins && part.first >= last->done.last &&
          part.first <= last->done.last + step_) {
        last->done.last = part.last;
        last->bursts += run.bursts;
      } else {
        groups_.push_back({part, run.bursts});
      }
      joins = run.bursts < whole;
      burst += run.bursts;
    }
  }
  port.groups_.swap(groups_);
  // The port's own pace counts too, were the memory faster.
  port.asked_ = {std::max(port.groups_[0].done.first, asking.next()),
                 done.last};
  return done;
}

// Pins that are never idle while something is asked for.
DramSpan Dram::ServeIdeal(DramPort& port, uint32_t bursts, int64_t pace) {
  const auto channels = static_cast<int64_t>(channels_.size());
  const int64_t begin = std::max(port.asked_.first, ideal_free_);
  const int64_t last_asked =
      std::max(port.asked_.last, port.asked_.first + (bursts - 1) * pace);
  ideal_free_ = begin + CeilDiv(bursts * burst_, channels);
  const DramSpan done{begin + CeilDiv(burst_, channels) + latency_,
                      std::max(ideal_free_, last_asked) + latency_};
  port.asked_ = {std::max(done.first, port.asked_.first + bursts * pace),
                 std::max(done.last, last_asked + pace)};
  return done;
}

Dram::Run Dram::Locate(uint64_t burst, uint32_t* channel) const {
  const auto channels = static_cast<uint64_t>(channels_.size());
  const uint64_t unit = burst / interleave_bursts_;
  const auto within = static_cast<uint32_t>(burst % interleave_bursts_);
  *channel = static_cast<uint32_t>(unit % channels);
  const uint64_t local = unit / channels * interleave_bursts_ + within;
  const uint64_t page = local / set_bursts_;
  Run run;
  run.column = static_cast<uint32_t>(local % set_bursts_);
  run.row = static_cast<int64_t>(page / sets_);
  run.set = static_cast<uint32_t>((page + page / sets_) % sets_);
  run.bursts = std::min(interleave_bursts_ - within, set_bursts_ - run.column);
  return run;
}

DramSpan Dram::ServeRead(Channel& channel, const Run& run) {
  if (channel.waiting_bursts > 0 && run.starts) {
    FlushIdle(channel, run.asked.first);
  }
  return ServeRun(channel, run, false);
}

// The buffer takes a batch while another is being written.
DramSpan Dram::AcceptWrite(Channel& channel, Run run) {
  DramSpan taken{INT64_MAX, 0};
  while (run.bursts > 0) {
    Run part = run;
    part.bursts = std::min(run.bursts, batch_bursts_ - channel.waiting_bursts);
    run.bursts -= part.bursts;
    run.column += part.bursts;
    run.starts = false;
    channel.waiting.push_back(part);
    channel.waiting_bursts += part.bursts;
    if (channel.waiting_bursts == batch_bursts_) Flush(channel);
    const int64_t room = channel.bus_free - batch_bursts_ * burst_;
    taken.first = std::min(taken.first, std::max(part.asked.first, room));
    taken.last = std::max(taken.last, std::max(part.asked.last, room));
  }
  return taken;
}

void Dram::Flush(Channel& channel) {
  for (const Run& run : channel.waiting) ServeRun(channel, run, true);
  channel.waiting.clear();
  channel.waiting_bursts = 0;
}

// Writes what waits if the bus is idle long enough before `until`.
void Dram::FlushIdle(Channel& channel, int64_t until) {
  const int64_t begin =
      std::max(channel.bus_free, channel.waiting.back().asked.last);
  const int64_t needed = read_to_write_ + write_to_read_ + read_latency_ +
                         channel.waiting_bursts * burst_;
  if (begin + needed <= until) Flush(channel);
}

int64_t Dram::Drain(int64_t time) {
  for (Channel& channel : channels_) {
    if (channel.waiting_bursts == 0) continue;
    Flush(channel);
    time = std::max(time, channel.bus_free + latency_);
  }
  return time;
}

DramSpan Dram::ServeRun(Channel& channel, const Run& run, bool write) {
  // A refresh may be put off; it is until the row's bursts that were asked
  // for together are through.
  const int64_t now = std::max(run.asked.first, channel.bus_free);
  if (run.starts && now >= channel.refresh_at) Refresh(channel, now);
  DramSpan data;
  if (run.bursts > 1 && StreamRun(channel, run, write, &data)) return data;
  for (uint32_t i = 0; i < run.bursts; ++i) {
    Bank& bank = channel.banks[run.set * bank_interleave_ +
                               (run.column + i) % bank_interleave_];
    const int64_t asked = Between(run.asked, i, run.bursts - 1);
    const int64_t end = OneBurst(channel, bank, run.row, asked, write);
    if (i == 0) data.first = end;
    data.last = end;
    // The rest of the run finds all its rows open.
    if (i + 1 == bank_interleave_ && run.bursts > i + 1) {
      Run rest = run;
      rest.column += i + 1;
      rest.bursts -= i + 1;
      rest.asked.first = Between(run.asked, i + 1, run.bursts - 1);
      DramSpan tail;
      TRIPTYCH_CHECK(StreamRun(channel, rest, write, &tail));
      data.last = tail.last;
      break;
    }
  }
  return data;
}

int64_t Dram::BusFree(const Channel& channel, bool write) const {
  if (channel.writing == write) return channel.bus_free;
  // A read's command waits for the written data, and its own comes later.
  return channel.bus_free +
         (write ? read_to_write_ : write_to_read_ + read_latency_);
}

int64_t Dram::OneBurst(Channel& channel, Bank& bank, int64_t row, int64_t asked,
                       bool write) {
  if (bank.row != row) OpenRow(channel, bank, row, asked);
  const int64_t latency = write ? write_latency_ : read_latency_;
  const int64_t start =
      std::max({std::max(bank.columns, asked) + latency,
                BusFree(channel, write), bank.last_data + same_group_});
  counts_.turns += channel.writing != write;
  channel.writing = write;
  channel.bus_free = start + burst_;
  bank.last_data = start;
  bank.precharge = std::max(bank.precharge,
                            write ? channel.bus_free + write_recovery_
                                  : start - read_latency_ + read_to_precharge_);
  return channel.bus_free;
}

// A run whose banks all have its row open: its bursts follow each other at
// the pace of the bus and the bank groups, or as they are asked for. False,
// and nothing done, if a row is not open.
bool Dram::StreamRun(Channel& channel, const Run& run, bool write,
                     DramSpan* data) {
  const uint32_t banks = std::min(run.bursts, bank_interleave_);
  Bank* const set = &channel.banks[run.set * bank_interleave_];
  int64_t columns = run.asked.first, gap = kLongAgo;
  for (uint32_t i = 0; i < banks; ++i) {
    const Bank& bank = set[(run.column + i) % bank_interleave_];
    if (bank.row != run.row) return false;
    columns = std::max(columns, bank.columns);
    gap = std::max(gap, bank.last_data + same_group_ - i * step_);
  }
  const int64_t latency = write ? write_latency_ : read_latency_;
  const int64_t start =
      std::max({columns + latency, BusFree(channel, write), gap});
  const int64_t last =
      std::max(start + (run.bursts - 1) * step_, run.asked.last + latency);
  counts_.turns += channel.writing != write;
  channel.writing = write;
  channel.bus_free = last + burst_;
  for (uint32_t i = 0; i < banks; ++i) {
    // The last of the run's bursts are one in each bank, in this order.
    Bank& bank = set[(run.column + run.bursts - banks + i) % bank_interleave_];
    bank.last_data = last - (banks - 1 - i) * step_;
    bank.precharge =
        std::max(bank.precharge,
                 write ? bank.last_data + burst_ + write_recovery_
                       : bank.last_data - read_latency_ + read_to_precharge_);
  }
  *data = {start + burst_, channel.bus_free};
  return true;
}

void Dram::OpenRow(Channel& channel, Bank& bank, int64_t row, int64_t asked) {
  const int64_t closed =
      std::max(asked, bank.precharge) + (bank.row >= 0 ? precharge_ : 0);
  const int64_t last = channel.recent[(channel.oldest + 3) & 3];
  const int64_t time =
      std::max({closed, bank.activated + row_cycle_, last + activate_gap_,
                channel.recent[channel.oldest] + four_activates_});
  channel.recent[channel.oldest] = time;
  channel.oldest = (channel.oldest + 1) & 3;
  bank.row = row;
  bank.activated = time;
  bank.columns = time + activate_;
  bank.precharge = time + row_active_;
  bank.last_data = kLongAgo;
  ++counts_.activations;
}

// All banks of a channel, which is away from `refresh_at` or the end of what
// it was doing. Those that fell into idle time are over.
void Dram::Refresh(Channel& channel, int64_t time) {
  const int64_t missed = (time - channel.refresh_at) / refresh_every_;
  counts_.refreshes += static_cast<uint64_t>(missed) + 1;
  channel.refresh_at += missed * refresh_every_;
  const int64_t away =
      std::max(channel.refresh_at, channel.bus_free) + precharge_ + refresh_;
  channel.refresh_at += refresh_every_;
  for (Bank& bank : channel.banks) {
    bank.row = -1;
    bank.precharge = away;
  }
}

}  // namespace triptych::npu
