// SPDX-License-Identifier: Apache-2.0
#include "rtl/sar_adc/sar_adc_rtl.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "kernels/base/check.h"
#include "rtl/Vsar_adc_slice.h"
#include "rtl/clocked.h"
#include "rtl/sar_adc/sar_adc_array.h"

namespace triptych::rtl {

struct SarRtl::Impl : Clocked<Vsar_adc_slice> {
  SarSearch search;

  // Converts; the result is in the slice's registers.
  void Run(const SarFrontEnd& front_end, const int32_t* level,
           const int32_t* error) {
    module.start_i = 1;
    Clock();
    module.start_i = 0;
    SarArray array(front_end, search.steps);
    for (int look = 0; !module.valid_o; ++look) {
      TRIPTYCH_CHECK(look <= search.looks(), "cycles without an end", look);
      array.Follow(&module.switch_o[0]);
      // The last cycle rounds: nobody looks at the comparators.
      const bool seen = error != nullptr && look < search.looks();
      const auto [comparator, unresolved] = array.Compare(
          module.step_o, level, seen ? error + look * kSarLanes : nullptr);
      module.comparator_i = comparator;
      module.unresolved_i = unresolved;
      Clock();
    }
  }
  // Lane l's word of result_o, 1/16 LSB.
  uint32_t Result(int lane) const {
    return module.result_o[lane / 2] >> 16 * (lane % 2) & 0xFFFF;
  }
};

SarRtl::SarRtl(const SarSearch& search) : impl_(std::make_unique<Impl>()) {
  Vsar_adc_slice& slice = impl_->module;
  impl_->search = search;
  impl_->Reset();
  slice.weight_we_i = 1;
  for (int k = 0; k < search.steps; ++k) {
    slice.weight_step_i = static_cast<uint8_t>(k);
    slice.weight_i = search.weight[k];
    impl_->Clock();
  }
  slice.weight_we_i = 0;
  slice.last_step_i = static_cast<uint8_t>(search.steps - 1);
  slice.vote_from_i = static_cast<uint8_t>(search.vote_from);
  slice.max_code_i = search.max_code();
  impl_->cycles = 0;
}

SarRtl::~SarRtl() = default;

uint64_t SarRtl::cycles() const { return impl_->cycles; }

void SarRtl::Convert(const SarFrontEnd& front_end, const int32_t* level,
                     const int32_t* error, uint16_t* code) {
  impl_->Run(front_end, level, error);
  for (int lane = 0; lane < kSarLanes; ++lane) {
    code[lane] =
        static_cast<uint16_t>(impl_->Result(lane) >> kSarWeightFracBits);
  }
}

void SarRtl::Convert(const SarFrontEnd& front_end, const int32_t* level,
                     const int32_t* error, SarRecord* record) {
  impl_->Run(front_end, level, error);
  for (int lane = 0; lane < kSarLanes; ++lane) {
    record->result[lane] = static_cast<uint16_t>(impl_->Result(lane));
  }
  static_assert(sizeof impl_->module.switch_o == sizeof record->kept);
  std::memcpy(record->kept.data(), &impl_->module.switch_o[0],
              sizeof record->kept);
  record->metastable = impl_->module.metastable_o;
}

SarCounters SarRtl::Counters() {
  Vsar_adc_slice& slice = impl_->module;
  SarCounters counters;
  for (size_t event = 0; event < counters.count.size(); ++event) {
    slice.snap_i = 1;
    slice.snap_event_i = static_cast<uint8_t>(event);
    impl_->Clock();
    slice.snap_i = 0;
    slice.shift_i = 1;
    for (uint16_t& count : counters.count[event]) {
      count = slice.count_o;
      impl_->Clock();
    }
    slice.shift_i = 0;
  }
  return counters;
}

void SarRtl::ClearCounters() {
  impl_->module.clear_i = 1;
  impl_->Clock();
  impl_->module.clear_i = 0;
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
