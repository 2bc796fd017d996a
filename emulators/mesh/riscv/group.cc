// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/riscv/group.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "kernels/base/check.h"

namespace triptych::mesh::riscv {
namespace {

constexpr size_t kNobody = ~size_t{0};
constexpr uint64_t kNever = ~uint64_t{0};

bool Runnable(const Core& core) {
  return core.stop() == Stop::kLimit || core.stop() == Stop::kDevice;
}

void MarkGranules(const Watch& w, bool watched) {
  for (uint32_t g = w.offset / Ram::kGranule;
       g <= (w.offset + w.size - 1) / Ram::kGranule; ++g) {
    uint8_t& mark = w.ram->marks()[g];
    mark = static_cast<uint8_t>(watched ? mark | Ram::kWatched
                                        : mark & ~Ram::kWatched);
  }
}

}  // namespace

Core& Group::Add(CoreConfig config, AddressMap memory) {
  config.index = static_cast<uint32_t>(cores_.size());
  cores_.push_back(
      std::make_unique<Core>(std::move(config), std::move(memory)));
  cores_.back()->set_listener(this);
  wakers_.emplace_back();
  return *cores_.back();
}

Group::Turn Group::NextTurn() const {
  Turn turn;
  size_t second = kNobody;
  for (size_t i = 0; i < cores_.size(); ++i) {
    if (!Runnable(*cores_[i])) continue;
    const uint64_t now = cores_[i]->now();
    if (turn.core == kNobody || now < turn.now) {
      turn.until = turn.now;
      second = turn.core;
      turn.now = now;
      turn.core = i;
    } else if (second == kNobody || now < turn.until) {
      turn.until = now;
      second = i;
    }
  }
  // At the same cycle the lower index goes first.
  if (second == kNobody) {
    turn.until = kNever;
  } else if (second > turn.core) {
    ++turn.until;
  }
  return turn;
}

Group::State Group::Resting() const {
  for (const auto& core : cores_) {
    if (core->stop() != Stop::kExited && core->stop() != Stop::kHeld) {
      return State::kIdle;
    }
  }
  return State::kDone;
}

Group::State Group::RunUntil(uint64_t limit) {
  for (;;) {
    const Turn turn = NextTurn();
    const uint64_t post = posts_.empty() ? kNever : posts_.back().cycle;
    if (turn.core == kNobody && posts_.empty()) {
      for (const auto& core : cores_) core->Settle(limit);
      return Resting();
    }
    if (std::min(turn.now, post) >= limit) {
      for (const auto& core : cores_) core->Settle(limit);
      return State::kLimit;
    }
    if (post <= turn.now) {
      Apply();
      continue;
    }
    const size_t best = running_ = turn.core;
    const Stop stop =
        cores_[best]->RunUntil(std::min({turn.until, post, limit}));
    running_ = kNobody;
    if (stop == Stop::kAsleep) Sleep(best);
    if (stop == Stop::kTrap || stop == Stop::kDevice) {
      stopped_ = best;
      return stop == Stop::kTrap ? State::kTrap : State::kDevice;
    }
  }
}

void Group::Sleep(size_t core) {
  for (const Watch& watch : cores_[core]->watched()) {
    watchers_.push_back({core, watch});
    MarkGranules(watch, true);
  }
}

void Group::Forget(size_t core) {
  for (const Watcher& w : watchers_) {
    if (w.core == core) MarkGranules(w.watch, false);
  }
  std::erase_if(watchers_, [&](const Watcher& w) { return w.core == core; });
  for (const Watcher& w : watchers_) MarkGranules(w.watch, true);
}

void Group::Tighten(size_t core) {
  if (running_ == kNobody || running_ == core) return;
  cores_[running_]->LowerHorizon(cores_[core]->now() +
                                 (core > running_ ? 1 : 0));
}

void Group::Wake(size_t core, uint64_t cycle) {
  const Stop stop = cores_[core]->stop();
  if (stop == Stop::kAsleep || stop == Stop::kWaiting) Forget(core);
  cores_[core]->Wake(cycle);
  Tighten(core);
}

void Group::Reset(size_t core, uint32_t pc, uint64_t cycle) {
  Forget(core);
  cores_[core]->Reset(pc, cycle);
  Tighten(core);
}

void Group::Hold(size_t core) {
  Forget(core);
  cores_[core]->Hold();
}

void Group::WakeOnStore(size_t core, Watch watch) {
  watchers_.push_back({core, watch});
  MarkGranules(watch, true);
}

uint64_t Group::next() const {
  const uint64_t post = posts_.empty() ? kNever : posts_.back().cycle;
  return std::min(NextTurn().now, post);
}

// True: cores that slept go on first, up to this cycle. Those that a device
// lets wait go on after it.
bool Group::WakeWatchers(const Waker& waker, const Ram* ram, uint64_t offset,
                         uint64_t size) {
  bool any = false;
  for (size_t i = 0; i < watchers_.size();) {
    const auto [core, watch] = watchers_[i];
    const bool hit = watch.ram == ram && watch.offset < offset + size &&
                     offset < uint64_t{watch.offset} + watch.size;
    if (!hit) {
      ++i;
      continue;
    }
    const bool slept = cores_[core]->stop() == Stop::kAsleep;
    wakers_[core] = waker;
    Wake(core,
         slept ? waker.cycle : waker.cycle + 1);  // and its entries are gone
    any |= slept;
    i = 0;
  }
  return any;
}

bool Group::BeforeStore(uint32_t core, uint64_t cycle, const Ram* ram,
                        uint32_t offset, uint32_t size) {
  return WakeWatchers({.stored = true, .core = core, .cycle = cycle}, ram,
                      offset, size);
}

void Group::Post(RemoteWrite write) {
  TRIPTYCH_CHECK(
      write.bytes.empty() ||
          (write.ram &&
           uint64_t{write.offset} + write.bytes.size() <= write.ram->size()),
      "offset", write.offset, "bytes", write.bytes.size());
  TRIPTYCH_CHECK(!write.adds || write.bytes.size() == 4, "bytes",
                 write.bytes.size());
  const auto place = std::ranges::lower_bound(
      posts_, write.cycle, std::ranges::greater(), &RemoteWrite::cycle);
  if (running_ != kNobody) cores_[running_]->LowerHorizon(write.cycle);
  posts_.insert(place, std::move(write));
}

void Group::Apply() {
  const RemoteWrite& next = posts_.back();
  const Waker waker = {.tag = next.tag, .sent = next.sent, .cycle = next.cycle};
  // Who watched goes on up to this cycle first.
  if (WakeWatchers(waker, next.ram.get(), next.offset,
                   std::max(next.bytes.size(), next.changes))) {
    return;
  }
  const RemoteWrite write = std::move(posts_.back());
  posts_.pop_back();
  if (!write.bytes.empty()) {
    std::byte* const place = write.ram->data() + write.offset;
    if (write.adds) {
      uint32_t sum = 0, more = 0;
      std::memcpy(&sum, place, 4);
      std::memcpy(&more, write.bytes.data(), 4);
      sum += more;
      std::memcpy(place, &sum, 4);
    } else {
      std::memcpy(place, write.bytes.data(), write.bytes.size());
    }
  }
  if (write.then) write.then();
}

Status Group::Deadlock() const {
  std::string text;
  for (const auto& core : cores_) {
    if (core->stop() == Stop::kExited || core->stop() == Stop::kHeld) continue;
    const Status status = core->Outcome();
    text += (text.empty() ? "" : "; ") + status.error().message;
  }
  return MakeError(ErrorCode::kInvalid, "deadlock: " + text);
}

Status Group::Run(uint64_t budget_cycles) {
  switch (RunUntil(budget_cycles)) {
    case State::kIdle:
      return Deadlock();
    case State::kTrap:
    case State::kDevice:
      return stopped().Outcome();
    case State::kDone:
      break;
    case State::kLimit:
      for (const auto& core : cores_) {
        if (core->stop() == Stop::kExited) continue;
        Status status = core->Outcome();
        if (status) continue;
        return MakeError(ErrorCode::kInvalid,
                         fmt::format("{}; the budget is {} cycles",
                                     status.error().message, budget_cycles));
      }
      break;
  }
  for (const auto& core : cores_) TRIPTYCH_TRY(core->Outcome());
  return {};
}

}  // namespace triptych::mesh::riscv
