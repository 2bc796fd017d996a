// SPDX-License-Identifier: Apache-2.0
#include "rtl/dac/dac_rtl.h"

#include <cstring>

#include "kernels/base/check.h"
#include "rtl/Vdac_slice.h"
#include "rtl/clocked.h"

namespace triptych::rtl {

struct DacRtl::Impl : Clocked<Vdac_slice> {};

DacRtl::DacRtl(Dem dem) : impl_(std::make_unique<Impl>()) {
  impl_->module.dem_i = static_cast<uint8_t>(dem);
  impl_->Reset();
}

DacRtl::~DacRtl() = default;

uint64_t DacRtl::cycles() const { return impl_->cycles; }

void DacRtl::SetKnots(int lane, const DacKnots& knots) {
  Vdac_slice& slice = impl_->module;
  slice.knot_we_i = 1;
  slice.knot_lane_i = static_cast<uint8_t>(lane);
  for (int k = 0; k < kDacKnots; ++k) {
    slice.knot_index_i = static_cast<uint8_t>(k);
    slice.knot_i = static_cast<uint8_t>(knots[k]);
    impl_->Clock();
  }
  slice.knot_we_i = 0;
}

void DacRtl::Convert(const uint16_t* code, DacSwitches* switches) {
  Vdac_slice& slice = impl_->module;
  static_assert(sizeof slice.code_i == kDacLanes * sizeof *code);
  std::memcpy(&slice.code_i[0], code, sizeof slice.code_i);
  slice.valid_i = 1;
  impl_->Clock();
  slice.valid_i = 0;
  impl_->Clock();
  TRIPTYCH_CHECK(slice.valid_o, "cycle", impl_->cycles);
  for (int lane = 0; lane < kDacLanes; ++lane) {
    const uint32_t binary = slice.binary_o[lane / 2] >> 16 * (lane % 2);
    switches[lane] = {slice.unary_o[lane], static_cast<uint16_t>(binary)};
  }
}

}  // namespace triptych::rtl
