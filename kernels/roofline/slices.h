// What roofline.cc times: per-target loops (slices.cc).
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_ROOFLINE_SLICES_H_
#define TRIPTYCH_KERNELS_ROOFLINE_SLICES_H_

#include <cstddef>
#include <cstdint>

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

// The sum of words[0, count), modulo 2^32. count is a multiple of 1024.
using ReadFunction = uint32_t (*)(const uint32_t* words, size_t count);
ReadFunction Read();

}  // namespace triptych::roofline

#endif  // TRIPTYCH_KERNELS_ROOFLINE_SLICES_H_
