// Rows of inputs to codes of one byte, for every SIMD target. A part of
// light.cc.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_OPTICAL_ENCODE_H_
#define TRIPTYCH_EMULATORS_OPTICAL_ENCODE_H_

#include <cstddef>
#include <cstdint>

namespace triptych::optical {

// The largest magnitude; numbers that are not finite count as they are.
float LargestOf(const float* x, size_t count);

// Sums over codes, counted from `middle`.
struct CodeSums {
  int64_t sum = 0, squares = 0;
};

// code = round(x * factor) + middle, at least 0 and at most 255.
CodeSums EncodeBytes(const float* x, size_t count, float factor, int middle,
                     uint8_t* codes);

}  // namespace triptych::optical

#endif  // TRIPTYCH_EMULATORS_OPTICAL_ENCODE_H_
