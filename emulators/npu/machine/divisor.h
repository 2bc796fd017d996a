// Division by sizes that are mostly powers of two.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_MACHINE_DIVISOR_H_
#define TRIPTYCH_EMULATORS_NPU_MACHINE_DIVISOR_H_

#include <bit>
#include <cstdint>

namespace triptych::npu {

// A positive number to divide by; a shift and a mask where they do.
class Divisor {
 public:
  explicit Divisor(uint64_t value)
      : value_(value),
        shift_(std::has_single_bit(value) ? std::countr_zero(value) : -1) {}
  uint64_t Quotient(uint64_t x) const {
    return shift_ >= 0 ? x >> shift_ : x / value_;
  }
  uint64_t Remainder(uint64_t x) const {
    return shift_ >= 0 ? x & (value_ - 1) : x % value_;
  }
  uint64_t value() const { return value_; }

 private:
  uint64_t value_;
  int shift_;
};

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_MACHINE_DIVISOR_H_
