// What happens next: actions ordered by time, then by rank, then by the order
// in which they were posted. Nothing depends on addresses or threads, so a run
// repeats exactly.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_NETWORK_EVENT_QUEUE_H_
#define TRIPTYCH_EMULATORS_MESH_NETWORK_EVENT_QUEUE_H_

#include <cstdint>
#include <functional>
#include <limits>
#include <queue>
#include <utility>
#include <vector>

#include "kernels/base/check.h"

namespace triptych::mesh {

// Not thread-safe. Times are cycles; fractions arise from shared links.
class EventQueue {
 public:
  using Action = std::function<void()>;
  // Of things that happen at the same time, those that settle what the
  // others changed come last.
  enum class Rank : uint8_t { kChange, kSettle };

  double now() const { return now_; }

  // `when` is not before now.
  void At(double when, Action action, Rank rank = Rank::kChange) {
    TRIPTYCH_CHECK(when >= now_, "when", when, "now", now_);
    events_.push({when, rank, next_++, std::move(action)});
  }

  bool empty() const { return events_.empty(); }
  // When the next thing happens; infinity if nothing will.
  double next() const {
    return events_.empty() ? std::numeric_limits<double>::infinity()
                           : events_.top().when;
  }

  // The next thing. There is one.
  void Step() {
    // The action may post others: it has to be off the queue by then.
    Event event = std::move(const_cast<Event&>(events_.top()));
    events_.pop();
    now_ = event.when;
    event.action();
  }

  // Until nothing is left to happen.
  void Run() {
    while (!events_.empty()) Step();
  }

 private:
  struct Event {
    double when;
    Rank rank;
    uint64_t order;
    Action action;
    friend bool operator<(const Event& a, const Event& b) {
      if (a.when != b.when) return a.when > b.when;
      if (a.rank != b.rank) return a.rank > b.rank;
      return a.order > b.order;
    }
  };
  std::priority_queue<Event> events_;
  double now_ = 0;
  uint64_t next_ = 0;
};

}  // namespace triptych::mesh

#endif  // TRIPTYCH_EMULATORS_MESH_NETWORK_EVENT_QUEUE_H_
