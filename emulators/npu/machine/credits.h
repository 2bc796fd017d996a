// The credits of one event, with the times from which they count.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_MACHINE_CREDITS_H_
#define TRIPTYCH_EMULATORS_NPU_MACHINE_CREDITS_H_

#include <algorithm>
#include <cstdint>
#include <vector>

namespace triptych::npu {

class Credits {
 public:
  static constexpr int64_t kNever = INT64_MAX;

  // One that counts from `time` on; `now` is the simulation's.
  void Give(int64_t time, int64_t now) {
    if (time <= now) {
      ++ready_;
      return;
    }
    if (first_ > 0 && first_ == later_.size()) {
      later_.clear();
      first_ = 0;
    }
    // Mostly at the end: commands of one queue are done in order.
    auto at = later_.end();
    while (at != later_.begin() + static_cast<int64_t>(first_) &&
           *(at - 1) > time) {
      --at;
    }
    later_.insert(at, time);
  }
  void GiveNow(uint64_t count) { ready_ += count; }

  // When the credit that a command takes counts; kNever if none is on its
  // way. 0: since before now. `second`: the one after that.
  int64_t Time(bool second = false) const {
    const uint64_t skip = second ? 1 : 0;
    if (ready_ > skip) return 0;
    const size_t at = first_ + static_cast<size_t>(skip - ready_);
    return at < later_.size() ? later_[at] : kNever;
  }
  // Takes the one that Time() is of.
  void Take() {
    if (ready_ > 0) {
      --ready_;
    } else if (++first_ == kCompact) {
      later_.erase(later_.begin(),
                   later_.begin() + static_cast<int64_t>(first_));
      first_ = 0;
    }
  }
  void Clear() {
    ready_ = 0;
    later_.clear();
    first_ = 0;
  }

 private:
  static constexpr size_t kCompact = 64;
  uint64_t ready_ = 0;
  std::vector<int64_t> later_;  // sorted, from first_ on
  size_t first_ = 0;
};

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_MACHINE_CREDITS_H_
