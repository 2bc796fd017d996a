// The redundant SAR ADC slice in C++: the same codes as sar_adc_slice.sv,
// bit for bit, at a speed whole matrices can be converted with.
//
// A converter has two sides. The digital side (SarSearch) is what the RTL
// implements: how many steps, and what each capacitor counts for in the code.
// The analog side (SarFrontEnd) is what the RTL is wired to: the capacitors
// as they were manufactured. They meet in integers only, so equality of model
// and RTL is a matter of equal integers.
//
// Levels, of inputs and capacitors, are int32 in 1/256 LSB. Input 0 is the
// middle of code 0's range.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_RTL_SAR_ADC_SAR_ADC_MODEL_H_
#define TRIPTYCH_RTL_SAR_ADC_SAR_ADC_MODEL_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "rtl/rtl_constants.h"

namespace triptych::rtl {

// The digital side. weight[k] is what keeping capacitor k adds to the code.
// From step vote_from on, the majority of kSarVotes looks at the comparator
// decides.
struct SarSearch {
  int bits = 0, steps = 0;
  int vote_from = kSarMaxSteps;                 // never
  std::array<uint16_t, kSarMaxSteps> weight{};  // 1/16 LSB
  uint16_t max_code() const { return static_cast<uint16_t>((1 << bits) - 1); }
  // How often the comparators are looked at in one conversion.
  int looks() const {
    const int voted = steps > vote_from ? steps - vote_from : 0;
    return steps + (kSarVotes - 1) * voted;
  }
};
inline constexpr int kSarMaxLooks = kSarVotes * kSarMaxSteps;

// The search of a `bits`-bit converter, 1 <= bits <= kSarMaxBits. From 4 bits
// on, 2^(bits-4) of the first weight become a step of their own, and from 7
// bits on 2^(bits-7) of the third: binary-scaled recombination (C.-C. Liu et
// al., ISSCC 2010, paper 21.5). The weights then still sum to 2^bits - 1, all
// are multiples of one unit capacitor, and the early steps may go wrong by
// SarTolerance. Ten bits take twelve steps:
// 448 256 120 64 64 32 16 8 8 4 2 1.
SarSearch MakeSarSearch(int bits);

// By how many LSB the comparator may err at `step` without changing any code.
int SarTolerance(const SarSearch& search, int step);

// The analog side of one slice, 1/256 LSB.
struct SarFrontEnd {
  // capacitor[k][lane]: by how much keeping it raises the lane's level.
  alignas(
      64) std::array<std::array<int32_t, kSarLanes>, kSarMaxSteps> capacitor{};
  // Added to the level while capacitor k is on trial: half of what the later
  // steps can make good, less half an LSB for rounding.
  std::array<int32_t, kSarMaxSteps> bias{};
  // A comparator that sees less than this has not resolved when it is looked
  // at. It decides by the sign nonetheless. 0: always in time.
  int32_t metastable_below = 0;
};

// Capacitors exactly as `search` weighs them.
SarFrontEnd IdealFrontEnd(const SarSearch& search);

// Capacitors of independent unit elements, each off by a relative standard
// deviation of `unit_sigma`: one of c units is off by unit_sigma * sqrt(c)
// units. Determined by (seed, slice); `slice` numbers the slices of a chip.
SarFrontEnd MismatchedFrontEnd(const SarSearch& search, double unit_sigma,
                               uint64_t seed, uint64_t slice);

// Converts one sample a lane. `level` and `code` hold kSarLanes elements and
// may not overlap. `error`, if not null, holds looks x kSarLanes levels that
// the comparators see in excess of the truth: noise, offset, or a test's
// wrong decision.
void SarConvert(const SarSearch& search, const SarFrontEnd& front_end,
                const int32_t* level, const int32_t* error, uint16_t* code);

// All that a conversion leaves in a slice's registers.
struct SarRecord {
  // The code with its fraction, 1/16 LSB; half an LSB above the sum of the
  // weights, clipped to the largest code. The code is result / 16.
  alignas(64) std::array<uint16_t, kSarLanes> result{};
  std::array<uint64_t, kSarMaxSteps> kept{};  // bit l: lane l keeps step's
  uint64_t metastable = 0;                    // bit l: lane l, in some look
  friend bool operator==(const SarRecord&, const SarRecord&) = default;
};
void SarConvert(const SarSearch& search, const SarFrontEnd& front_end,
                const int32_t* level, const int32_t* error, SarRecord* record);

// A slice's event counters, by kSarEvent* and lane. They stop at the top.
struct SarCounters {
  std::array<std::array<uint16_t, kSarLanes>, 3> count{};
  void Add(const SarSearch& search, const SarRecord& record);
  friend bool operator==(const SarCounters&, const SarCounters&) = default;
};

// The same for `count` samples in consecutive lanes: sample i is converted by
// lane i % kSarLanes of front end i / kSarLanes. No comparator error. A last
// slice that is not full takes a copy; the others run in place.
void SarConvertRow(const SarSearch& search, const SarFrontEnd* front_ends,
                   const int32_t* level, size_t count, uint16_t* code);

}  // namespace triptych::rtl

#endif  // TRIPTYCH_RTL_SAR_ADC_SAR_ADC_MODEL_H_
