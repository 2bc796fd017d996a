// SPDX-License-Identifier: Apache-2.0
#include "emulators/optical/periphery.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "kernels/base/check.h"
#include "kernels/base/units.h"

namespace triptych::optical {
namespace {

// The chip is one particular chip, whatever the noise in it: mismatch has
// seeds of its own.
constexpr uint64_t kDacSeed = 0xDAC, kAdcSeed = 0xADC;

}  // namespace

Converters::Converters(const Params& params)
    : dac_bits(static_cast<int>(params.dac_bits)),
      adc_bits(static_cast<int>(params.adc_bits)),
      dac_exact(params.dac_unit_sigma == 0),
      dem(params.dac_rotate ? rtl::Dem::kRotate : rtl::Dem::kOff),
      rtl(params.rtl()) {
  if (dac_bits > 0) {
    for (int64_t i = 0; i < RoundUp(params.plane_rows, int64_t{64}); ++i) {
      dac.emplace_back(params.dac_unit_sigma, kDacSeed,
                       static_cast<uint64_t>(i));
    }
  }
  if (adc_bits > 0) {
    search = rtl::MakeSarSearch(adc_bits);
    const int64_t slices = CeilDiv(params.plane_cols, int64_t{rtl::kSarLanes});
    for (int64_t i = 0; i < slices; ++i) {
      adc.push_back(rtl::MismatchedFrontEnd(
          search, params.adc_unit_sigma, kAdcSeed, static_cast<uint64_t>(i)));
    }
  }
}

Dacs::Dacs(const Converters& converters, int64_t first, int64_t count)
    : converters_(converters), first_(first) {
  TRIPTYCH_CHECK(first % rtl::kDacLanes == 0, "first", first);
  if (!converters.rtl) {
    for (int64_t i = 0; i < count; ++i) {
      lanes_.emplace_back(static_cast<int>(i % rtl::kDacLanes));
    }
    return;
  }
  for (int64_t i = 0; i < count; i += rtl::kDacLanes) {
    slices_.push_back(std::make_unique<rtl::DacRtl>(converters.dem));
  }
}

void Dacs::Convert(std::span<const uint16_t> codes, std::span<float> levels) {
  if (converters_.rtl) return ConvertRtl(codes, levels);
  if (converters_.dac_exact) {
    std::copy(codes.begin(), codes.end(), levels.begin());
    return;
  }
  const int shift = rtl::kDacBits - converters_.dac_bits;
  const float lsb = 1.0f / static_cast<float>(rtl::kDacLevelsPerLsb << shift);
  for (size_t i = 0; i < codes.size(); ++i) {
    const rtl::DacElements& elements =
        converters_.dac[static_cast<size_t>(first_) + i];
    const auto code = static_cast<uint16_t>(codes[i] << shift);
    const int32_t level = elements.Level(code, converters_.dem, lanes_[i]);
    levels[i] = static_cast<float>(level) * lsb;
  }
}

void Dacs::ConvertRtl(std::span<const uint16_t> codes,
                      std::span<float> levels) {
  const int shift = rtl::kDacBits - converters_.dac_bits;
  const float lsb = 1.0f / static_cast<float>(rtl::kDacLevelsPerLsb << shift);
  for (size_t slice = 0; slice < slices_.size(); ++slice) {
    const size_t begin = slice * rtl::kDacLanes;
    const size_t end = std::min<size_t>(begin + rtl::kDacLanes, codes.size());
    std::array<uint16_t, rtl::kDacLanes> lane_codes{};
    for (size_t i = begin; i < end; ++i) {
      lane_codes[i - begin] = static_cast<uint16_t>(codes[i] << shift);
    }
    std::array<rtl::DacSwitches, rtl::kDacLanes> switches;
    slices_[slice]->Convert(lane_codes.data(), switches.data());
    for (size_t i = begin; i < end; ++i) {
      const rtl::DacElements& elements =
          converters_.dac[static_cast<size_t>(first_) + i];
      levels[i] = static_cast<float>(elements.Level(switches[i - begin])) * lsb;
    }
  }
}

Adcs::Adcs(const Converters& converters) : converters_(converters) {
  if (converters.rtl && converters.adc_bits > 0) {
    rtl_ = std::make_unique<rtl::SarRtl>(converters.search);
  }
}

void Adcs::Convert(int64_t first, std::span<const int32_t> levels,
                   std::span<uint16_t> codes) {
  TRIPTYCH_DCHECK(first % rtl::kSarLanes == 0, "first", first);
  const rtl::SarFrontEnd* front_ends =
      converters_.adc.data() + first / rtl::kSarLanes;
  if (rtl_ != nullptr) {
    rtl_->ConvertRow(front_ends, levels.data(), levels.size(), codes.data());
  } else {
    rtl::SarConvertRow(converters_.search, front_ends, levels.data(),
                       levels.size(), codes.data());
  }
}

}  // namespace triptych::optical
