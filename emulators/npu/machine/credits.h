// The credits of one event, with the times from which they count.
//
// Waits are numbered as the front end decodes them: wait n of an event goes
// ahead with the n-th credit that comes, whichever queue it waits in. So what
// is decoded later never takes a credit away from what was decoded before,
// and a stream that is well formed as written never stands still, however
// short its queues.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_MACHINE_CREDITS_H_
#define TRIPTYCH_EMULATORS_NPU_MACHINE_CREDITS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace triptych::npu {

class Credits {
 public:
  static constexpr int64_t kNever = INT64_MAX;

  // One that counts from `time` on. Nothing asks any more when those came that
  // count from `now` or before; `now` does not decrease.
  void Give(int64_t time, int64_t now) {
    while (first_ < later_.size() && later_[first_] <= now) {
      ++first_;
      ++came_;
    }
    if (first_ == later_.size() || first_ >= kCompact) {
      later_.erase(later_.begin(),
                   later_.begin() + static_cast<int64_t>(first_));
      first_ = 0;
    }
    if (time <= now) {
      ++came_;
      return;
    }
    // Mostly at the end: commands of one queue are done in order.
    auto at = later_.end();
    while (at != later_.begin() + static_cast<int64_t>(first_) &&
           *(at - 1) > time) {
      --at;
    }
    later_.insert(at, time);
  }
  void GiveNow(uint64_t count) { came_ += count; }

  // When the n-th credit counts, n from 1 on, for all that is known; kNever if
  // it is not on its way, 0 if nothing asks any more.
  int64_t Time(uint64_t n) const {
    if (n <= came_) return 0;
    const uint64_t at = first_ + (n - came_ - 1);
    return at < later_.size() ? later_[at] : kNever;
  }
  void Clear() {
    came_ = 0;
    later_.clear();
    first_ = 0;
  }

 private:
  static constexpr size_t kCompact = 64;
  uint64_t came_ = 0;
  std::vector<int64_t> later_;  // sorted, from first_ on
  size_t first_ = 0;
};

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_MACHINE_CREDITS_H_
