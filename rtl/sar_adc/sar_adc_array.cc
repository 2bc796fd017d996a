// For every SIMD target: with scalar loops here, the array took longer than
// the Verilated slice it is wired to.
// SPDX-License-Identifier: Apache-2.0
#include "rtl/sar_adc/sar_adc_array.h"

#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "rtl/sar_adc/sar_adc_array.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace triptych::rtl::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Lanes = hn::CappedTag<int32_t, kSarLanes>;

// The mask of the lanes from `lane` on.
hn::Mask<Lanes> MaskOf(Lanes d, uint64_t bits, int lane) {
  const uint64_t shifted = bits >> lane;
  uint8_t bytes[sizeof shifted];
  std::memcpy(bytes, &shifted, sizeof shifted);
  return hn::LoadMaskBits(d, bytes);
}

// kept += capacitor where `on`, kept -= capacitor where `off`.
void Move(const int32_t* HWY_RESTRICT capacitor, uint64_t on, uint64_t off,
          int32_t* HWY_RESTRICT kept) {
  const Lanes d;
  for (int lane = 0; lane < kSarLanes; lane += hn::Lanes(d)) {
    const auto c = hn::LoadU(d, capacitor + lane);
    const auto up = hn::IfThenElseZero(MaskOf(d, on, lane), c);
    const auto down = hn::IfThenElseZero(MaskOf(d, off, lane), c);
    const auto old = hn::LoadU(d, kept + lane);
    hn::StoreU(hn::Sub(hn::Add(old, up), down), d, kept + lane);
  }
}

uint64_t Pack(Lanes d, hn::Mask<Lanes> mask, int lane) {
  uint64_t part = 0;
  uint8_t bytes[sizeof part] = {};
  hn::StoreMaskBits(d, mask, bytes);
  std::memcpy(&part, bytes, sizeof part);
  return part << lane;
}

void Compare(const int32_t* HWY_RESTRICT level,
             const int32_t* HWY_RESTRICT error,
             const int32_t* HWY_RESTRICT kept,
             const int32_t* HWY_RESTRICT capacitor, int32_t bias,
             int32_t metastable_below, SarArray::Look* look) {
  const Lanes d;
  for (int lane = 0; lane < kSarLanes; lane += hn::Lanes(d)) {
    auto seen = hn::LoadU(d, level + lane);
    if (error != nullptr) seen = hn::Add(seen, hn::LoadU(d, error + lane));
    const auto trial = hn::Add(
        hn::Add(hn::LoadU(d, kept + lane), hn::LoadU(d, capacitor + lane)),
        hn::Set(d, bias));
    look->comparator |= Pack(d, hn::Ge(seen, trial), lane);
    if (metastable_below > 0) {
      const auto away = hn::Abs(hn::Sub(seen, trial));
      const auto close = hn::Lt(away, hn::Set(d, metastable_below));
      look->unresolved |= Pack(d, close, lane);
    }
  }
}

}  // namespace triptych::rtl::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace triptych::rtl {

HWY_EXPORT(Move);
HWY_EXPORT(Compare);

void SarArray::Follow(const uint32_t* switches) {
  for (int k = 0; k < steps_; ++k) {
    const uint64_t now = switches[2 * k] | uint64_t{switches[2 * k + 1]} << 32;
    const uint64_t before = switched_[k];
    if (now == before) continue;
    HWY_DYNAMIC_DISPATCH(Move)
    (front_end_.capacitor[k].data(), now & ~before, before & ~now,
     kept_.data());
    switched_[k] = now;
  }
}

SarArray::Look SarArray::Compare(int step, const int32_t* level,
                                 const int32_t* error) const {
  Look look;
  HWY_DYNAMIC_DISPATCH(Compare)
  (level, error, kept_.data(), front_end_.capacitor[step].data(),
   front_end_.bias[step], front_end_.metastable_below, &look);
  return look;
}

}  // namespace triptych::rtl
#endif
