// Elementary functions of f32 vectors, once per SIMD target.
//
// Coefficients are minimax fits of ours (Lawson's iteration on 2000 Chebyshev
// nodes); the error of each fit stands beside it. With the roundings of the
// evaluation the stated bounds hold with and without fused multiply-add;
// tests/kernels/simd_math_test.cc measures them on every target.
// SPDX-License-Identifier: Apache-2.0

#if defined(TRIPTYCH_KERNELS_SIMD_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TRIPTYCH_KERNELS_SIMD_MATH_INL_H_
#undef TRIPTYCH_KERNELS_SIMD_MATH_INL_H_
#else
#define TRIPTYCH_KERNELS_SIMD_MATH_INL_H_
#endif

#include <cstdint>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace triptych {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// c0 + x (c1 + x (c2 + ...)).
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Polynomial(D d, V, float c) {
  return hn::Set(d, c);
}
template <class D, class V = hn::Vec<D>, class... Rest>
HWY_INLINE V Polynomial(D d, V x, float c, Rest... rest) {
  return hn::MulAdd(x, Polynomial(d, x, rest...), hn::Set(d, c));
}

// The f32 1.5 * 2^23: added to |x| < 2^22 it rounds x to an integer, to
// nearest even, and leaves that integer in the low bits of the sum.
inline constexpr float kToInteger = 0x1.8p23f;

// value * 2^n, where `shifted` is n + kToInteger, by adding n to the exponent
// field; the result must be a normal number.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V AddToExponent(D d, V value, V shifted) {
  const hn::RebindToUnsigned<D> du;
  return hn::BitCast(d, hn::Add(hn::BitCast(du, value),
                                hn::ShiftLeft<23>(hn::BitCast(du, shifted))));
}

// The least x for which exp(x) is a normal number, -126 ln 2, and the
// greatest for which it is finite, 128 ln 2.
inline constexpr float kExpUnderflow = -87.33654f;
inline constexpr float kExpOverflow = 88.72283f;

// exp(x), relative error below 2^-23, for x between the two; elsewhere
// anything. NaN stays NaN.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V ExpInRange(D d, V x) {
  // x = n ln 2 + r. ln 2 in two parts, the first with so few bits that its
  // product with n is exact (Cody and Waite, 1980).
  const V shifted =
      hn::MulAdd(x, hn::Set(d, 0x1.715476p0f), hn::Set(d, kToInteger));
  const V n = hn::Sub(shifted, hn::Set(d, kToInteger));
  V r = hn::NegMulAdd(n, hn::Set(d, 0.693359375f), x);
  r = hn::NegMulAdd(n, hn::Set(d, -2.12194440e-4f), r);
  // exp(r) = 1 + r + r^2 q(r) on |r| <= ln 2 / 2, relative error 3.3e-9.
  const V q = Polynomial(d, r, 0.4999999305073445f, 0.1666651479149467f,
                         0.04166845678548424f, 0.00836941882679073f,
                         0.0013813144595566287f);
  const V small = hn::MulAdd(hn::Mul(r, r), q, r);
  return AddToExponent(d, hn::Add(small, hn::Set(d, 1.f)), shifted);
}

// The same for any x. Results under 2^-126 are 0, results over the largest
// f32 are infinity.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Exp(D d, V x) {
  const auto below = hn::Lt(x, hn::Set(d, kExpUnderflow));
  const auto above = hn::Gt(x, hn::Set(d, kExpOverflow));
  return hn::IfThenElse(above, hn::Inf(d),
                        hn::IfThenZeroElse(below, ExpInRange(d, x)));
}

// 2^x for x < 127.5, relative error below 2^-23. Results under 2^-126 are 0,
// NaN stays NaN. Two operations less than Exp, and no upper end to test.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Exp2(D d, V x) {
  const V shifted = hn::Add(x, hn::Set(d, kToInteger));
  const V r = hn::Sub(x, hn::Sub(shifted, hn::Set(d, kToInteger)));
  // 2^r = 1 + r q(r) on |r| <= 1/2, relative error 2.1e-9.
  const V q = Polynomial(d, r, 0.6931472041818971f, 0.24022647742416997f,
                         0.05550329349717906f, 0.009618449959798825f,
                         0.0013400170111419994f, 0.00015352317343851965f);
  const V value = AddToExponent(d, hn::MulAdd(r, q, hn::Set(d, 1.f)), shifted);
  return hn::IfThenZeroElse(hn::Lt(x, hn::Set(d, -126.f)), value);
}

