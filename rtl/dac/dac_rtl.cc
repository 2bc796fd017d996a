// SPDX-License-Identifier: Apache-2.0
#include "rtl/dac/dac_rtl.h"

#include <cstring>

#include "kernels/base/check.h"
#include "rtl/Vdac_slice.h"

namespace triptych::rtl {

struct DacRtl::Impl {
  VerilatedContext context;
  Vdac_slice slice{&context};
  uint64_t cycles = 0;

  void Clock() {
    slice.clk_i = 1;
    slice.eval();
    slice.clk_i = 0;
    slice.eval();
    ++cycles;
  }
};

DacRtl::DacRtl(bool rotate) : impl_(std::make_unique<Impl>()) {
  impl_->slice.rst_ni = 0;
  impl_->Clock();
  impl_->slice.rst_ni = 1;
  impl_->slice.rotate_i = rotate;
  impl_->cycles = 0;
}

DacRtl::~DacRtl() = default;

uint64_t DacRtl::cycles() const { return impl_->cycles; }

void DacRtl::Convert(const uint16_t* code, DacSwitches* switches) {
  Vdac_slice& slice = impl_->slice;
  static_assert(sizeof slice.code_i == kDacLanes * sizeof *code);
  std::memcpy(&slice.code_i[0], code, sizeof slice.code_i);
  slice.valid_i = 1;
  impl_->Clock();
  slice.valid_i = 0;
  TRIPTYCH_CHECK(slice.valid_o, "cycle", impl_->cycles);
  for (int lane = 0; lane < kDacLanes; ++lane) {
    const uint32_t binary = slice.binary_o[lane / 2] >> 16 * (lane % 2);
    switches[lane] = {slice.unary_o[lane], static_cast<uint16_t>(binary)};
  }
}

}  // namespace triptych::rtl
