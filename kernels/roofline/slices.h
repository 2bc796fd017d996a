// What roofline.cc times: per-target loops (slices.cc).
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_ROOFLINE_SLICES_H_
#define TRIPTYCH_KERNELS_ROOFLINE_SLICES_H_

#include <cstddef>
#include <cstdint>

#include "kernels/roofline/roofline.h"

namespace triptych::roofline {

struct Spun {
  uint64_t flops;
  bool right;  // the sums are what they must be
};

// `steps` multiply-adds of ones on each of the independent chains.
using SpinFunction = Spun (*)(size_t steps);
SpinFunction SpinF32();
SpinFunction SpinBf16();
SpinFunction SpinI8();

// Steps of a stream: each reads mix.reads * kStepWords words at `from` and
// writes mix.writes * kStepWords words at `to`, and the next one goes on behind
// them. What is written is words that were read. Returns the sum of those that
// were read, modulo 2^32.
inline constexpr size_t kStepWords = 64;
using StreamFunction = uint32_t (*)(const uint32_t* from, uint32_t* to,
                                    size_t steps);
StreamFunction StreamOf(StreamMix mix);

}  // namespace triptych::roofline

#endif  // TRIPTYCH_KERNELS_ROOFLINE_SLICES_H_
