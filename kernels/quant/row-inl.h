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

// The bits of the largest |row[i]|, i < n; of 0 where n is 0. Four chains: two
// took 1.8 cycles a vector from L1 instead of 1.2.
template <class D>
HWY_INLINE uint32_t AbsMaxBits(D d, const float* HWY_RESTRICT row, size_t n) {
  const hn::RebindToUnsigned<D> du;
  const size_t lanes = hn::Lanes(d);
  const auto bits_at = [&](size_t i) HWY_ATTR {
    return MagnitudeBits(d, hn::LoadU(d, row + i));
  };
  auto max0 = hn::Zero(du), max1 = max0, max2 = max0, max3 = max0;
  size_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    max0 = hn::Max(max0, bits_at(i));
    max1 = hn::Max(max1, bits_at(i + lanes));
    max2 = hn::Max(max2, bits_at(i + 2 * lanes));
    max3 = hn::Max(max3, bits_at(i + 3 * lanes));
  }
  for (; i < n; i += lanes) {
    max0 = hn::Max(max0, MagnitudeBits(d, hn::LoadN(d, row + i, n - i)));
  }
  return hn::ReduceMax(du, hn::Max(hn::Max(max0, max1), hn::Max(max2, max3)));
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

// The low bytes of four vectors, one after the other.
template <class DU, class VU = hn::Vec<DU>>
HWY_INLINE hn::Vec<hn::Repartition<int8_t, DU>> LowBytes(DU, VU a, VU b, VU c,
                                                         VU d) {
  const hn::Repartition<uint16_t, DU> du16;
  const hn::Repartition<int8_t, DU> di8;
  const auto ab =
      hn::ConcatEven(du16, hn::BitCast(du16, b), hn::BitCast(du16, a));
  const auto cd =
      hn::ConcatEven(du16, hn::BitCast(du16, d), hn::BitCast(du16, c));
  return hn::ConcatEven(di8, hn::BitCast(di8, cd), hn::BitCast(di8, ab));
}

// codes[i] = round(row[i] * factor), which is in -127..127.
template <class D>
HWY_INLINE void RoundRow(D d, const float* HWY_RESTRICT row, size_t n,
                         float factor, int8_t* HWY_RESTRICT codes) {
  const hn::RebindToUnsigned<D> du;
  const hn::Rebind<uint8_t, D> du8;
  const hn::Rebind<int8_t, D> di8;
  const hn::Repartition<int8_t, D> d_all;
  const auto scale = hn::Set(d, factor);
  // Adding kToInteger rounds as NearestInt does and leaves the code in the
  // low byte: two operations where a conversion, the check of its range and
  // saturation are six.
  const auto code = [&](hn::Vec<D> v) HWY_ATTR {
    return hn::BitCast(du, hn::Add(hn::Mul(v, scale), hn::Set(d, kToInteger)));
  };
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    const float* x = row + i;
    hn::StoreU(
        LowBytes(du, code(hn::LoadU(d, x)), code(hn::LoadU(d, x + lanes)),
                 code(hn::LoadU(d, x + 2 * lanes)),
                 code(hn::LoadU(d, x + 3 * lanes))),
        d_all, codes + i);
  }
  for (; i < n; i += lanes) {
    const auto last = code(hn::LoadN(d, row + i, n - i));
    hn::StoreN(hn::BitCast(di8, hn::TruncateTo(du8, last)), di8, codes + i,
               n - i);
  }
}

// The codes of a row whose AbsMaxBits are known; returns the scale. As
// QuantizeRowInt for 8 bits.
template <class D>
HWY_INLINE float QuantizeRow(D d, const float* row, size_t n,
                             uint32_t absmax_bits, int8_t* codes) {
  constexpr uint32_t kInfinity = 0x7F800000;
  const float absmax = hwy::BitCastScalar<float>(absmax_bits);
  const float inverse = 127.f / absmax;
  float scale = absmax / 127.f;
  if (absmax_bits >= kInfinity) {
    scale = std::numeric_limits<float>::quiet_NaN();
  } else if (!(inverse <= std::numeric_limits<float>::max())) {
    scale = 0;
  }
  if (scale > 0) {
    RoundRow(d, row, n, inverse, codes);
  } else {
    hwy::ZeroBytes(codes, n);
  }
  return scale;
}

// The bits of v, which is no NaN, with those of its bf16 code (Bf16FromF32) in
// the upper half. Not DemoteTo(bf16): the instruction behind it flushes
// subnormals.
template <class D, class V = hn::Vec<D>>
HWY_INLINE hn::Vec<hn::RebindToUnsigned<D>> NumberToBf16(D, V v) {
  const hn::RebindToUnsigned<D> du;
  const auto bits = hn::BitCast(du, v);
  const auto tie_to_even = hn::And(hn::ShiftRight<16>(bits), hn::Set(du, 1));
  return hn::Add(hn::Add(bits, hn::Set(du, 0x7FFF)), tie_to_even);
}

// The same of anything.
template <class D, class V = hn::Vec<D>>
HWY_INLINE hn::Vec<hn::RebindToUnsigned<D>> ToBf16(D d, V v) {
  const hn::RebindToUnsigned<D> du;
  const auto quiet = hn::Or(hn::BitCast(du, v), hn::Set(du, 0x400000));
  return hn::IfThenElse(hn::RebindMask(du, hn::IsNaN(v)), quiet,
                        NumberToBf16(d, v));
}

// The bf16 codes of v.
template <class D, class V = hn::Vec<D>>
HWY_INLINE hn::Vec<hn::Rebind<uint16_t, D>> Bf16Codes(D d, V v) {
  return hn::TruncateTo(hn::Rebind<uint16_t, D>(),
                        hn::ShiftRight<16>(ToBf16(d, v)));
}

// The bf16 codes of a, then of b.
template <class D, class V = hn::Vec<D>>
HWY_INLINE hn::Vec<hn::Repartition<uint16_t, D>> Bf16Codes(D d, V a, V b) {
  const hn::Repartition<uint16_t, D> du16;
  auto low = NumberToBf16(d, a), high = NumberToBf16(d, b);
  // A NaN, or infinities that cancel: one test of two vectors. With a test and
  // a choice in each, 4.3 cycles a vector from L1 instead of 3.0.
  if (HWY_UNLIKELY(!hn::AllFalse(d, hn::IsNaN(hn::Add(a, b))))) {
    low = ToBf16(d, a);
    high = ToBf16(d, b);
  }
  return hn::ConcatOdd(du16, hn::BitCast(du16, high), hn::BitCast(du16, low));
}

// Row r of `out` is f(inputs...), quantised. As f32 it waits in a scratch row,
// which stays in L1 or L2, until the largest element is known: meanwhile() runs
// while it is found (see kernels/simd/rows-inl.h).
template <class D, class Meanwhile, class F, class... Inputs>
HWY_INLINE void MapQuantized(D d, const QuantizedRows& out, size_t r,
                             const Meanwhile& meanwhile, const F& f,
                             const Inputs*... inputs) {
  const size_t n = out.codes.cols();
  float* scratch = ScratchRow(n);
  const uint32_t absmax = MapAbsMax(d, scratch, n, f, inputs...);
  meanwhile();
  out.scales[r] = QuantizeRow(d, scratch, n, absmax, out.codes.row(r));
}

}  // namespace HWY_NAMESPACE
}  // namespace triptych
HWY_AFTER_NAMESPACE();

#endif  // per target
