// Rows of inputs to codes, and levels to bytes, for every SIMD target: the
// same bits on all of them. A part of light.cc.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_OPTICAL_ENCODE_H_
#define TRIPTYCH_EMULATORS_OPTICAL_ENCODE_H_

#include <cstddef>
#include <cstdint>

namespace triptych::optical {

// The largest magnitude; numbers that are not finite count as they are.
float LargestOf(const float* x, size_t count);

// Sums over codes, counted from that of input 0.
struct CodeSums {
  int64_t sum = 0, squares = 0;
};

// code = round(x * factor) + middle, at least 0 and at most 255.
CodeSums EncodeBytes(const float* x, size_t count, float factor, int middle,
                     uint8_t* codes);
// The same in 0 .. `top`, for converters.
void RoundToDacCodes(const float* x, size_t count, float factor, int middle,
                     int top, uint16_t* codes);

// whole = round(level * scale), at least 0 and at most what the digits hold:
// `high` the higher byte and `low` the lower or, where `low` is null, `high`
// all of it. Sums are over whole - zero.
CodeSums LevelsToDigits(const float* levels, size_t count, float scale,
                        int32_t zero, uint8_t* high, uint8_t* low);

}  // namespace triptych::optical

#endif  // TRIPTYCH_EMULATORS_OPTICAL_ENCODE_H_
