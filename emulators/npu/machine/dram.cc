// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/machine/dram.h"

#include <algorithm>
#include <cmath>

#include "kernels/base/check.h"
#include "kernels/base/units.h"

namespace triptych::npu {
namespace {

constexpr int64_t kLongAgo = INT64_MIN / 4;

// By how many sets a row's are turned: a multiplicative hash (D. Knuth, The Art
// of Computer Programming 3, 6.4).
uint64_t Turned(int64_t row) {
  return static_cast<uint32_t>(row) * 0x9e37'79b9u >> 20;
}

int64_t PicosOf(double nanoseconds) {
  return static_cast<int64_t>(std::llround(nanoseconds * 1e3));
}

}  // namespace

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
      bank_interleave_(
          static_cast<uint32_t>(std::min(p.bank_interleave, p.banks))),
      position_(bank_interleave_),
      burst_size_(burst_bytes_),
      interleave_bursts_(static_cast<uint64_t>(
          std::max<int64_t>(1, p.interleave_bytes / p.burst_bytes))),
      set_bursts_(bank_interleave_ *
                  static_cast<uint64_t>(std::max<int64_t>(
                      1, static_cast<int64_t>(p.row_bytes) / p.burst_bytes))),
      sets_(static_cast<uint64_t>(p.banks / bank_interleave_)),
      channel_count_(static_cast<uint64_t>(p.channels)),
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
    channel.banks.resize(sets_.value() * bank_interleave_);
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

Span Dram::Serve(Window& window, const DramPiece* pieces, int count, bool write,
                 int64_t pace) {
  Span done{INT64_MAX, 0};
  for (int i = 0; i < count; ++i) {
    uint64_t burst = burst_size_.Quotient(pieces[i].address);
    const uint64_t end =
        burst_size_.Quotient(pieces[i].address + pieces[i].bytes - 1) + 1;
    (write ? counts_.write_bytes : counts_.read_bytes) += pieces[i].bytes;
    counts_.bursts += end - burst;
    if (level_ == DramLevel::kIdeal) {
      const Span part =
          ServeIdeal(window, static_cast<uint32_t>(end - burst), pace);
      done.first = std::min(done.first, part.first);
      done.last = std::max(done.last, part.last);
      continue;
    }
    bool joins = false;  // the run to come goes on with the last one's row
    while (burst < end) {
      uint32_t number = 0;
      Run run = Locate(burst, &number);
      const uint32_t whole = run.bursts;
      Channel& channel = channels_[number];
      // A run is asked for, and served, evenly.
      uint32_t most = std::min(run.bursts, window.even());
      if (write) most = std::min(most, EvenWrites(channel));
      if (level_ == DramLevel::kBursts) most = 1;
      run.bursts = static_cast<uint32_t>(std::min<uint64_t>(most, end - burst));
      run.starts = !joins;
      run.asked = window.Ask(run.bursts, pace);
      Span part = write ? AcceptWrite(channel, run) : ServeRead(channel, run);
      part.first += latency_;
      part.last += latency_;
      window.Done(part, run.bursts, joins, step_);
      done.first = std::min(done.first, part.first);
      done.last = std::max(done.last, part.last);
      joins = run.bursts < whole;
      burst += run.bursts;
    }
  }
  return done;
}

// Pins that are never idle while something is asked for.
Span Dram::ServeIdeal(Window& window, uint32_t bursts, int64_t pace) {
  const auto channels = static_cast<int64_t>(channels_.size());
  const int64_t one = CeilDiv(burst_, channels);
  Span done{INT64_MAX, 0};
  while (bursts > 0) {
    const uint32_t part = std::min(bursts, window.even());
    const Span asked = window.Ask(part, pace);
    const int64_t begin = std::max(asked.first, ideal_free_);
    ideal_free_ =
        std::max(begin + CeilDiv(part * burst_, channels), asked.last + one);
    const Span came{begin + one + latency_, ideal_free_ + latency_};
    window.Done(came, part, false, 0);
    done.first = std::min(done.first, came.first);
    done.last = std::max(done.last, came.last);
    bursts -= part;
  }
  return done;
}

Dram::Run Dram::Locate(uint64_t burst, uint32_t* channel) const {
  const uint64_t unit = interleave_bursts_.Quotient(burst);
  const auto within =
      static_cast<uint32_t>(interleave_bursts_.Remainder(burst));
  *channel = static_cast<uint32_t>(channel_count_.Remainder(unit));
  const uint64_t local =
      channel_count_.Quotient(unit) * interleave_bursts_.value() + within;
  const uint64_t page = set_bursts_.Quotient(local);
  Run run;
  run.column = static_cast<uint32_t>(set_bursts_.Remainder(local));
  run.row = static_cast<int64_t>(sets_.Quotient(page));
  run.set = static_cast<uint32_t>(sets_.Remainder(page + Turned(run.row)));
  run.bursts = static_cast<uint32_t>(std::min(
      interleave_bursts_.value() - within, set_bursts_.value() - run.column));
  return run;
}

Span Dram::ServeRead(Channel& channel, const Run& run) {
  if (channel.waiting_bursts > 0 && run.starts) {
    FlushIdle(channel, run.asked.first);
  }
  return ServeRun(channel, run, false);
}

// Bursts that go into the buffer as evenly as they are asked for: all but the
// one that fills it.
uint32_t Dram::EvenWrites(const Channel& channel) const {
  return std::max(1u, batch_bursts_ - 1 - channel.waiting_bursts);
}

// At most EvenWrites. The buffer takes a batch while another is being written.
Span Dram::AcceptWrite(Channel& channel, const Run& run) {
  channel.waiting.push_back(run);
  channel.waiting_bursts += run.bursts;
  if (channel.waiting_bursts >= batch_bursts_) Flush(channel);
  const int64_t room = channel.bus_free - batch_bursts_ * burst_;
  return {std::max(run.asked.first, room), std::max(run.asked.last, room)};
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

Span Dram::ServeRun(Channel& channel, const Run& run, bool write) {
  // A refresh may be put off; it is until the row's bursts that were asked
  // for together are through.
  const int64_t now = std::max(run.asked.first, channel.bus_free);
  if (run.starts && now >= channel.refresh_at) Refresh(channel, now);
  Span data;
  if (run.bursts > 1 && StreamRun(channel, run, write, &data)) return data;
  for (uint32_t i = 0; i < run.bursts; ++i) {
    Bank& bank = SetOf(channel, run)[PositionOf(run.column + i)];
    const int64_t asked = run.asked.At(i, run.bursts);
    const int64_t end = OneBurst(channel, bank, run.row, asked, write);
    if (i == 0) data.first = end;
    data.last = end;
    // The rest of the run finds all its rows open.
    if (i + 1 == bank_interleave_ && run.bursts > i + 1) {
      Run rest = run;
      rest.column += i + 1;
      rest.bursts -= i + 1;
      rest.asked.first = run.asked.At(i + 1, run.bursts);
      Span tail;
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
bool Dram::StreamRun(Channel& channel, const Run& run, bool write, Span* data) {
  const uint32_t banks = std::min(run.bursts, bank_interleave_);
  Bank* const set = SetOf(channel, run);
  int64_t columns = run.asked.first, gap = kLongAgo;
  for (uint32_t i = 0; i < banks; ++i) {
    const Bank& bank = set[PositionOf(run.column + i)];
    if (bank.row != run.row) return false;
    columns = std::max(columns, bank.columns - i * step_);
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
    Bank& bank = set[PositionOf(run.column + run.bursts - banks + i)];
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
