// SPDX-License-Identifier: Apache-2.0
#include "rtl/opt_post/opt_post_model.h"

#include <algorithm>

#include "kernels/base/check.h"

namespace triptych::rtl {
namespace {

int16_t Clip(int64_t value, int lane, uint64_t* saturated) {
  const int64_t clipped = std::clamp<int64_t>(value, INT16_MIN, INT16_MAX);
  *saturated |= uint64_t{clipped != value} << lane;
  return static_cast<int16_t>(clipped);
}

}  // namespace

uint16_t PostCoefficients::Word(int kind, int lane) const {
  switch (kind) {
    case kPostCoefficientOffset:
      return static_cast<uint16_t>(offset[lane]);
    case kPostCoefficientGain:
      return gain[lane];
    case kPostCoefficientLeft:
      return static_cast<uint16_t>(left[lane]);
    default:
      TRIPTYCH_CHECK(kind == kPostCoefficientRight, "kind", kind);
      return static_cast<uint16_t>(right[lane]);
  }
}

void PostCoefficients::SetWord(int kind, int lane, uint16_t word) {
  switch (kind) {
    case kPostCoefficientOffset:
      offset[lane] = static_cast<int16_t>(word);
      return;
    case kPostCoefficientGain:
      gain[lane] = word;
      return;
    case kPostCoefficientLeft:
      left[lane] = static_cast<int16_t>(word);
      return;
    default:
      TRIPTYCH_CHECK(kind == kPostCoefficientRight, "kind", kind);
      right[lane] = static_cast<int16_t>(word);
  }
}

void PostScale(const PostCoefficients& coefficients, const uint16_t* result,
               int16_t* y, uint64_t* saturated) {
  constexpr int64_t kHalf = 1 << (kPostGainFracBits - 1);
  for (int lane = 0; lane < kSarLanes; ++lane) {
    const int64_t product = int64_t{result[lane] - coefficients.offset[lane]} *
                            coefficients.gain[lane];
    y[lane] = Clip((product + kHalf) >> kPostGainFracBits, lane, saturated);
  }
}

void PostFinish(const PostCoefficients& coefficients, bool rails,
                const int16_t* y, int16_t left, int16_t right, int16_t* value,
                uint64_t* saturated) {
  constexpr int64_t kHalf = 1 << (kPostTapFracBits - 1);
  std::array<int16_t, kSarLanes> z;
  for (int lane = 0; lane < kSarLanes; ++lane) {
    const int64_t below = lane == 0 ? left : y[lane - 1];
    const int64_t above = lane + 1 == kSarLanes ? right : y[lane + 1];
    const int64_t leaked = coefficients.left[lane] * below +
                           coefficients.right[lane] * above + kHalf;
    z[lane] = Clip(y[lane] + (leaked >> kPostTapFracBits), lane, saturated);
  }
  for (int lane = 0; lane < kSarLanes; ++lane) {
    if (!rails) {
      value[lane] = z[lane];
    } else if (lane % 2 == 0) {
      value[lane] = Clip(z[lane] - z[lane + 1], lane, saturated);
    } else {
      value[lane] = 0;
    }
  }
}

}  // namespace triptych::rtl
