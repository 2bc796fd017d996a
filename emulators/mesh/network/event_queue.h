// What happens next: actions ordered by time, then by the order in which they
// were posted. Nothing depends on addresses or threads, so a run repeats
// exactly.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_NETWORK_EVENT_QUEUE_H_
#define TRIPTYCH_EMULATORS_MESH_NETWORK_EVENT_QUEUE_H_

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <utility>
#include <vector>

#include "kernels/base/check.h"

namespace triptych::mesh {

// Not thread-safe. Times are cycles; fractions arise from shared links.
class EventQueue {
 public:
  using Action = std::function<void()>;

  double now() const { return now_; }

  // `when` is not before now.
  void At(double when, Action action) {
    TRIPTYCH_CHECK(when >= now_, "when", when, "now", now_);
    uint32_t slot = static_cast<uint32_t>(actions_.size());
    if (free_.empty()) {
      TRIPTYCH_CHECK(slot < kSlots, "events", slot);
      actions_.push_back(std::move(action));
    } else {
      slot = free_.back();
      free_.pop_back();
      actions_[slot] = std::move(action);
    }
    // Of the two zeros the one whose bits are 0.
    Push({when + 0.0, next_++ * kSlots | slot});
  }

  // Once all else of this moment has happened: what settles what the others
  // changed.
  void AtEndOfMoment(Action action) { settling_.push_back(std::move(action)); }

  bool empty() const { return heap_.empty() && settling_.empty(); }
  // When the next thing happens; infinity if nothing will.
  double next() const {
    if (!settling_.empty()) return now_;
    return heap_.empty() ? std::numeric_limits<double>::infinity()
                         : heap_.front().when;
  }

  // The next thing. There is one. It may post others.
  void Step() {
    if (!settling_.empty() && (heap_.empty() || heap_.front().when > now_)) {
      std::swap(settling_, settled_);
      for (const Action& action : settled_) action();
      settled_.clear();
      return;
    }
    const Event event = Pop();
    now_ = event.when;
    const auto slot = static_cast<uint32_t>(event.turn % kSlots);
    const Action action = std::exchange(actions_[slot], nullptr);
    free_.push_back(slot);
    action();
  }

  // Until nothing is left to happen.
  void Run() {
    while (!empty()) Step();
  }

 private:
  // Actions stay in their slots while events move: 2^40 of them in all, 2^24
  // at a time.
  static constexpr uint64_t kSlots = uint64_t{1} << 24;
  struct Event {
    double when;
    uint64_t turn;  // order * kSlots + slot
    // Both as one number: times are not negative, so their bits are in order.
    friend bool operator<(const Event& a, const Event& b) {
      return a.key() < b.key();
    }
    __extension__ typedef unsigned __int128 Key;
    Key key() const { return Key{std::bit_cast<uint64_t>(when)} << 64 | turn; }
  };
  // Of the heap: half as many levels as with two, for as many comparisons.
  static constexpr size_t kChildren = 4;

  void Push(const Event& event) {
    size_t i = heap_.size();
    heap_.push_back(event);
    for (; i > 0; i = (i - 1) / kChildren) {
      const Event& parent = heap_[(i - 1) / kChildren];
      if (!(event < parent)) break;
      heap_[i] = parent;
    }
    heap_[i] = event;
  }

  Event Pop() {
    const Event first = heap_.front();
    const Event last = heap_.back();
    heap_.pop_back();
    if (heap_.empty()) return first;
    size_t i = 0;
    for (;;) {
      const size_t begin = kChildren * i + 1;
      if (begin >= heap_.size()) break;
      const size_t end = std::min(begin + kChildren, heap_.size());
      size_t least = begin;
      for (size_t c = begin + 1; c < end; ++c) {
        if (heap_[c] < heap_[least]) least = c;
      }
      if (!(heap_[least] < last)) break;
      heap_[i] = heap_[least];
      i = least;
    }
    heap_[i] = last;
    return first;
  }

  std::vector<Event> heap_;
  std::vector<Action> actions_;
  std::vector<Action> settling_, settled_;  // settled_: those that run
  std::vector<uint32_t> free_;  // slots of actions
  double now_ = 0;
  uint64_t next_ = 0;
};

}  // namespace triptych::mesh

#endif  // TRIPTYCH_EMULATORS_MESH_NETWORK_EVENT_QUEUE_H_
