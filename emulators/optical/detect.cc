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

void Digits(const DigitSums& s, const int32_t* HWY_RESTRICT correction,
            const float* HWY_RESTRICT scale, size_t count,
            float* HWY_RESTRICT y) {
  const DF d;
  const DI di;
  for (size_t j = 0; j < count; j += kWidth) {
    auto sum = hn::ConvertTo(d, hn::Sub(hn::LoadU(di, s.sums + j),
                                        hn::LoadU(di, correction + j)));
    for (size_t digit = 1; digit < s.digits; ++digit) {
      const auto low =
          hn::ConvertTo(d, hn::LoadU(di, s.sums + digit * s.stride + j));
      sum = hn::Add(hn::Mul(sum, hn::Set(d, 256.0f)), low);
    }
    hn::StoreU(hn::Mul(sum, hn::LoadU(d, scale + j)), d, y + j);
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

template <bool kLightOf>
HWY_INLINE void NoiseRow(const NoiseKey& key, size_t first_block,
                         const NoiseColumns& columns, const NoiseOfVector& of,
                         size_t count, float* HWY_RESTRICT y) {
  const DF d;
  const auto light_of_all = hn::Set(d, of.light);
  const auto light2 = hn::Set(d, of.light2), extra = hn::Set(d, of.extra);
  for (size_t j = 0; j < count; j += kNoiseBlock) {
    const auto add = [&](size_t offset, VF normals) HWY_ATTR {
      const size_t at = j + offset;
      auto light = light_of_all;
      if (kLightOf) light = hn::Add(light, hn::LoadU(d, of.light_of + at));
      auto variance = hn::Add(hn::LoadU(d, columns.constant + at), extra);
      variance = hn::Add(variance,
                         hn::Mul(light, hn::LoadU(d, columns.shot + at)));
      variance =
          hn::Add(variance, hn::Mul(light2, hn::LoadU(d, columns.rin + at)));
      const auto noise = hn::Mul(hn::Sqrt(variance), normals);
      hn::StoreU(hn::Add(hn::LoadU(d, y + at), noise), d, y + at);
    };
    ForNormals(key, first_block + j / kNoiseBlock, add);
  }
}

void Noise(const NoiseKey& key, size_t first_block,
           const NoiseColumns& columns, const NoiseOfVector& of, size_t count,
           float* y) {
  if (of.light_of == nullptr) {
    NoiseRow<false>(key, first_block, columns, of, count, y);
  } else {
    NoiseRow<true>(key, first_block, columns, of, count, y);
  }
}

// Adding and subtracting this rounds to the nearest whole number, ties to
// even, below 2^22.
inline constexpr float kRounder = 0x1.8p23f;

// add(j, values, sum) for all outputs: sum becomes what is stored at out + j.
template <class Add>
HWY_INLINE void AddTo(float* HWY_RESTRICT out, size_t count, const Add& add) {
  const DF d;
  size_t j = 0;
  for (; j + kWidth <= count; j += kWidth) {
    hn::StoreU(hn::Add(hn::LoadU(d, out + j), add(j, kWidth)), d, out + j);
  }
  if (j < count) {
    const size_t rest = count - j;
    hn::StoreN(hn::Add(hn::LoadN(d, out + j, rest), add(j, rest)), d, out + j,
               rest);
  }
}

// Of the first `lanes` outputs, those at either end.
HWY_INLINE size_t AtEnds(VF code, VF bottom, VF top, size_t lanes) {
  const DF d;
  const auto ends = hn::Or(hn::Le(code, bottom), hn::Ge(code, top));
  return hn::CountTrue(d, lanes == kWidth
                              ? ends
                              : hn::And(ends, hn::FirstN(d, lanes)));
}

size_t Round(const float* HWY_RESTRICT y, size_t count, const Scale& scale,
             float sign, float* HWY_RESTRICT out) {
  const DF d;
  const auto to_codes = hn::Set(d, scale.steps() / scale.full_scale);
  const auto from_codes = hn::Set(d, sign * (scale.full_scale / scale.steps()));
  const auto bottom = hn::Set(d, -static_cast<float>(scale.middle));
  const auto top = hn::Set(d, scale.steps());
  const auto rounder = hn::Set(d, kRounder);
  size_t ends = 0;
  AddTo(out, count, [&](size_t j, size_t lanes) HWY_ATTR {
    const auto value = hn::Mul(hn::LoadU(d, y + j), to_codes);
    const auto clipped = hn::Min(hn::Max(value, bottom), top);
    const auto code = hn::Sub(hn::Add(clipped, rounder), rounder);
    ends += AtEnds(code, bottom, top, lanes);
    return hn::Mul(code, from_codes);
  });
  return ends;
}

void Levels(const float* HWY_RESTRICT y, size_t count, const Scale& scale,
            int32_t* HWY_RESTRICT levels) {
  const DF d;
  const DI di;
  constexpr float kPerLsb = rtl::kSarLevelsPerLsb;
  // Everything further out is clipped by any converter.
  const auto far = hn::Set(d, 4096 * kPerLsb);
  const auto to_levels =
      hn::Set(d, scale.steps() / scale.full_scale * kPerLsb);
  const auto middle = hn::Set(d, static_cast<float>(scale.middle) * kPerLsb);
  const auto rounder = hn::Set(d, kRounder);
  const auto rounder_bits = hn::BitCast(di, rounder);
  for (size_t j = 0; j < count; j += kWidth) {
    const auto level =
        hn::Add(hn::Mul(hn::LoadU(d, y + j), to_levels), middle);
    const auto clipped = hn::Min(hn::Max(level, hn::Neg(far)), far);
    const auto rounded = hn::BitCast(di, hn::Add(clipped, rounder));
    hn::StoreU(hn::Sub(rounded, rounder_bits), di, levels + j);
  }
}

size_t Codes(const uint16_t* HWY_RESTRICT codes, size_t count,
             const Scale& scale, float sign, float* HWY_RESTRICT out) {
  const DF d;
  const DI di;
  const hn::Rebind<uint16_t, DF> d16;
  const auto middle = hn::Set(di, scale.middle);
  const auto from_codes = hn::Set(d, sign * (scale.full_scale / scale.steps()));
  const auto bottom = hn::Set(d, -static_cast<float>(scale.middle));
  const auto top = hn::Set(d, scale.steps());
  size_t ends = 0;
  AddTo(out, count, [&](size_t j, size_t lanes) HWY_ATTR {
    const auto code = hn::PromoteTo(di, hn::LoadU(d16, codes + j));
    const auto value = hn::ConvertTo(d, hn::Sub(code, middle));
    ends += AtEnds(value, bottom, top, lanes);
    return hn::Mul(value, from_codes);
  });
  return ends;
}

void Values(const float* HWY_RESTRICT y, size_t count, float sign,
            float* HWY_RESTRICT out) {
  const DF d;
  AddTo(out, count, [&](size_t j, size_t) HWY_ATTR {
    return hn::Mul(hn::LoadU(d, y + j), hn::Set(d, sign));
  });
}

void Outputs(float scale, const float* HWY_RESTRICT row_scale,
             const float* HWY_RESTRICT bias, size_t count,
             float* HWY_RESTRICT out) {
  const DF d;
  const auto all = hn::Set(d, scale);
  const auto value = [&](size_t j, VF sum, VF of_row) HWY_ATTR {
    const auto scaled = hn::Mul(sum, hn::Mul(all, of_row));
    return bias == nullptr
               ? scaled
               : hn::Add(scaled, hn::LoadN(d, bias + j, count - j));
  };
  size_t j = 0;
  for (; j + kWidth <= count; j += kWidth) {
    hn::StoreU(value(j, hn::LoadU(d, out + j), hn::LoadU(d, row_scale + j)), d,
               out + j);
  }
  if (j < count) {
    const size_t rest = count - j;
    hn::StoreN(value(j, hn::LoadN(d, out + j, rest),
                     hn::LoadN(d, row_scale + j, rest)),
               d, out + j, rest);
  }
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
HWY_EXPORT(Levels);
HWY_EXPORT(Codes);
HWY_EXPORT(Values);
HWY_EXPORT(Outputs);

void SumDigits(const DigitSums& sums, const int32_t* correction,
               const float* scale, size_t count, float* y) {
  HWY_DYNAMIC_DISPATCH(Digits)(sums, correction, scale, count, y);
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
                    float sign, float* out) {
  return HWY_DYNAMIC_DISPATCH(Round)(y, count, scale, sign, out);
}
void ToLevels(const float* y, size_t count, const Scale& scale,
              int32_t* levels) {
  HWY_DYNAMIC_DISPATCH(Levels)(y, count, scale, levels);
}
size_t AddCodes(const uint16_t* codes, size_t count, const Scale& scale,
                float sign, float* out) {
  return HWY_DYNAMIC_DISPATCH(Codes)(codes, count, scale, sign, out);
}
void AddValues(const float* y, size_t count, float sign, float* out) {
  HWY_DYNAMIC_DISPATCH(Values)(y, count, sign, out);
}

void ScaleOutputs(float scale, const float* row_scale, const float* bias,
                  size_t count, float* out) {
  HWY_DYNAMIC_DISPATCH(Outputs)(scale, row_scale, bias, count, out);
}

}  // namespace triptych::optical
#endif
