// One slice's conversion for every SIMD target: a vector of lanes goes
// through the whole search in registers. (Steps outside, lanes inside, as the
// hardware has it, spills level and sum at each step and ran at half speed.)
// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include "rtl/sar_adc/sar_adc_model.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "rtl/sar_adc/sar_adc_convert.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace triptych::rtl::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Lanes = hn::CappedTag<int32_t, kSarLanes>;
using Vec = hn::Vec<Lanes>;

void OrMask(Lanes d, hn::Mask<Lanes> mask, int lane, uint64_t& bits) {
  uint64_t part = 0;
  uint8_t bytes[sizeof part] = {};
  hn::StoreMaskBits(d, mask, bytes);
  std::memcpy(&part, bytes, sizeof part);
  bits |= part << lane;
}

// What `count` looks at a vector of comparators from `lane` on decide.
// `error` is at the first look's row; kRecord: notes who did not resolve.
template <bool kRecord>
hn::Mask<Lanes> Decide(Lanes d, Vec input, Vec trial, const int32_t* error,
                       int count, int lane, int32_t metastable_below,
                       SarRecord* record) {
  hn::Mask<Lanes> look[kSarVotes];
  for (int i = 0; i < count; ++i) {
    auto seen = input;
    if (error != nullptr) {
      seen = hn::Add(seen, hn::LoadU(d, error + i * kSarLanes));
    }
    look[i] = hn::Ge(seen, trial);
    if (kRecord && metastable_below > 0) {
      const auto away = hn::Abs(hn::Sub(seen, trial));
      OrMask(d, hn::Lt(away, hn::Set(d, metastable_below)), lane,
             record->metastable);
    }
  }
  if (count == 1) return look[0];
  static_assert(kSarVotes == 3);
  return hn::Or(hn::And(look[0], look[1]),
                hn::And(look[2], hn::Or(look[0], look[1])));
}

template <bool kRecord>
HWY_INLINE void ConvertLanes(const SarSearch& search,
                             const SarFrontEnd& front_end,
                             const int32_t* HWY_RESTRICT level,
                             const int32_t* HWY_RESTRICT error,
                             uint16_t* HWY_RESTRICT code, SarRecord* record) {
  const Lanes d;
  const hn::Rebind<uint16_t, decltype(d)> d16;
  const int lanes = static_cast<int>(hn::Lanes(d));
  const int limit = search.max_code() << kSarWeightFracBits;

  for (int lane = 0; lane < kSarLanes; lane += lanes) {
    const auto input = hn::LoadU(d, level + lane);
    auto kept = hn::Zero(d);
    // Half an LSB, so that dropping the fraction rounds.
    auto sum = hn::Set(d, 1 << (kSarWeightFracBits - 1));
    const int32_t* row = error == nullptr ? nullptr : error + lane;
    for (int k = 0; k < search.steps; ++k) {
      const auto capacitor = hn::LoadU(d, front_end.capacitor[k].data() + lane);
      const auto trial =
          hn::Add(hn::Add(kept, capacitor), hn::Set(d, front_end.bias[k]));
      // Looks without errors of their own all see the same.
      const bool voted = error != nullptr && k >= search.vote_from;
      const int looks = voted ? kSarVotes : 1;
      const auto keep = Decide<kRecord>(d, input, trial, row, looks, lane,
                                        front_end.metastable_below, record);
      if (row != nullptr) row += looks * kSarLanes;
      kept = hn::Add(kept, hn::IfThenElseZero(keep, capacitor));
      const auto weight = hn::Set(d, search.weight[k]);
      sum = hn::Add(sum, hn::IfThenElseZero(keep, weight));
      if (kRecord) OrMask(d, keep, lane, record->kept[k]);
    }
    sum = hn::Min(sum, hn::Set(d, limit));
    if (!kRecord) sum = hn::ShiftRight<kSarWeightFracBits>(sum);
    hn::StoreU(hn::DemoteTo(d16, sum), d16, code + lane);
  }
}

