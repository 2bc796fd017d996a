// Narrower formats of one f32 row, once per SIMD target: the bodies of
// quant.h and the last pass of operators that end in a RowOutput.
// SPDX-License-Identifier: Apache-2.0

#if defined(TRIPTYCH_KERNELS_QUANT_ROW_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TRIPTYCH_KERNELS_QUANT_ROW_INL_H_
#undef TRIPTYCH_KERNELS_QUANT_ROW_INL_H_
#else
#define TRIPTYCH_KERNELS_QUANT_ROW_INL_H_
#endif

#include <cstdint>
#include <limits>

#include "hwy/highway.h"
#include "kernels/quant/quant.h"
#include "kernels/simd/math-inl.h"
#include "kernels/simd/rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace triptych {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// |v| as bits, which order as the magnitudes do and put NaN at the top, as
// AbsMax of kernels/base/formats.h does.
template <class D, class V = hn::Vec<D>>
HWY_INLINE hn::Vec<hn::RebindToUnsigned<D>> MagnitudeBits(D, V v) {
  const hn::RebindToUnsigned<D> du;
  return hn::And(hn::BitCast(du, v), hn::Set(du, 0x7FFFFFFFu));
}

// The bits of the largest |row[i]|, i < n; of 0 where n is 0.
template <class D>
HWY_INLINE uint32_t AbsMaxBits(D d, const float* HWY_RESTRICT row, size_t n) {
  const hn::RebindToUnsigned<D> du;
  const size_t lanes = hn::Lanes(d);
  auto max0 = hn::Zero(du), max1 = max0;
  size_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    max0 = hn::Max(max0, MagnitudeBits(d, hn::LoadU(d, row + i)));
    max1 = hn::Max(max1, MagnitudeBits(d, hn::LoadU(d, row + i + lanes)));
  }
  for (; i < n; i += lanes) {
    max0 = hn::Max(max0, MagnitudeBits(d, hn::LoadN(d, row + i, n - i)));
  }
  return hn::ReduceMax(du, hn::Max(max0, max1));
}

// Map, and AbsMaxBits of what it gives.
template <class D, class F, class... Inputs>
HWY_INLINE uint32_t MapAbsMax(D d, float* out, size_t n, const F& f,
                              const Inputs*... inputs) {
  const hn::RebindToUnsigned<D> du;
  const size_t lanes = hn::Lanes(d);
  auto max = hn::Zero(du);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto v = f(hn::LoadU(d, inputs + i)...);
    hn::StoreU(v, d, out + i);
    max = hn::Max(max, MagnitudeBits(d, v));
  }
  if (i < n) {
    const auto v = f(hn::LoadN(d, inputs + i, n - i)...);
    hn::StoreN(v, d, out + i, n - i);
    max = hn::Max(
        max, hn::IfThenElseZero(hn::FirstN(du, n - i), MagnitudeBits(d, v)));
  }
  return hn::ReduceMax(du, max);
}

// The codes of a row whose AbsMaxBits are known, fetching what comes next;
// returns the scale. As QuantizeRowInt for 8 bits.
template <class D>
HWY_INLINE float QuantizeRow(D d, const float* HWY_RESTRICT row, size_t n,
                             uint32_t absmax_bits, const Ahead& ahead,
                             int8_t* HWY_RESTRICT codes) {
  constexpr uint32_t kInfinity = 0x7F800000;
  const float absmax = hwy::BitCastScalar<float>(absmax_bits);
  const float inverse = 127.f / absmax;
  float scale = absmax / 127.f;
  if (absmax_bits >= kInfinity) {
    scale = std::numeric_limits<float>::quiet_NaN();
  } else if (!(inverse <= std::numeric_limits<float>::max())) {
    scale = 0;
  }
  if (!(scale > 0)) {
    hwy::ZeroBytes(codes, n);
    return scale;
  }
  const hn::RebindToUnsigned<D> du;
  const hn::Rebind<uint8_t, D> du8;
  const hn::Rebind<int8_t, D> di8;
  const auto factor = hn::Set(d, inverse);
  // |v * factor| < 128, so adding kToInteger rounds it as NearestInt would
  // and leaves the code in the low byte: two operations where conversion,
  // its check and saturation are six.
  const auto code = [&](hn::Vec<D> v) HWY_ATTR {
    const auto sum = hn::Add(hn::Mul(v, factor), hn::Set(d, kToInteger));
    return hn::BitCast(di8, hn::TruncateTo(du8, hn::BitCast(du, sum)));
  };
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    ahead.Fetch(i);
    hn::StoreU(code(hn::LoadU(d, row + i)), di8, codes + i);
  }
  if (i < n) {
    hn::StoreN(code(hn::LoadN(d, row + i, n - i)), di8, codes + i, n - i);
  }
  return scale;
}

// The bf16 codes of v, as Bf16FromF32. Not DemoteTo(bf16): the instruction
// behind it flushes subnormals.
template <class D, class V = hn::Vec<D>>
HWY_INLINE hn::Vec<hn::Rebind<uint16_t, D>> Bf16Codes(D, V v) {
  const hn::RebindToUnsigned<D> du;
  const auto bits = hn::BitCast(du, v);
  const auto high = hn::ShiftRight<16>(bits);
  const auto tie_to_even = hn::And(high, hn::Set(du, 1));
  const auto rounded = hn::ShiftRight<16>(
      hn::Add(bits, hn::Add(hn::Set(du, 0x7FFF), tie_to_even)));
  const auto quiet = hn::Or(high, hn::Set(du, 0x40));
  const auto is_nan = hn::RebindMask(du, hn::IsNaN(v));
  return hn::TruncateTo(hn::Rebind<uint16_t, D>(),
                        hn::IfThenElse(is_nan, quiet, rounded));
}

// Row r of `out` is f(inputs...), quantised, fetching what comes next. As f32
// it waits in a scratch row, which stays in L1 or L2, until the largest
// element is known.
template <class D, class F, class... Inputs>
HWY_INLINE void MapQuantized(D d, const QuantizedRows& out, size_t r,
                             const Ahead& ahead, const F& f,
                             const Inputs*... inputs) {
  const size_t n = out.codes.cols();
  float* scratch = ScratchRow(n);
  const uint32_t absmax = MapAbsMax(d, scratch, n, f, inputs...);
  out.scales[r] = QuantizeRow(d, scratch, n, absmax, ahead, out.codes.row(r));
}

}  // namespace HWY_NAMESPACE
}  // namespace triptych
HWY_AFTER_NAMESPACE();

#endif  // per target
