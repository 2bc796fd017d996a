// SPDX-License-Identifier: Apache-2.0
#include "emulators/optical/detect.h"

#include "kernels/matmul/targets.h"
#include "rtl/rtl_constants.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "emulators/optical/detect.cc"
// The loop over targets comes first.
// clang-format off
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "emulators/optical/gaussian-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace triptych::optical {
namespace HWY_NAMESPACE {

// The value of outputs j to j + kWidth.
HWY_INLINE VF ValueOf(const DigitValues& v, size_t j) {
  const DF d;
  const DI di;
  auto sum = hn::ConvertTo(d, hn::Sub(hn::LoadU(di, v.sums.sums + j),
                                      hn::LoadU(di, v.correction + j)));
  for (size_t digit = 1; digit < v.sums.digits; ++digit) {
    const auto low = hn::ConvertTo(
        d, hn::LoadU(di, v.sums.sums + digit * v.sums.stride + j));
    sum = hn::Add(hn::Mul(sum, hn::Set(d, 256.0f)), low);
  }
  return hn::Mul(sum, hn::LoadU(d, v.scale + j));
}

void Digits(const DigitValues& values, size_t count, float* HWY_RESTRICT y) {
  for (size_t j = 0; j < count; j += kWidth) {
    hn::StoreU(ValueOf(values, j), DF(), y + j);
  }
}

void Floats(const float* HWY_RESTRICT sums, const float* HWY_RESTRICT scale,
            size_t count, float* HWY_RESTRICT y) {
  const DF d;
  for (size_t j = 0; j < count; j += kWidth) {
    hn::StoreU(hn::Mul(hn::LoadU(d, sums + j), hn::LoadU(d, scale + j)), d,
               y + j);
  }
}

// The noise of outputs from `at` on, on which this light falls.
HWY_INLINE VF NoiseAt(const NoiseColumns& columns, const NoiseOfVector& of,
                      VF light, size_t at, VF normals) {
  const DF d;
  auto variance =
      hn::Add(hn::LoadU(d, columns.constant + at), hn::Set(d, of.extra));
  variance = hn::Add(variance, hn::Mul(light, hn::LoadU(d, columns.shot + at)));
  variance = hn::Add(
      variance, hn::Mul(hn::Set(d, of.light2), hn::LoadU(d, columns.rin + at)));
  return hn::Mul(hn::Sqrt(variance), normals);
}

template <bool kLightOf>
HWY_INLINE void NoiseRow(const NoiseKey& key, size_t first_block,
                         const NoiseColumns& columns, const NoiseOfVector& of,
                         size_t count, float* HWY_RESTRICT y) {
  const DF d;
  const RowKey row_key(key);
  for (size_t j = 0; j < count; j += kNoiseBlock) {
    ForNormals(row_key, first_block + j / kNoiseBlock,
               [&](size_t offset, VF normals) TRIPTYCH_INLINED HWY_ATTR {
                 const size_t at = j + offset;
                 auto light = hn::Set(d, of.light);
                 if (kLightOf) {
                   light = hn::Add(light, hn::LoadU(d, of.light_of + at));
                 }
                 const auto noise = NoiseAt(columns, of, light, at, normals);
                 hn::StoreU(hn::Add(hn::LoadU(d, y + at), noise), d, y + at);
               });
  }
}

void Noise(const NoiseKey& key, size_t first_block, const NoiseColumns& columns,
           const NoiseOfVector& of, size_t count, float* y) {
  if (of.light_of == nullptr) {
    NoiseRow<false>(key, first_block, columns, of, count, y);
  } else {
    NoiseRow<true>(key, first_block, columns, of, count, y);
  }
}

// Adding and subtracting this rounds to the nearest whole number, ties to
// even, below 2^22.
inline constexpr float kRounder = 0x1.8p23f;

template <bool kFirst, bool kLast, class Value>
HWY_INLINE void AddRow(const Sums& to, size_t from, size_t count,
                       const Value& value) {
  const DF d;
  float* HWY_RESTRICT out = to.out + from;
  const auto all = hn::Set(d, to.scale);
  const auto at = [&](size_t j, size_t lanes,
                      const auto& load) TRIPTYCH_INLINED HWY_ATTR {
    // Zero plus a value, not the value: there is no zero below zero then.
    const auto old = kFirst ? hn::Zero(d) : load(out + j);
    const auto sum = hn::Add(old, value(j, lanes));
    if constexpr (!kLast) return sum;
    const auto scaled =
        hn::Mul(sum, hn::Mul(all, load(to.row_scale + from + j)));
    return to.bias == nullptr ? scaled
                              : hn::Add(scaled, load(to.bias + from + j));
  };
  size_t j = 0;
  for (; j + kWidth <= count; j += kWidth) {
    const auto load = [&](const float* x) HWY_ATTR { return hn::LoadU(d, x); };
    hn::StoreU(at(j, kWidth, load), d, out + j);
  }
  if (j < count) {
    const size_t rest = count - j;
    const auto load = [&](const float* x)
                          HWY_ATTR { return hn::LoadN(d, x, rest); };
    hn::StoreN(at(j, rest, load), d, out + j, rest);
  }
}

// Adds value(j, lanes) of outputs from + j to `to`.
template <class Value>
HWY_INLINE void AddTo(const Sums& to, size_t from, size_t count,
                      const Value& value) {
  const bool last = to.row_scale != nullptr;
  if (to.first) {
    if (last) return AddRow<true, true>(to, from, count, value);
    return AddRow<true, false>(to, from, count, value);
  }
  if (last) return AddRow<false, true>(to, from, count, value);
  return AddRow<false, false>(to, from, count, value);
}

// sink(offset, y) for a block of noise: y of outputs j + offset and on.
template <bool kLightOf, class Sink>
HWY_INLINE void ForNoisyBlock(const NoisyRow& row, const RowKey& key, size_t j,
                              const Sink& sink) {
  const auto use = [&](size_t offset, VF normals) TRIPTYCH_INLINED HWY_ATTR {
    const size_t at = j + offset;
    auto light = hn::Set(DF(), row.vector.light);
    if (kLightOf) light = hn::Add(light, ValueOf(*row.light_of, at));
    const auto noise = NoiseAt(row.columns, row.vector, light, at, normals);
    sink(offset, hn::Add(ValueOf(row.value, at), noise));
  };
  ForNormals(key, row.first_block + j / kNoiseBlock, use);
}

// What rounds to a code, and what codes stand for.
struct Rounding {
  explicit HWY_INLINE Rounding(const Scale& scale, float sign)
      : to_codes(hn::Set(DF(), scale.steps() / scale.full_scale)),
        from_codes(hn::Set(DF(), sign * (scale.full_scale / scale.steps()))),
        bottom(hn::Set(DF(), -static_cast<float>(scale.middle))),
        top(hn::Set(DF(), scale.steps())) {}
  VF to_codes, from_codes, bottom, top;

