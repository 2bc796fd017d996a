// SPDX-License-Identifier: Apache-2.0
#include "emulators/gpu/formats.h"

#include <algorithm>
#include <cmath>

#include "kernels/base/formats.h"

namespace triptych::gpu {
namespace {

constexpr float kMaxE4m3 = 448;
constexpr float kMaxE2m1 = 6;
constexpr size_t kFp4Block = 16;

// Values of e2m1 are 0, 0.5, 1, 1.5, 2, 3, 4, 6: steps of 0.5 up to 2, of 1
// up to 4, of 2 up to 6. Ties to even by nearbyint. NaN stays NaN.
float RoundToE2m1(float x) {
  const float size = std::abs(x);
  const float step = size < 2 ? 0.5f : size < 4 ? 1.0f : 2.0f;
  const float rounded = std::nearbyint(size / step) * step;
  // min(rounded, 6) with NaN passed on.
  return std::copysign(rounded > kMaxE2m1 ? kMaxE2m1 : rounded, x);
}

void RoundBf16(std::span<float> x, float) {
  for (float& v : x) v = RoundToBf16(v);
}

void RoundFp8(std::span<float> x, float scale_max) {
  if (scale_max == 0) return;
  const float scale = scale_max / kMaxE4m3;
  for (float& v : x) v = RoundToFp8E4m3(v / scale) * scale;
}

void RoundNvfp4(std::span<float> x, float scale_max) {
  if (scale_max == 0) return;
  // Takes the largest block scale, scale_max / 6, to the largest e4m3.
  const float outer = scale_max / (kMaxE2m1 * kMaxE4m3);
  for (size_t first = 0; first < x.size(); first += kFp4Block) {
    const auto block = x.subspan(first, std::min(kFp4Block, x.size() - first));
    const float inner = RoundToFp8E4m3(AbsMax(block) / (kMaxE2m1 * outer));
    const float scale = inner * outer;
    for (float& v : block) v = scale == 0 ? 0 : RoundToE2m1(v / scale) * scale;
  }
}

// Errors: half a unit in the last place of the element; e4m3 also half of its
// smallest step, 2^-10, where the largest is 448. e2m1: half its widest step,
// 1 of 6, under a block scale that was itself rounded by up to 2^-4.
constexpr Format kFormats[] = {
    {"bf16", 16, {.of_itself = 0x1p-8}, RoundBf16, false},
    {"fp8", 8, {.of_itself = 0x1p-4, .of_max = 0x1p-10 / 448}, RoundFp8},
    {"nvfp4", 4.5, {.of_max = (1 + 0x1p-4) / 6}, RoundNvfp4},
};

}  // namespace

const Format& FormatOf(std::string_view name) {
  return *std::ranges::find(kFormats, name, &Format::name);
}

}  // namespace triptych::gpu
