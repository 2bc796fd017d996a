// The vector forms of functions.h, once per SIMD target: the same operations
// in the same order as functions.cc, lane by lane.
// SPDX-License-Identifier: Apache-2.0

#if defined(TRIPTYCH_EMULATORS_NPU_ISA_FUNCTIONS_INL_H_) == \
    defined(HWY_TARGET_TOGGLE)
#ifdef TRIPTYCH_EMULATORS_NPU_ISA_FUNCTIONS_INL_H_
#undef TRIPTYCH_EMULATORS_NPU_ISA_FUNCTIONS_INL_H_
#else
#define TRIPTYCH_EMULATORS_NPU_ISA_FUNCTIONS_INL_H_
#endif

#include <cstddef>
#include <cstdint>

#include "emulators/npu/isa/function_constants.h"
#include "emulators/npu/isa/functions.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace triptych::npu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class V>
using TagOf = hn::DFromV<V>;

template <class V>
HWY_INLINE V OneNanV(V x) {
  const TagOf<V> d;
  const hn::RebindToUnsigned<TagOf<V>> du;
  return hn::IfThenElse(hn::IsNaN(x), hn::BitCast(d, hn::Set(du, kQuietNan)),
                        x);
}

// Exp of the f32 whose bits are the low halves of `bits`, none of them a NaN;
// the result as bits. Lanes of 64 bits, for the products; what is compared
// stays below 2^32, which every target can do fast.
template <class D64, class V = hn::Vec<D64>>
HWY_INLINE V ExpBits(D64 d64, V bits) {
  const hn::Repartition<uint32_t, D64> d32;
  const auto multiply = [&](V a, V b) HWY_ATTR {
    return hn::MulEven(hn::BitCast(d32, a), hn::BitCast(d32, b));
  };
  const auto least = [&](V a, V b) HWY_ATTR {
    return hn::BitCast(d64, hn::Min(hn::BitCast(d32, a), hn::BitCast(d32, b)));
  };
  const auto most = [&](V a, V b) HWY_ATTR {
    return hn::BitCast(d64, hn::Max(hn::BitCast(d32, a), hn::BitCast(d32, b)));
  };
  const auto set = [&](uint64_t x) HWY_ATTR { return hn::Set(d64, x); };
  const V magnitude = least(hn::And(bits, set(0x7fff'ffff)), set(kExpLargest));
  const V field = hn::ShiftRight<23>(magnitude);
  const V significand =
      hn::Or(hn::And(magnitude, set(0x7f'ffff)), set(0x80'0000));
  // 24 bits by 40: in two products of 24 by 20.
  const V product =
      hn::Add(hn::ShiftLeft<20>(multiply(significand, set(kLog2E >> 20))),
              multiply(significand, set(kLog2E & 0xf'ffff)));
  const V scaled = hn::Shr(product, least(hn::Sub(set(158), field), set(63)));
  // Minus, where the sign bit is set: complement and add one.
  const V sign = hn::ShiftRight<31>(bits);
  const V mask = hn::Sub(hn::Zero(d64), sign);
  const V power =
      hn::Add(set(kExpBias << 31), hn::Add(hn::Xor(scaled, mask), sign));
  const V n = hn::ShiftRight<31>(power);
  const V f = hn::ShiftLeft<1>(hn::And(power, set(0x7fff'ffff)));
  V sum = set(kExp2[6]);
  for (size_t i = 6; i-- > 0;) {
    sum = hn::Add(set(kExp2[i]), hn::ShiftRight<32>(multiply(sum, f)));
  }
  const V y =
      hn::Add(set(uint64_t{1} << 31), hn::ShiftRight<32>(multiply(sum, f)));
  const V normal = most(n, set(kExpBias - 126));
  const V drop = least(hn::Sub(hn::Add(set(8), normal), n), set(40));
  const V half = hn::Shl(set(1), hn::Sub(drop, set(1)));
  const V rounded = hn::Shr(hn::Add(y, half), drop);
  const V result =
      hn::Add(hn::ShiftLeft<23>(hn::Sub(normal, set(kExpBias - 126))), rounded);
  return least(result, set(0x7f80'0000));
}

template <class V>
HWY_INLINE V ExpV(V x) {
  const TagOf<V> d;
  const hn::RebindToUnsigned<TagOf<V>> du;
  const hn::Repartition<uint64_t, TagOf<V>> d64;
  const auto bits = hn::BitCast(d64, x);
  const auto even = ExpBits(d64, hn::And(bits, hn::Set(d64, 0xffff'ffff)));
  const auto odd = ExpBits(d64, hn::ShiftRight<32>(bits));
  const auto both = hn::Or(even, hn::ShiftLeft<32>(odd));
  return hn::IfThenElse(hn::IsNaN(x), hn::BitCast(d, hn::Set(du, kQuietNan)),
                        hn::BitCast(d, both));
}

template <class V>
HWY_INLINE V GateV(V x, V e) {
  const TagOf<V> d;
  const auto low = hn::Mul(hn::Max(x, hn::Set(d, kGateLowest)), e);
  const auto gated = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), low, x);
  return OneNanV(hn::Div(gated, hn::Add(hn::Set(d, 1.f), e)));
}

template <class V>
HWY_INLINE V SiluV(V x) {
  return GateV(x, ExpV(hn::Neg(hn::Abs(x))));
}

template <class V>
HWY_INLINE V GeluTanhV(V x) {
  const TagOf<V> d;
  const auto cubic = hn::Mul(hn::Set(d, kGeluCubic), hn::Mul(x, x));
  const auto u = hn::Mul(x, hn::Add(hn::Set(d, kGeluLinear), cubic));
  return GateV(x, ExpV(hn::Neg(hn::Abs(u))));
}

template <class V>
HWY_INLINE V GeluErfV(V x) {
  const TagOf<V> d;
  const hn::RebindToUnsigned<TagOf<V>> du;
  const auto one = hn::Set(d, 1.f);
  const auto half = hn::Set(d, -0.5f);
  const auto a = hn::Min(hn::Abs(x), hn::Set(d, 100.f));
  const auto t = hn::Div(one, hn::Add(one, hn::Mul(hn::Set(d, kTailScale), a)));
  auto sum = hn::Set(d, kTail[8]);
  for (size_t i = 8; i-- > 0;) {
    sum = hn::Add(hn::Set(d, kTail[i]), hn::Mul(sum, t));
  }
  const auto high =
      hn::BitCast(d, hn::And(hn::BitCast(du, a), hn::Set(du, 0xffff'f000u)));
  const auto low = hn::Sub(a, high);
  const auto e1 = ExpV(hn::Mul(half, hn::Mul(high, high)));
  const auto e2 = ExpV(hn::Mul(half, hn::Mul(low, hn::Add(a, high))));
  const auto tail = hn::Mul(hn::Mul(e1, e2), hn::Mul(sum, t));
  const auto below = hn::Mul(hn::Max(x, hn::Set(d, kGateLowest)), tail);
  const auto above = hn::Mul(x, hn::Sub(one, tail));
  return OneNanV(hn::IfThenElse(
      hn::IsNaN(x), x, hn::IfThenElse(hn::Lt(x, hn::Zero(d)), below, above)));
}

template <class V>
HWY_INLINE V TanhV(V x) {
  const TagOf<V> d;
  const auto one = hn::Set(d, 1.f);
  const auto a = hn::Abs(x);
  const auto z = hn::Mul(a, a);
  auto sum = hn::Set(d, kTanh[4]);
  for (size_t i = 4; i-- > 0;) {
    sum = hn::Add(hn::Set(d, kTanh[i]), hn::Mul(sum, z));
  }
  const auto small = hn::Add(a, hn::Mul(a, hn::Mul(z, sum)));
  const auto e = ExpV(hn::Mul(hn::Set(d, -2.f), a));
  const auto large = hn::Div(hn::Sub(one, e), hn::Add(one, e));
  const auto y =
      hn::IfThenElse(hn::Lt(a, hn::Set(d, kTanhSmall)), small, large);
  return OneNanV(hn::CopySign(y, x));
}

template <class V>
HWY_INLINE V ReciprocalV(V x) {
  return OneNanV(hn::Div(hn::Set(TagOf<V>(), 1.f), x));
}

template <class V>
HWY_INLINE V RsqrtV(V x) {
  return OneNanV(hn::Div(hn::Set(TagOf<V>(), 1.f), hn::Sqrt(x)));
}

// out[i] = f(in[i]), i < n; in may be out.
template <class F>
HWY_INLINE void MapV(const float* in, float* out, size_t n, const F& f) {
  const hn::CappedTag<float, 16> d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    hn::StoreU(f(hn::LoadU(d, in + i)), d, out + i);
  }
  if (i < n) hn::StoreN(f(hn::LoadN(d, in + i, n - i)), d, out + i, n - i);
}

// kExp .. kRsqrt.
HWY_INLINE void MapFunctionV(VectorOp op, const float* in, float* out,
                             size_t n) {
  switch (op) {
    case VectorOp::kExp:
      return MapV(in, out, n, [](auto v) HWY_ATTR { return ExpV(v); });
    case VectorOp::kSilu:
      return MapV(in, out, n, [](auto v) HWY_ATTR { return SiluV(v); });
    case VectorOp::kGeluTanh:
      return MapV(in, out, n, [](auto v) HWY_ATTR { return GeluTanhV(v); });
    case VectorOp::kGeluErf:
      return MapV(in, out, n, [](auto v) HWY_ATTR { return GeluErfV(v); });
    case VectorOp::kTanh:
      return MapV(in, out, n, [](auto v) HWY_ATTR { return TanhV(v); });
    case VectorOp::kReciprocal:
      return MapV(in, out, n, [](auto v) HWY_ATTR { return ReciprocalV(v); });
    default:
      return MapV(in, out, n, [](auto v) HWY_ATTR { return RsqrtV(v); });
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace triptych::npu
HWY_AFTER_NAMESPACE();

#endif  // per target
