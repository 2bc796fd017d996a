// SPDX-License-Identifier: Apache-2.0
#include "emulators/optical/hil/chip.h"

#include "kernels/base/units.h"

namespace triptych::optical {
namespace {

// Mismatch has seeds of its own.
constexpr uint64_t kDacSeed = 0xDAC, kAdcSeed = 0xADC;

}  // namespace

// No bits: inputs, or outputs, are not rounded, and there is no converter.
Chip::Chip(const BoundarySettings& settings) {
  if (settings.dac_bits > 0) {
    const uint32_t lanes = RoundUp(settings.sources, uint32_t{rtl::kDacLanes});
    for (uint32_t i = 0; i < lanes; ++i) {
      dac.emplace_back(settings.dac_unit_sigma, kDacSeed, i);
      if (settings.correct) knots.push_back(rtl::MeasureKnots(dac.back()));
    }
  }
  if (settings.adc_bits > 0) {
    search = rtl::MakeSarSearch(settings.adc_bits);
    const uint32_t slices =
        CeilDiv(settings.receivers, uint32_t{rtl::kSarLanes});
    for (uint32_t i = 0; i < slices; ++i) {
      adc.push_back(rtl::MismatchedFrontEnd(search, settings.adc_unit_sigma,
                                            kAdcSeed, i));
    }
  }
}

}  // namespace triptych::optical