  HWY_INLINE VF Code(VF y) const {
    const auto rounder = hn::Set(DF(), kRounder);
    const auto clipped = hn::Min(hn::Max(hn::Mul(y, to_codes), bottom), top);
    return hn::Sub(hn::Add(clipped, rounder), rounder);
  }
  HWY_INLINE VF Value(VF code) const { return hn::Mul(code, from_codes); }
};

// Counts codes at either end.
class Ends {
 public:
  explicit HWY_INLINE Ends(const Rounding& rounding)
      : bottom_(rounding.bottom), top_(rounding.top), ends_(hn::Zero(DF())) {}

  // Of a vector, of which `lanes` lanes are anybody's.
  HWY_INLINE void Count(VF code, size_t lanes) {
    const DF d;
    auto at_end = hn::Or(hn::Le(code, bottom_), hn::Ge(code, top_));
    if (lanes < kWidth) at_end = hn::And(at_end, hn::FirstN(d, lanes));
    ends_ = hn::MaskedAddOr(ends_, at_end, ends_, hn::Set(d, 1.0f));
  }
  HWY_INLINE size_t Sum() const {
    return static_cast<size_t>(hn::ReduceSum(DF(), ends_));
  }

 private:
  VF bottom_, top_;
  VF ends_;  // by lane
};

size_t Round(const float* HWY_RESTRICT y, size_t count, const Scale& scale,
             float sign, const Sums& to) {
  const Rounding rounding(scale, sign);
  Ends ends(rounding);
  AddTo(to, 0, count, [&](size_t j, size_t lanes) HWY_ATTR {
    const auto code = rounding.Code(hn::LoadU(DF(), y + j));
    ends.Count(code, lanes);
    return rounding.Value(code);
  });
  return ends.Sum();
}

template <bool kLightOf>
HWY_INLINE void NoisyRoundRow(const NoisyRow& row, const Scale& scale,
                              float sign, const Sums& to) {
  const DF d;
  const Rounding rounding(scale, sign);
  const RowKey key(row.key);
  HWY_ALIGN float values[kNoiseBlock];
  for (size_t j = 0; j < row.count; j += kNoiseBlock) {
    const auto set = [&](size_t offset, VF y) TRIPTYCH_INLINED HWY_ATTR {
      hn::Store(rounding.Value(rounding.Code(y)), d, values + offset);
    };
    ForNoisyBlock<kLightOf>(row, key, j, set);
    AddTo(to, j, HWY_MIN(kNoiseBlock, row.count - j),
          [&](size_t i, size_t) HWY_ATTR { return hn::Load(d, values + i); });
  }
}

void NoisyRound(const NoisyRow& row, const Scale& scale, float sign,
                const Sums& to) {
  if (row.light_of == nullptr) {
    NoisyRoundRow<false>(row, scale, sign, to);
  } else {
    NoisyRoundRow<true>(row, scale, sign, to);
  }
}

// What makes levels of values.
struct Levelling {
  explicit HWY_INLINE Levelling(const Scale& scale)
      : to_levels(hn::Set(
            DF(), scale.steps() / scale.full_scale * rtl::kSarLevelsPerLsb)),
        middle(hn::Set(
            DF(), static_cast<float>(scale.middle * rtl::kSarLevelsPerLsb))),
        far(hn::Set(DF(), 4096.0f * rtl::kSarLevelsPerLsb)) {}
  VF to_levels, middle;
  VF far;  // everything further out is clipped by any converter

