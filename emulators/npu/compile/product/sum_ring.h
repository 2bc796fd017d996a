// Places in the accumulators, used in turn, so that the array need not wait for
// the vector unit, nor that for the array's pipeline.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_COMPILE_PRODUCT_SUM_RING_H_
#define TRIPTYCH_EMULATORS_NPU_COMPILE_PRODUCT_SUM_RING_H_

#include <cstdint>

#include "emulators/npu/compile/product/job.h"

namespace triptych::npu {

class SumRing {
 public:
  explicit SumRing(ProductJob& job)
      : job_(job),
        free_(job.b.NewCredits(ProductJob::U16(job.plan.slots))),
        full_(job.b.NewEvent()),
        drained_(job.b.NewEvent()) {}

  uint8_t free() const { return free_; }
  uint8_t full() const { return full_; }
  // Row of the accumulators where a place begins. Neighbours are in unlike
  // halves: one fills while the other is read.
  uint32_t RowOf(int64_t slot) const {
    const int64_t half = job_.b.size().accumulator_rows / 2;
    return ProductJob::U32(slot % 2 * half + slot / 2 * job_.rows);
  }
  uint32_t row() const { return RowOf(slot_); }
  int64_t slot() const { return slot_; }
  void Next() { slot_ = (slot_ + 1) % job_.plan.slots; }
  // The next place is `slot`, whose turn it is, or that nobody is to wait for.
  void Set(int64_t slot) { slot_ = slot; }
  // The next place is `slot` again, once all are free.
  void ReturnTo(int64_t slot) {
    if (slot_ != slot) Drain();
    slot_ = slot;
  }

  // A loop begins and ends at the same place.
  template <class Body>
  void Loop(int64_t count, const Body& body) {
    const int64_t slot = slot_;
    job_.b.Repeat(count, [&] {
      body();
      if (count > 1) ReturnTo(slot);
    });
  }

 private:
  // Waits in the matrix queue until all sums are free. The vector unit says so
  // again: the credits of an event come from one queue.
  void Drain() {
    const int64_t slots = job_.plan.slots;
    for (int64_t i = 0; i < slots; ++i) {
      job_.Touch({.wait = {free_},
                  .signal = {ProductJob::If(i + 1 == slots, drained_)}});
    }
    for (int64_t i = 0; i < slots; ++i) {
      job_.b.Vector(
          {.src0 = job_.idle,
           .src1 = 0,
           .dst = job_.idle + 4,
           .rows = 1,
           .cols = 1,
           .op = VectorOp::kCopy,
           .operand = Operand::kFull},
          {}, {.wait = {ProductJob::If(i == 0, drained_)}, .signal = {free_}});
    }
  }

  ProductJob& job_;
  uint8_t free_, full_, drained_;
  int64_t slot_ = 0;
};

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_COMPILE_PRODUCT_SUM_RING_H_
