// SPDX-License-Identifier: Apache-2.0
#include "emulators/optical/post.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "emulators/optical/transfer.h"
#include "kernels/base/units.h"

namespace triptych::optical {
namespace {

constexpr size_t kLanes = rtl::kSarLanes;
constexpr int kFraction = 1 << rtl::kSarWeightFracBits;

int16_t Tap(double leaked) {
  const double tap = std::rint(-leaked * (1 << rtl::kPostTapFracBits));
  return static_cast<int16_t>(std::clamp<double>(tap, INT16_MIN, INT16_MAX));
}

}  // namespace

PostCorrection::PostCorrection(const Params& p, const Tile& tile,
                               std::span<const float> gain)
    : max_code_((1 << p.adc_bits) - 1),
      slices_(CeilDiv(static_cast<size_t>(tile.n), kLanes)) {
  const double own = 1 - 2 * p.optics_neighbour_1 - 2 * p.optics_neighbour_2;
  const double leaked =
      p.post_correction == "crosstalk" ? p.optics_neighbour_1 / own : 0;
  const int middle = 1 << (p.adc_bits - 1);
  const std::vector<float> spread = ReceiverSpread(p, tile.col, tile.n);
  const std::vector<float> offsets = ReceiverOffsets(p, tile.col, tile.n);
  for (size_t j = 0; j < spread.size(); ++j) {
    rtl::PostCoefficients& slice = slices_[j / kLanes];
    const size_t lane = j % kLanes;
    const double offset = middle + double{offsets[j]} * (middle - 1);
    slice.offset[lane] =
        static_cast<int16_t>(std::lround(offset * kFraction) + kFraction / 2);
    slice.gain[lane] = static_cast<uint16_t>(
        std::clamp(std::rint(rtl::kPostUnityGain / (spread[j] * own)), 0.0,
                   double{UINT16_MAX}));
    // What a neighbour's code says of its light, by this receiver's gain.
    const auto seen = [&](bool there, size_t other) {
      const bool any = there && gain[other] > 0;
      return any ? Tap(leaked * gain[j] / gain[other]) : int16_t{0};
    };
    slice.left[lane] = seen(j > 0, j - 1);
    slice.right[lane] = seen(j + 1 < spread.size(), j + 1);
  }
}

void PostCorrection::Apply(size_t from, std::span<const uint16_t> codes,
                           std::span<int16_t> values) const {
  const size_t count = CeilDiv(codes.size(), kLanes);
  std::vector<std::array<int16_t, kLanes>> y(count);
  uint64_t saturated = 0;
  for (size_t s = 0; s < count; ++s) {
    const rtl::PostCoefficients& slice = slices_[from / kLanes + s];
    std::array<uint16_t, kLanes> result;
    for (size_t lane = 0; lane < kLanes; ++lane) {
      const size_t j = s * kLanes + lane;
      // As the slice's register: half an LSB above the code, but for the
      // largest. Lanes nobody reads are at zero light.
      result[lane] = j < codes.size()
                         ? static_cast<uint16_t>(
                               std::min(codes[j] * kFraction + kFraction / 2,
                                        max_code_ * kFraction))
                         : static_cast<uint16_t>(slice.offset[lane]);
    }
    rtl::PostScale(slice, result.data(), y[s].data(), &saturated);
  }
  for (size_t s = 0; s < count; ++s) {
    std::array<int16_t, kLanes> value;
    const int16_t left = s == 0 ? int16_t{0} : y[s - 1].back();
    const int16_t right = s + 1 == count ? int16_t{0} : y[s + 1].front();
    rtl::PostFinish(slices_[from / kLanes + s], /*rails=*/false, y[s].data(),
                    left, right, value.data(), &saturated);
    const size_t begin = s * kLanes;
    const size_t lanes = std::min(kLanes, values.size() - begin);
    std::copy_n(value.begin(), lanes, values.begin() + begin);
  }
}

}  // namespace triptych::optical
