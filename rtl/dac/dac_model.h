// The segmented DAC slice in C++: the same switches as dac_slice.sv.
//
// As with the ADC there are two sides that meet in integers. The digital side
// turns codes into switch words (DacEncode); the analog side (DacElements)
// says what the elements that are switched on add up to.
//
// Codes are kDacBits wide; a converter of b bits takes codes shifted left by
// kDacBits - b. Levels are int32 in 1/256 of the LSB of kDacBits.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_RTL_DAC_DAC_MODEL_H_
#define TRIPTYCH_RTL_DAC_DAC_MODEL_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "rtl/rtl_constants.h"

namespace triptych::rtl {

inline constexpr int kDacBinaryBits = kDacBits - kDacUnaryBits;
inline constexpr int kDacElements = 1 << kDacUnaryBits;

// What one lane's switches are set to.
struct DacSwitches {
  uint32_t unary = 0;   // bit e: unary element e is on
  uint16_t binary = 0;  // bit b: the element of 2^b LSB is on
  friend bool operator==(const DacSwitches&, const DacSwitches&) = default;
};

// `first` is the lane's state, the unary element to begin with: 0 and left
// alone without rotation, else moved to where this code's elements end.
DacSwitches DacEncode(uint16_t code, bool rotate, uint8_t& first);

// One lane's elements as manufactured, 1/256 LSB.
class DacElements {
 public:
  // Every element exactly what it should be.
  DacElements() : DacElements(0, 0, 0) {}
  // An element of m LSB is off by unit_sigma * sqrt(m) LSB (standard
  // deviation): independent unit elements. Determined by (seed, lane).
  DacElements(double unit_sigma, uint64_t seed, uint64_t lane);

  // Sum of the elements that are on, one by one: what the analog side does.
  int32_t Level(const DacSwitches& switches) const;
  // The same for a code whose unary elements begin at `first`, in a few
  // operations; moves `first` as DacEncode does.
  int32_t Level(uint16_t code, bool rotate, uint8_t& first) const;

 private:
  std::array<int32_t, kDacElements> unary_;
  // before_[e]: sum of the unary elements before e, twice around the ring.
  std::array<int32_t, 2 * kDacElements> before_;
  std::array<int32_t, kDacBinaryBits> binary_;
  std::array<int32_t, 1 << kDacBinaryBits> binary_sum_;
};

}  // namespace triptych::rtl

#endif  // TRIPTYCH_RTL_DAC_DAC_MODEL_H_