// 2^x for x < 127.5, relative error below 2^-13.2: half the multiply-adds of
// Exp2, for results that are rounded to 8 bits anyway. 2^0 is 1. Results under
// 2^-126 are anything below it, and 0 from x = -127 down; x is not NaN.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Exp2Coarse(D d, V x) {
  // At least -127, which takes the exponent field of 1 to that of 0. By the
  // bits: below zero, larger ones are lower numbers. (The maximum of floats
  // waits for the units that add them: attention's weights took 1.2x.)
  const hn::RebindToUnsigned<D> du;
  const auto lowest = hn::BitCast(du, hn::Set(d, -127.f));
  x = hn::BitCast(d, hn::Min(hn::BitCast(du, x), lowest));
  const V shifted = hn::Add(x, hn::Set(d, kToInteger));
  const V r = hn::Sub(x, hn::Sub(shifted, hn::Set(d, kToInteger)));
  // 2^r = 1 + r q(r) on |r| <= 1/2, relative error 1.013e-4.
  const V q = Polynomial(d, r, 0.6932829272228184f, 0.24221095947020813f,
                         0.055008930492439344f);
  return AddToExponent(d, hn::MulAdd(r, q, hn::Set(d, 1.f)), shifted);
}

// sin(r) and cos(r) for |r| <= pi / 4, absolute error below 2^-23.
template <class D, class V = hn::Vec<D>>
HWY_INLINE void SinCosOctant(D d, V r, V& sine, V& cosine) {
  const V r2 = hn::Mul(r, r);
  // r + r^3 s(r^2), relative error 4.1e-9.
  const V s = Polynomial(d, r2, -0.1666665386362163f, 0.008332113040367482f,
                         -0.00019508741276745654f);
  sine = hn::MulAdd(hn::Mul(r2, r), s, r);
  // 1 - r^2/2 + r^4 c(r^2), relative error 1.3e-10.
  const V c = Polynomial(d, r2, 0.0416666443677785f, -0.0013887251484942709f,
                         2.4425681560849653e-05f);
  const V most = hn::NegMulAdd(r2, hn::Set(d, 0.5f), hn::Set(d, 1.f));
  cosine = hn::MulAdd(hn::Mul(r2, r2), c, most);
}

// The normal distribution function at -a, for a >= 0: relative error below
// (a^2 / 2 + 25) * 2^-24, of which the first part is the rounding of the
// square and the second that of the quotient.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V NormalTail(D d, V a) {
  // exp(a^2/2) Phi(-a) falls slowly, from 1/2, and is a quotient of
  // polynomials with positive coefficients, which cannot cancel: relative
  // error 5.1e-9 on [0, 13.5], where the exponential has reached 0. erf by
  // itself, as 1 + erf(-a / sqrt 2), would have no digit left at a = 5.
  const V p = Polynomial(d, a, 0.5000000025637682f, 0.43614623546665576f,
                         0.18164583378675708f, 0.04009806439126768f,
                         0.004036999868610962f);
  const V q = Polynomial(d, a, 1.f, 1.6701774003873533f, 1.1958961829597956f,
                         0.4652752352482999f, 0.10051815179068878f,
                         0.010119119173345046f);
  const V exponent = hn::Mul(hn::Mul(a, a), hn::Set(d, -0.5f));
  const auto below = hn::Lt(exponent, hn::Set(d, kExpUnderflow));
  const V e = hn::IfThenZeroElse(below, ExpInRange(d, exponent));
  return hn::Mul(e, hn::Div(p, q));
}

// The sum over i < n of term(row[i]), in an order that depends on n and the
// vector length alone: four chains a lane, so n / 4 + 8 roundings on any path.
template <class D, class Term>
HWY_INLINE float SumOf(D d, const float* HWY_RESTRICT row, size_t n,
                       const Term& term) {
  using V = hn::Vec<D>;
  const size_t lanes = hn::Lanes(d);
  V sum0 = hn::Zero(d), sum1 = sum0, sum2 = sum0, sum3 = sum0;
  size_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    sum0 = hn::Add(sum0, term(hn::LoadU(d, row + i)));
    sum1 = hn::Add(sum1, term(hn::LoadU(d, row + i + lanes)));
    sum2 = hn::Add(sum2, term(hn::LoadU(d, row + i + 2 * lanes)));
    sum3 = hn::Add(sum3, term(hn::LoadU(d, row + i + 3 * lanes)));
  }
  for (; i < n; i += lanes) {
    const V last = term(hn::LoadN(d, row + i, n - i));
    sum0 = hn::Add(sum0, hn::IfThenElseZero(hn::FirstN(d, n - i), last));
  }
  return hn::ReduceSum(d, hn::Add(hn::Add(sum0, sum1), hn::Add(sum2, sum3)));
}

// out[i] = f(inputs[i]...) for i < n; f gets and gives vectors. out may be
// one of the inputs. Lanes past n are never loaded or stored; f sees zeros
// there.
template <class D, class F, class... Inputs>
HWY_INLINE void Map(D d, float* out, size_t n, const F& f,
                    const Inputs*... inputs) {
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    hn::StoreU(f(hn::LoadU(d, inputs + i)...), d, out + i);
  }
  if (i < n) {
    hn::StoreN(f(hn::LoadN(d, inputs + i, n - i)...), d, out + i, n - i);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace triptych
HWY_AFTER_NAMESPACE();

#endif  // per target