  HWY_INLINE hn::Vec<DI> Level(VF y) const {
    const DI di;
    const auto rounder = hn::Set(DF(), kRounder);
    const auto level = hn::Add(hn::Mul(y, to_levels), middle);
    const auto clipped = hn::Min(hn::Max(level, hn::Neg(far)), far);
    return hn::Sub(hn::BitCast(di, hn::Add(clipped, rounder)),
                   hn::BitCast(di, rounder));
  }
};

void Levels(const float* HWY_RESTRICT y, size_t count, const Scale& scale,
            int32_t* HWY_RESTRICT levels) {
  const Levelling levelling(scale);
  for (size_t j = 0; j < count; j += kWidth) {
    hn::StoreU(levelling.Level(hn::LoadU(DF(), y + j)), DI(), levels + j);
  }
}

template <bool kLightOf>
HWY_INLINE void NoisyLevelsRow(const NoisyRow& row, const Scale& scale,
                               int32_t* HWY_RESTRICT levels) {
  const Levelling levelling(scale);
  const RowKey key(row.key);
  for (size_t j = 0; j < row.count; j += kNoiseBlock) {
    const auto set = [&](size_t offset, VF y) TRIPTYCH_INLINED HWY_ATTR {
      hn::StoreU(levelling.Level(y), DI(), levels + j + offset);
    };
    ForNoisyBlock<kLightOf>(row, key, j, set);
  }
}

void NoisyLevels(const NoisyRow& row, const Scale& scale, int32_t* levels) {
  if (row.light_of == nullptr) {
    NoisyLevelsRow<false>(row, scale, levels);
  } else {
    NoisyLevelsRow<true>(row, scale, levels);
  }
}

void Codes(const uint16_t* HWY_RESTRICT codes, size_t count, const Scale& scale,
           float sign, const Sums& to) {
  const DF d;
  const DI di;
  const hn::Rebind<uint16_t, DF> d16;
  const auto middle = hn::Set(di, scale.middle);
  const Rounding rounding(scale, sign);
  AddTo(to, 0, count, [&](size_t j, size_t) HWY_ATTR {
    const auto from_zero =
        hn::Sub(hn::PromoteTo(di, hn::LoadU(d16, codes + j)), middle);
    return rounding.Value(hn::ConvertTo(d, from_zero));
  });
}

void Values(const float* HWY_RESTRICT y, size_t count, float sign,
            const Sums& to) {
  const DF d;
  AddTo(to, 0, count, [&](size_t j, size_t) HWY_ATTR {
    return hn::Mul(hn::LoadU(d, y + j), hn::Set(d, sign));
  });
}

void Nothing(size_t count, const Sums& to) {
  AddTo(to, 0, count, [&](size_t, size_t) HWY_ATTR { return hn::Zero(DF()); });
}

}  // namespace HWY_NAMESPACE
}  // namespace triptych::optical
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace triptych::optical {

HWY_EXPORT(Digits);
HWY_EXPORT(Floats);
HWY_EXPORT(Noise);
HWY_EXPORT(Round);
HWY_EXPORT(NoisyRound);
HWY_EXPORT(NoisyLevels);
HWY_EXPORT(Levels);
HWY_EXPORT(Codes);
HWY_EXPORT(Values);
HWY_EXPORT(Nothing);

void SumDigits(const DigitValues& values, size_t count, float* y) {
  HWY_DYNAMIC_DISPATCH(Digits)(values, count, y);
}
void ScaleSums(const float* sums, const float* scale, size_t count, float* y) {
  HWY_DYNAMIC_DISPATCH(Floats)(sums, scale, count, y);
}
void AddLightNoise(const NoiseKey& key, size_t first_block,
                   const NoiseColumns& columns, const NoiseOfVector& vector,
                   size_t count, float* y) {
  HWY_DYNAMIC_DISPATCH(Noise)(key, first_block, columns, vector, count, y);
}
size_t RoundToCodes(const float* y, size_t count, const Scale& scale,
                    float sign, const Sums& to) {
  return HWY_DYNAMIC_DISPATCH(Round)(y, count, scale, sign, to);
}
void NoisyToCodes(const NoisyRow& row, const Scale& scale, float sign,
                  const Sums& to) {
  HWY_DYNAMIC_DISPATCH(NoisyRound)(row, scale, sign, to);
}
void NoisyToLevels(const NoisyRow& row, const Scale& scale, int32_t* levels) {
  HWY_DYNAMIC_DISPATCH(NoisyLevels)(row, scale, levels);
}
void ToLevels(const float* y, size_t count, const Scale& scale,
              int32_t* levels) {
  HWY_DYNAMIC_DISPATCH(Levels)(y, count, scale, levels);
}
void AddCodes(const uint16_t* codes, size_t count, const Scale& scale,
              float sign, const Sums& to) {
  HWY_DYNAMIC_DISPATCH(Codes)(codes, count, scale, sign, to);
}
void AddValues(const float* y, size_t count, float sign, const Sums& to) {
  HWY_DYNAMIC_DISPATCH(Values)(y, count, sign, to);
}
void AddNothing(size_t count, const Sums& to) {
  HWY_DYNAMIC_DISPATCH(Nothing)(count, to);
}

}  // namespace triptych::optical
#endif
