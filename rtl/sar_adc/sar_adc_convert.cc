// One slice's conversion for every SIMD target: a vector of lanes goes
// through the whole search in registers. (Steps outside, lanes inside, as the
// hardware has it, spills level and sum at each step and ran at half speed.)
// SPDX-License-Identifier: Apache-2.0
#include "rtl/sar_adc/sar_adc_model.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "rtl/sar_adc/sar_adc_convert.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace triptych::rtl::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void Convert(const SarSearch& search, const SarFrontEnd& front_end,
             const int32_t* HWY_RESTRICT level,
             const int32_t* HWY_RESTRICT error, uint16_t* HWY_RESTRICT code) {
  const hn::CappedTag<int32_t, kSarLanes> d;
  const hn::Rebind<uint16_t, decltype(d)> d16;
  const int lanes = static_cast<int>(hn::Lanes(d));
  const auto max_code = hn::Set(d, search.max_code());

  for (int lane = 0; lane < kSarLanes; lane += lanes) {
    const auto input = hn::LoadU(d, level + lane);
    auto kept = hn::Zero(d);
    // Half an LSB, so that dropping the fraction rounds.
    auto sum = hn::Set(d, 1 << (kSarWeightFracBits - 1));
    for (int k = 0; k < search.steps; ++k) {
      const auto capacitor = hn::LoadU(d, front_end.capacitor[k].data() + lane);
      const auto trial =
          hn::Add(hn::Add(kept, capacitor), hn::Set(d, front_end.bias[k]));
      auto seen = input;
      if (error != nullptr) {
        seen = hn::Add(seen, hn::LoadU(d, error + k * kSarLanes + lane));
      }
      const auto keep = hn::Ge(seen, trial);
      kept = hn::Add(kept, hn::IfThenElseZero(keep, capacitor));
      const auto weight = hn::Set(d, search.weight[k]);
      sum = hn::Add(sum, hn::IfThenElseZero(keep, weight));
    }
    const auto whole = hn::ShiftRight<kSarWeightFracBits>(sum);
    hn::StoreU(hn::DemoteTo(d16, hn::Min(whole, max_code)), d16, code + lane);
  }
}

}  // namespace triptych::rtl::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace triptych::rtl {

HWY_EXPORT(Convert);

void SarConvert(const SarSearch& search, const SarFrontEnd& front_end,
                const int32_t* level, const int32_t* error, uint16_t* code) {
  HWY_DYNAMIC_DISPATCH(Convert)(search, front_end, level, error, code);
}

}  // namespace triptych::rtl
#endif
