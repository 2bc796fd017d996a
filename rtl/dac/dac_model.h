// The segmented DAC slice in C++: the same switches as dac_slice.sv.
//
// As with the ADC there are two sides that meet in integers. The digital side
// turns codes into switch words (DacCorrect, DacEncode); the analog side
// (DacElements) says what the elements that are switched on add up to.
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

// Where a conversion's unary elements begin (dynamic element matching).
enum class Dem : uint8_t {
  kOff = kDemOff,        // at element 0
  kRotate = kDemRotate,  // where the last conversion's ended
  kRandom = kDemRandom,  // where the lane's generator says
};

// A lane's registers, as after a reset.
struct DacLane {
  DacLane() : DacLane(0) {}
  // `lane` counts within its slice; only the generator's seed depends on it.
  explicit DacLane(int lane)
      : lfsr(static_cast<uint16_t>(kDacLfsrSeed + lane * kDacLfsrSeedStep)) {}

  // Where the next `count` elements begin; moves the registers on.
  uint8_t Advance(int count, Dem dem);

  uint8_t first = 0;
  uint16_t lfsr;
  friend bool operator==(const DacLane&, const DacLane&) = default;
};

// A lane's correction table: knots 1/16 of the scale apart, the last at its
// end, joined by straight lines. In 1/4 LSB; zeros correct nothing.
inline constexpr int kDacKnots = (1 << kDacSegmentBits) + 1;
using DacKnots = std::array<int8_t, kDacKnots>;

// The code that is converted in the place of `code`.
uint16_t DacCorrect(uint16_t code, const DacKnots& knots);

// What `code`, already corrected, sets the switches to.
DacSwitches DacEncode(uint16_t code, Dem dem, DacLane& lane);

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
  // The same for a code, in a few operations; moves `lane` as DacEncode does.
  int32_t Level(uint16_t code, Dem dem, DacLane& lane) const;

 private:
  std::array<int32_t, kDacElements> unary_;
  // before_[e]: sum of the unary elements before e, twice around the ring.
  std::array<int32_t, 2 * kDacElements> before_;
  std::array<int32_t, kDacBinaryBits> binary_;
  std::array<int32_t, 1 << kDacBinaryBits> binary_sum_;
};

// The table that takes the lane's integral nonlinearity (from the line
// through both ends, without element matching) out at the knots, as far as
// knots of 1/4 LSB and their range of 32 LSB reach.
DacKnots MeasureKnots(const DacElements& elements);

}  // namespace triptych::rtl

#endif  // TRIPTYCH_RTL_DAC_DAC_MODEL_H_
