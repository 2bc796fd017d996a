// The formats tensor cores multiply in, as roundings of f32.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_GPU_FORMATS_H_
#define TRIPTYCH_EMULATORS_GPU_FORMATS_H_

#include <cstddef>
#include <span>
#include <string_view>

#include "emulators/target.h"

namespace triptych::gpu {

// x[i] -> the nearest value of the format after scaling. `scale_max` is the
// largest magnitude of what shares one scale (a row of activations, a whole
// weight matrix); bf16 ignores it.
using RoundFn = void (*)(std::span<float> x, float scale_max);

struct Format {
  std::string_view name;
  double bits;  // scales included
  Rounding rounding;
  RoundFn round;
  bool scaled = true;  // round looks at scale_max
};

// bf16: 8-bit significand, no scale. fp8: e4m3, one f32 scale that takes the
// largest to 448. nvfp4: e2m1 in blocks of 16 with an e4m3 scale, under one
// f32 scale.
const Format& FormatOf(std::string_view name);

}  // namespace triptych::gpu

#endif  // TRIPTYCH_EMULATORS_GPU_FORMATS_H_
