// SPDX-License-Identifier: Apache-2.0
#include "rtl/sar_adc/sar_adc_rtl.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "kernels/base/check.h"
#include "rtl/Vsar_adc_slice.h"
#include "rtl/sar_adc/sar_adc_array.h"

namespace triptych::rtl {

struct SarRtl::Impl {
  VerilatedContext context;
  Vsar_adc_slice slice{&context};
  int steps = 0;
  uint64_t cycles = 0;

  void Clock() {
    slice.clk_i = 1;
    slice.eval();
    slice.clk_i = 0;
    slice.eval();
    ++cycles;
  }
};

SarRtl::SarRtl(const SarSearch& search) : impl_(std::make_unique<Impl>()) {
  Vsar_adc_slice& slice = impl_->slice;
  impl_->steps = search.steps;
  slice.rst_ni = 0;
  impl_->Clock();
  slice.rst_ni = 1;
  slice.weight_we_i = 1;
  for (int k = 0; k < search.steps; ++k) {
    slice.weight_step_i = static_cast<uint8_t>(k);
    slice.weight_i = search.weight[k];
    impl_->Clock();
  }
  slice.weight_we_i = 0;
  slice.last_step_i = static_cast<uint8_t>(search.steps - 1);
  slice.max_code_i = search.max_code();
  impl_->cycles = 0;
}

SarRtl::~SarRtl() = default;

uint64_t SarRtl::cycles() const { return impl_->cycles; }

void SarRtl::Convert(const SarFrontEnd& front_end, const int32_t* level,
                     const int32_t* error, uint16_t* code) {
  Vsar_adc_slice& slice = impl_->slice;
  slice.start_i = 1;
  impl_->Clock();
  slice.start_i = 0;
  SarArray array(front_end, impl_->steps);
  for (int waited = 0; !slice.valid_o; ++waited) {
    TRIPTYCH_CHECK(waited <= impl_->steps, "cycles without an end", waited);
    array.Follow(&slice.switch_o[0]);
    slice.comparator_i = array.Compare(slice.step_o, level, error);
    impl_->Clock();
  }
  static_assert(sizeof slice.code_o == kSarLanes * sizeof *code);
  std::memcpy(code, &slice.code_o[0], sizeof slice.code_o);
}

void SarRtl::ConvertRow(const SarFrontEnd* front_ends, const int32_t* level,
                        size_t count, uint16_t* code) {
  std::array<int32_t, kSarLanes> levels{};
  std::array<uint16_t, kSarLanes> codes;
  for (size_t i = 0; i < count; i += kSarLanes) {
    const size_t lanes = std::min<size_t>(kSarLanes, count - i);
    std::copy_n(level + i, lanes, levels.begin());
    Convert(front_ends[i / kSarLanes], levels.data(), nullptr, codes.data());
    std::copy_n(codes.begin(), lanes, code + i);
  }
}

}  // namespace triptych::rtl