// One of the vectors that go through a search side by side.
struct Searching {
  Vec rest;  // input less what was kept
  Vec sum;
};

// The same without errors, flags or record. What a conversion waits for is
// its own last comparison: four vectors at once take half as long as one after
// the other. (Zen 5)
HWY_INLINE void ConvertPlain(const SarSearch& search,
                             const SarFrontEnd& front_end,
                             const int32_t* HWY_RESTRICT level,
                             uint16_t* HWY_RESTRICT code) {
  // Four vectors a turn make up no more than a slice.
  const hn::CappedTag<int32_t, kSarLanes / 4> d;
  const hn::Rebind<uint16_t, decltype(d)> d16;
  const int lanes = static_cast<int>(hn::Lanes(d));
  const auto limit = hn::Set(d, search.max_code() << kSarWeightFracBits);
  const auto half = hn::Set(d, 1 << (kSarWeightFracBits - 1));
  for (int lane = 0; lane < kSarLanes; lane += 4 * lanes) {
    const auto begin = [&](int i) HWY_ATTR {
      return Searching{hn::LoadU(d, level + lane + i * lanes), half};
    };
    Searching s0 = begin(0), s1 = begin(1), s2 = begin(2), s3 = begin(3);
    for (int k = 0; k < search.steps; ++k) {
      const int32_t* capacitors = front_end.capacitor[k].data() + lane;
      const auto bias = hn::Set(d, front_end.bias[k]);
      const auto weight = hn::Set(d, search.weight[k]);
      const auto step = [&](Searching& s, int i) HWY_ATTR {
        const auto left = hn::Sub(s.rest, hn::LoadU(d, capacitors + i * lanes));
        const auto keep = hn::Ge(left, bias);
        s.rest = hn::IfThenElse(keep, left, s.rest);
        s.sum = hn::MaskedAddOr(s.sum, keep, s.sum, weight);
      };
      step(s0, 0);
      step(s1, 1);
      step(s2, 2);
      step(s3, 3);
    }
    const auto end = [&](const Searching& s, int i) HWY_ATTR {
      auto sum = hn::ShiftRight<kSarWeightFracBits>(hn::Min(s.sum, limit));
      hn::StoreU(hn::DemoteTo(d16, sum), d16, code + lane + i * lanes);
    };
    end(s0, 0);
    end(s1, 1);
    end(s2, 2);
    end(s3, 3);
  }
}

void Convert(const SarSearch& search, const SarFrontEnd& front_end,
             const int32_t* HWY_RESTRICT level,
             const int32_t* HWY_RESTRICT error, uint16_t* HWY_RESTRICT code) {
  if (error == nullptr) {
    ConvertPlain(search, front_end, level, code);
  } else {
    ConvertLanes<false>(search, front_end, level, error, code, nullptr);
  }
}

void ConvertRecord(const SarSearch& search, const SarFrontEnd& front_end,
                   const int32_t* HWY_RESTRICT level,
                   const int32_t* HWY_RESTRICT error, SarRecord* record) {
  ConvertLanes<true>(search, front_end, level, error, record->result.data(),
                     record);
}

}  // namespace triptych::rtl::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace triptych::rtl {

HWY_EXPORT(Convert);
HWY_EXPORT(ConvertRecord);

void SarConvert(const SarSearch& search, const SarFrontEnd& front_end,
                const int32_t* level, const int32_t* error, uint16_t* code) {
  HWY_DYNAMIC_DISPATCH(Convert)(search, front_end, level, error, code);
}

void SarConvert(const SarSearch& search, const SarFrontEnd& front_end,
                const int32_t* level, const int32_t* error, SarRecord* record) {
  *record = {};
  HWY_DYNAMIC_DISPATCH(ConvertRecord)(search, front_end, level, error, record);
}

}  // namespace triptych::rtl
#endif
