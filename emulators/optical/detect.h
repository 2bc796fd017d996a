// From sums of light to numbers, a row of outputs at a time, for every SIMD
// target: the same bits on all of them, for each step is rounded by itself.
//
// Arrays by output are whole noise blocks long (gaussian.h) but for those of
// Sums, which are somebody else's, and what is said to be `count` long.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_OPTICAL_DETECT_H_
#define TRIPTYCH_EMULATORS_OPTICAL_DETECT_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "emulators/optical/gaussian.h"

namespace triptych::optical {

// Sums of digits: a light level has one or two to the base 256 (light.h), and
// sums of each are exact; the first row is the higher digit. Row d is at
// sums + d * stride.
struct DigitSums {
  const int32_t* sums;
  size_t digits, stride;
};
// What they are worth: less correction[j], which is of the higher digit,
// times scale[j].
struct DigitValues {
  DigitSums sums;
  const int32_t* correction;
  const float* scale;
};
void SumDigits(const DigitValues& values, size_t count, float* y);
// y[j] = sums[j] * scale[j].
void ScaleSums(const float* sums, const float* scale, size_t count, float* y);

// What the noise of each output depends on, in units of its value squared.
struct NoiseColumns {
  const float *constant, *shot, *rin;
};
// And of each vector. Variance of output j:
//   constant[j] + (light + light_of[j]) * shot[j] + light2 * rin[j] + extra
struct NoiseOfVector {
  float light = 0, light2 = 0, extra = 0;
  const float* light_of = nullptr;  // by output; null: zero
};
// y[j] += sigma * g(key, first_block * kNoiseBlock + j).
void AddLightNoise(const NoiseKey& key, size_t first_block,
                   const NoiseColumns& columns, const NoiseOfVector& vector,
                   size_t count, float* y);

// A converter around a middle code: codes -2^(bits-1) .. 2^(bits-1) - 1 of
// full_scale / (2^(bits-1) - 1) each.
struct Scale {
  Scale(int bits, float full_scale_of)
      : middle(1 << (bits - 1)), full_scale(full_scale_of) {}
  int middle;
  float full_scale;
  float steps() const { return static_cast<float>(middle - 1); }
  // The same of codes with so many bits below their LSB.
  Scale WithFraction(int bits) const {
    Scale fine = *this;
    if (bits == 0) return fine;
    fine.middle = middle << bits;
    fine.full_scale *= fine.steps() / (steps() * static_cast<float>(1 << bits));
    return fine;
  }
};

// A row of somebody's matrix, which sums grow in: rows of a large one leave
// the cache between two visits, so the first addition finds nothing there and
// the last one leaves numbers.
struct Sums {
  float* out;
  bool first = false;  // of additions: out[j] is taken as zero
  // After the last one: out[j] = out[j] * (scale * row_scale[j]) + bias[j].
  const float* row_scale = nullptr;  // null: not the last
  float scale = 1;
  const float* bias = nullptr;  // null: zero
};

// Rounds y to the nearest code and adds sign * its value to `to`; `count`
// outputs. Returns how many ended at the first or the last code.
size_t RoundToCodes(const float* y, size_t count, const Scale& scale,
                    float sign, const Sums& to);

// SumDigits, AddLightNoise and RoundToCodes, or ToLevels, at one go: the same
// bits, and values stay in registers. Codes at either end are not counted.
struct NoisyRow {
  DigitValues value;
  const DigitValues* light_of;  // of vector.light_of; null: zero
  NoiseKey key;
  size_t first_block;
  NoiseColumns columns;
  NoiseOfVector vector;  // its light_of is not read
  size_t count;
};
void NoisyToCodes(const NoisyRow& row, const Scale& scale, float sign,
                  const Sums& to);
void NoisyToLevels(const NoisyRow& row, const Scale& scale, int32_t* levels);

// y as levels of a SAR converter, 1/256 LSB, `count` of them.
void ToLevels(const float* y, size_t count, const Scale& scale,
              int32_t* levels);
// Adds sign * what codes stand for to `to`, as RoundToCodes does.
void AddCodes(const uint16_t* codes, size_t count, const Scale& scale,
              float sign, const Sums& to);

// Adds sign * y[j] to `to`.
void AddValues(const float* y, size_t count, float sign, const Sums& to);
// Adds zeros to `to`.
void AddNothing(size_t count, const Sums& to);

}  // namespace triptych::optical

#endif  // TRIPTYCH_EMULATORS_OPTICAL_DETECT_H_
