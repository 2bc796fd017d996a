// What becomes of a slice's codes, in C++: the same values as opt_post.sv.
//
// Offset and gain per lane, crosstalk of the neighbours taken out, rails
// subtracted; see opt_post.sv for the formulas. All fixed point, 16 bits:
// inputs and values in 1/16 LSB, gains Q2.14 without sign, taps Q1.15.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_RTL_OPT_POST_OPT_POST_MODEL_H_
#define TRIPTYCH_RTL_OPT_POST_OPT_POST_MODEL_H_

#include <array>
#include <cstdint>

#include "rtl/rtl_constants.h"

namespace triptych::rtl {

inline constexpr uint16_t kPostUnityGain = 1 << kPostGainFracBits;

// A slice's coefficients, as after a reset: they change nothing.
struct PostCoefficients {
  std::array<int16_t, kSarLanes> offset{};
  std::array<uint16_t, kSarLanes> gain;
  std::array<int16_t, kSarLanes> left{}, right{};

  PostCoefficients() { gain.fill(kPostUnityGain); }
  // One of them by its number, as registers hold it.
  uint16_t Word(int kind, int lane) const;
  void SetWord(int kind, int lane, uint16_t word);
  friend bool operator==(const PostCoefficients&,
                         const PostCoefficients&) = default;
};

// The first half: y of each lane. `result` as SarRecord's. Sets the bits of
// lanes that saturate in `saturated`, and clears none.
void PostScale(const PostCoefficients& coefficients, const uint16_t* result,
               int16_t* y, uint64_t* saturated);

// The second half: values of y. `left` and `right` are y of the adjoining
// slices' nearest lanes, 0 at the ends of the array. `value` may be `y`.
void PostFinish(const PostCoefficients& coefficients, bool rails,
                const int16_t* y, int16_t left, int16_t right, int16_t* value,
                uint64_t* saturated);

}  // namespace triptych::rtl

#endif  // TRIPTYCH_RTL_OPT_POST_OPT_POST_MODEL_H_
