// What a DMA channel has on the way: it has buffers for so many bursts, which
// it gives back in the order it asked for them. Times are in whatever unit the
// memory counts in.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_MACHINE_WINDOW_H_
#define TRIPTYCH_EMULATORS_NPU_MACHINE_WINDOW_H_

#include <algorithm>
#include <cstdint>
#include <vector>

namespace triptych::npu {

// When the first and the last of some bursts are asked for, or done; those
// between lie evenly.
struct Span {
  int64_t first = 0, last = 0;

  // Of burst i of n.
  int64_t At(int64_t i, int64_t n) const {
    if (i == 0) return first;
    return i + 1 == n ? last : first + (last - first) * i / (n - 1);
  }
};

class Window {
 public:
  // A window of `size` bursts, at least 1.
  explicit Window(uint32_t size = 1) : size_(size), groups_(size) {}

  void Reset() {
    head_ = count_ = used_ = bursts_ = 0;
    next_ = 0;
  }
  // Nothing more is asked for before `time`.
  void NotBefore(int64_t time) { next_ = std::max(next_, time); }
  // When the next burst may be asked for.
  int64_t next() const { return std::max(next_, Room()); }
  // For how many bursts that goes on evenly: until the next buffers are some
  // that were not given back together.
  uint32_t even() const {
    return bursts_ < size_ ? size_ - bursts_ : groups_[head_].bursts - used_;
  }

  // Asks for at most even() bursts, one every `pace`; then Done must follow.
  Span Ask(uint32_t bursts, int64_t pace) {
    Span asked;
    asked.first = next();
    asked.last = asked.first + (bursts - 1) * pace;
    if (bursts_ == size_) {
      used_ += bursts - 1;
      asked.last = std::max(asked.last, Room());
      bursts_ -= bursts;
      if (++used_ == groups_[head_].bursts) {
        used_ = 0;
        --count_;
        if (++head_ == size_) head_ = 0;
      }
    }
    next_ = asked.last + pace;
    return asked;
  }
  // When those come; with `joins`, they go on where the last ones ended if
  // they do so within `step`.
  void Done(const Span& done, uint32_t bursts, bool joins, int64_t step) {
    bursts_ += bursts;
    uint32_t last = head_ + count_ + size_ - 1;
    while (last >= size_) last -= size_;
    Group& group = groups_[last];
    if (joins && count_ > 0 && done.first >= group.done.last &&
        done.first <= group.done.last + step) {
      group.done.last = done.last;
      group.bursts += bursts;
      return;
    }
    if (++last == size_) last = 0;
    groups_[last] = {done, bursts};
    ++count_;
  }

 private:
  struct Group {
    Span done;
    uint32_t bursts = 0;
  };
  // When the buffer that the next burst needs is given back.
  int64_t Room() const {
    if (bursts_ < size_) return 0;
    const Group& group = groups_[head_];
    return group.done.At(used_, group.bursts);
  }

  uint32_t size_;
  std::vector<Group> groups_;  // a ring, from head_ on
  uint32_t head_ = 0, count_ = 0;
  uint32_t used_ = 0;    // of the first group's: asked for again
  uint32_t bursts_ = 0;  // on the way
  int64_t next_ = 0;     // by the pace
};

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_MACHINE_WINDOW_H_
