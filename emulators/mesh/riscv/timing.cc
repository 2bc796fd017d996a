// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/riscv/timing.h"

#include <bit>

#include "kernels/base/check.h"

namespace triptych::mesh::riscv {
namespace {

constexpr uint32_t kLine = 16;  // bytes, of every cache here
constexpr uint32_t kWholeLine = 0xffff;
constexpr uint32_t kNoLine = ~0u;  // addresses end before it
constexpr uint8_t kWeaklyNot = 1, kWeakly = 2, kStrongly = 3;

uint32_t BytesOf(uint32_t address, uint32_t size) {
  return ((1u << size) - 1) << (address % kLine) & kWholeLine;
}

uint32_t Magnitude(uint32_t value, bool is_signed) {
  return is_signed && (value >> 31) ? 0 - value : value;
}

}  // namespace

void TimingStats::Repeat(const TimingStats& before, uint64_t times) {
  const auto repeat = [&](uint64_t TimingStats::*count) {
    this->*count += (this->*count - before.*count) * times;
  };
  repeat(&TimingStats::wait_cycles);
  repeat(&TimingStats::memory_cycles);
  repeat(&TimingStats::fetch_cycles);
  repeat(&TimingStats::branch_cycles);
  repeat(&TimingStats::icache_misses);
  repeat(&TimingStats::mispredictions);
  repeat(&TimingStats::data_hits);
  repeat(&TimingStats::data_misses);
  repeat(&TimingStats::coalesced_stores);
}

Timing::Timing(const PipelineParams& params)
    : p_(params),
      in_order_release_(params.in_order_release),
      early_(params.in_order_release ? 1 : 0),
      retire_mask_(params.retire_queue - 1),
      icache_mask_(params.icache_bytes / kLine - 1),
      predictor_mask_(params.predictor_entries - 1),
      icache_(params.icache_bytes / kLine, kNoLine),
      arrival_(params.icache_bytes / kLine),
      counters_(params.predictor_entries, kWeaklyNot),
      targets_(params.predictor_entries),
      data_lines_(params.l0_data_lines),
      data_ready_(params.l0_data_lines) {
  TRIPTYCH_CHECK(
      std::has_single_bit(p_.retire_queue) && p_.retire_queue <= kMaxQueue,
      "retire_queue", p_.retire_queue);
  TRIPTYCH_CHECK(
      std::has_single_bit(p_.icache_bytes) && p_.icache_bytes >= kLine,
      "icache_bytes", p_.icache_bytes);
  TRIPTYCH_CHECK(std::has_single_bit(p_.predictor_entries), "entries",
                 p_.predictor_entries);
  TRIPTYCH_CHECK(p_.store_queue >= 1 && p_.store_queue <= kMaxQueue,
                 "store_queue", p_.store_queue);
  TRIPTYCH_CHECK(p_.loads_in_flight >= 1 && p_.loads_in_flight <= kMaxQueue,
                 "loads_in_flight", p_.loads_in_flight);
}

void Timing::Shift(uint64_t cycles) {
  next_ += cycles;
  last_retire_ += cycles;
  loads_done_ += cycles;
  last_drain_ += cycles;
  l1_free_ += cycles;
  open_cycle_ += cycles;
  for (uint64_t& t : retire_) t += cycles;
  for (uint64_t& t : load_free_) t += cycles;
  for (uint64_t& t : data_ready_) t += cycles;
  for (StoreEntry& entry : stores_) entry.drained += cycles;
  for (size_t r = 1; r < kRegisters; ++r) {
    ready_[r] += cycles;
    forward_[r] += cycles;
  }
}

void Timing::AppendState(std::vector<uint64_t>* state) const {
  // Times that passed are all alike.
  const auto add = [&](uint64_t t) {
    state->push_back(t > next_ ? t - next_ : 0);
  };
  const auto add_exact = [&](uint64_t t) {
    state->push_back(t >= next_ ? t - next_ + 1 : 0);
  };
  add(last_retire_);
  add(loads_done_);
  add(last_drain_);
  add(l1_free_);
  for (uint64_t i = 0; i <= retire_mask_; ++i) {
    add(retire_[(count_ + i) & retire_mask_]);
  }
  for (uint64_t i = 0; i < p_.loads_in_flight; ++i) {
    add(load_free_[(loads_ + i) % p_.loads_in_flight]);
  }
  for (size_t r = 0; r < kRegisters; ++r) {
    add(ready_[r]);
    add_exact(forward_[r]);
  }
  for (uint64_t i = 0; i < kMaxQueue; ++i) {
    const StoreEntry& s = stores_[(store_count_ + i) % kMaxQueue];
    const bool live = s.drained > next_;
    add(s.drained);
    state->push_back(live ? s.line : 0);
    state->push_back(live ? uint64_t{s.bytes} << 32 | s.address : 0);
  }
  state->push_back(open_);
  if (open_) {
    add(open_cycle_ + 1 + p_.merge_timer);
    state->push_back(open_store_.line);
    state->push_back(uint64_t{open_store_.bytes} << 32 | open_store_.address);
  }
  for (const uint32_t line : data_lines_) state->push_back(line);
  for (const uint64_t t : data_ready_) add(t);
  state->push_back(data_next_);
  state->push_back(icache_changes_);
  state->push_back(predictor_changes_);
}

void Timing::InvalidateInstructions() {
  std::ranges::fill(icache_, kNoLine);
  std::ranges::fill(arrival_, 0);
  ++icache_changes_;
}

void Timing::FetchSlow(uint32_t line) {
  const uint32_t slot = line & icache_mask_;
  if (icache_[slot] != line) {
    ++stats_.icache_misses;
    icache_[slot] = line;
    arrival_[slot] = next_ + p_.icache_miss;
    // Requests follow each other by a cycle; the last of them is below.
    for (uint32_t i = 1; i < p_.prefetch_lines; ++i) {
      Prefetch(line + i, next_ + p_.icache_miss + i);
    }
  }
  if (arrival_[slot] > next_) {
    stats_.fetch_cycles += arrival_[slot] - next_;
    next_ = arrival_[slot];
  }
  arrival_[slot] = 0;
  ++icache_changes_;
  if (p_.prefetch_lines > 0) {
    Prefetch(line + p_.prefetch_lines, next_ + p_.icache_miss);
  }
}

void Timing::Prefetch(uint32_t line, uint64_t arrival) {
  const uint32_t slot = line & icache_mask_;
  if (icache_[slot] == line) return;
  icache_[slot] = line;
  arrival_[slot] = arrival;
  ++icache_changes_;
}

uint32_t Timing::DivideCycles(uint32_t dividend, uint32_t divisor,
                              bool is_signed) const {
  const bool overflows = is_signed && dividend == 0x80000000u && divisor == ~0u;
  if (divisor <= 1 || overflows) return p_.div_short;
  // Of the range, the ends are known; one cycle a bit between them is not.
  const auto bits =
      static_cast<uint32_t>(std::bit_width(Magnitude(dividend, is_signed)));
  return std::clamp(bits + 1, p_.div_min, p_.div_max);
}

bool Timing::Mispredicts(uint32_t pc, bool taken) {
  uint8_t& counter = counters_[pc >> 2 & predictor_mask_];
  const bool predicted = counter >= kWeakly;
  const uint8_t before = counter;
  if (taken && counter < kStrongly) ++counter;
  if (!taken && counter > 0) --counter;
  predictor_changes_ += counter != before;
  return predicted != taken;
}

bool Timing::MispredictsTarget(uint32_t pc, uint32_t target) {
  uint32_t& predicted = targets_[pc >> 2 & predictor_mask_];
  if (predicted == target) return false;
  predicted = target;
  ++predictor_changes_;
  return true;
}

int Timing::DataLine(uint32_t address) const {
  const uint32_t tag = address / kLine + 1;
  for (size_t i = 0; i < data_lines_.size(); ++i) {
    if (data_lines_[i] == tag) return static_cast<int>(i);
  }
  return -1;
}

void Timing::FlushData() {
  std::ranges::fill(data_lines_, 0);
  std::ranges::fill(data_ready_, 0);
  data_next_ = 0;
}

bool Timing::Conflicts(const StoreEntry& entry, uint32_t address,
                       uint32_t size) const {
  // In-order machines compare where accesses start, and nothing else.
  if (in_order_release_) return entry.address == address;
  return entry.line == address / kLine &&
         (entry.bytes & BytesOf(address, size)) != 0;
}

uint64_t Timing::DrainAfter(uint64_t ready, bool l1) const {
  return std::max({ready, last_drain_ + 1, l1 ? l1_free_ : 0});
}

uint64_t Timing::OpenDrain(uint64_t t) const {
  // In the queue a cycle after it issued, out of it the next.
  const uint64_t timed_out = open_cycle_ + 2 + p_.merge_timer;
  return DrainAfter(std::min(timed_out, t + 2), true);
}

void Timing::Push(StoreEntry entry, uint64_t drained, bool l1) {
  entry.drained = drained;
  stores_[store_count_++ % kMaxQueue] = entry;
  last_drain_ = drained;
  if (l1) {
    l1_free_ = drained + (entry.bytes == kWholeLine ? 1 : p_.l1_store_gap);
  }
}

void Timing::CloseOpen(uint64_t t) {
  if (!open_) return;
  open_ = false;
  Push(open_store_, OpenDrain(t), true);
}

uint64_t Timing::AllDrained(uint64_t t) const {
  return open_ ? OpenDrain(t) : last_drain_;
}

bool Timing::Merges(uint64_t t, Latency where, uint32_t address) const {
  if (!open_ || where != Latency::kL1) return false;
  if (open_store_.line != address / kLine) return false;
  const uint32_t last = open_store_.address;
  const uint32_t distance = last > address ? last - address : address - last;
  return distance <= 4 && t + 1 < OpenDrain(~uint64_t{0} >> 1);
}

uint64_t Timing::LoadAt(uint64_t t, Latency where, uint32_t address,
                        uint32_t size) const {
  if (in_order_release_ && store_count_ >= p_.store_queue) {
    // The queue must have room, although a load does not use it.
    const uint64_t oldest =
        stores_[(store_count_ - p_.store_queue) % kMaxQueue].drained;
    t = std::max(t, oldest - 1);
  }
  if (open_ || last_drain_ > t + 1) {
    bool conflict = open_ && Conflicts(open_store_, address, size);
    uint64_t until = 0;
    for (const StoreEntry& entry : stores_) {
      if (entry.drained > t + 1 && Conflicts(entry, address, size)) {
        conflict = true;
        until = std::max(until, entry.drained);
      }
    }
    if (conflict) {
      t = std::max(t, (in_order_release_ ? until : AllDrained(t)) - 1);
    }
  }
  if (where == Latency::kLocal ||
      (where == Latency::kL1 && DataLine(address) >= 0)) {
    return t;
  }
  return std::max(t, load_free_[loads_ % p_.loads_in_flight]);
}

void Timing::Load(uint64_t t, uint8_t rd, Latency where, uint32_t address,
                  uint64_t ready) {
  stats_.wait_cycles += t - next_;
  next_ = t + 1;
  uint64_t done = t + p_.load_latency[static_cast<size_t>(where)];
  bool outside = where != Latency::kLocal;
  if (where == Latency::kL1 && !data_lines_.empty()) {
    const int line = DataLine(address);
    if (line >= 0) {
      ++stats_.data_hits;
      outside = false;
      done = std::max(t + p_.load_latency[0],
                      data_ready_[static_cast<size_t>(line)]);
    } else {
      ++stats_.data_misses;
      data_lines_[data_next_] = address / kLine + 1;
      data_ready_[data_next_] = done;
      data_next_ = (data_next_ + 1) % p_.l0_data_lines;
    }
  }
  done = std::max(done, ready);
  if (outside) load_free_[loads_++ % p_.loads_in_flight] = done - 1;
  loads_done_ = std::max(loads_done_, done);
  const uint64_t leaves = Retire(done);
  // Never handed on as it enters: there is no value yet.
  forward_[rd] = 0;
  ready_[rd] = in_order_release_ ? leaves : done;
}

uint64_t Timing::StoreAt(uint64_t t, Latency where, uint32_t address) const {
  if (Merges(t, where, address)) return t;
  const uint64_t place = store_count_ + (open_ ? 1 : 0);
  if (place < p_.store_queue) return t;
  const uint64_t before = place - p_.store_queue;
  // With a queue of one, that is the open store itself.
  const uint64_t drained = open_ && before == store_count_
                               ? OpenDrain(t)
                               : stores_[before % kMaxQueue].drained;
  return std::max(t, drained - 1);
}

void Timing::Store(uint64_t t, Latency where, uint32_t address, uint32_t size) {
  const StoreEntry entry{address / kLine, BytesOf(address, size), address, 0};
  const bool l1 = where == Latency::kL1;
  if (Merges(t, where, address)) {
    ++stats_.coalesced_stores;
    open_store_.bytes |= entry.bytes;
    open_store_.address = address;
    open_cycle_ = t;
    if (open_store_.bytes == kWholeLine) CloseOpen(t);
  } else {
    CloseOpen(t);
    if (l1 && p_.coalesce_stores) {
      open_ = true;
      open_store_ = entry;
      open_cycle_ = t;
    } else {
      Push(entry, DrainAfter(t + 2, l1), l1);
    }
  }
  if (l1) {
    const int line = DataLine(address);
    if (line >= 0) data_lines_[static_cast<size_t>(line)] = 0;
  }
  Done(t, kSink, 1, 1);
}

uint64_t Timing::FenceAt(uint64_t t) const {
  if (in_order_release_) return t;
  const uint64_t enters = std::max({t + 1, AllDrained(t), loads_done_});
  return enters - 1;
}

void Timing::Atomic(uint64_t t, uint8_t rd, Latency where) {
  CloseOpen(t);
  FlushData();
  const uint32_t latency = where == Latency::kL1
                               ? p_.atomic_latency
                               : p_.load_latency[static_cast<size_t>(where)];
  loads_done_ = std::max(loads_done_, t + latency);
  load_free_[loads_++ % p_.loads_in_flight] = t + latency - 1;
  stats_.wait_cycles += t - next_;
  next_ = t + 1;
  const uint64_t leaves = Retire(t + latency);
  forward_[rd] = 0;
  ready_[rd] = in_order_release_ ? leaves : t + latency;
}

void Timing::Fence(uint64_t t) {
  if (in_order_release_) return Alu(t, kSink);
  CloseOpen(t);
  FlushData();
  Done(t, kSink, 2, 1);
  next_ = std::max(next_, last_retire_);
}

}  // namespace triptych::mesh::riscv
