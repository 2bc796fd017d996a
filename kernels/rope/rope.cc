// SPDX-License-Identifier: Apache-2.0
#include "kernels/rope/rope.h"

#include "kernels/base/aligned.h"
#include "kernels/base/check.h"
#include "kernels/base/parallel.h"
#include "kernels/base/units.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/rope/rope.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "kernels/simd/math-inl.h"

#ifndef TRIPTYCH_KERNELS_ROPE_ARGS_
#define TRIPTYCH_KERNELS_ROPE_ARGS_
namespace triptych {
namespace {

struct RopeArgs {
  MatView<float> x;
  size_t heads, head_dim;
  std::span<const float> inv_freq;
  RopeStyle style;
};

}  // namespace
}  // namespace triptych
#endif

HWY_BEFORE_NAMESPACE();
namespace triptych {
namespace HWY_NAMESPACE {

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

// cosine[i] and sine[i] of position * inv_freq[i]; both have room for a whole
// vector at the end. The angle is counted in quarter turns and in f64, whole
// quarters come off exactly, and what is left is small enough for f32.
void TurnAt(int32_t position, std::span<const float> inv_freq, float* cosine,
            float* sine) {
  const hn::ScalableTag<double> d64;
  const hn::Rebind<float, decltype(d64)> d;
  const hn::Rebind<int32_t, decltype(d64)> di;
  constexpr double kQuartersARadian = 0.63661977236758134;  // 2 / pi
  const auto scale = hn::Set(d64, position * kQuartersARadian);
  for (size_t i = 0; i < inv_freq.size(); i += hn::Lanes(d)) {
    const auto freq = hn::LoadN(d, inv_freq.data() + i, inv_freq.size() - i);
    const auto angle = hn::Mul(hn::PromoteTo(d64, freq), scale);
    const auto whole = hn::Round(angle);
    const auto rest = hn::DemoteTo(d, hn::Sub(angle, whole));
    auto s = hn::Undefined(d), c = hn::Undefined(d);
    SinCosOctant(d, hn::Mul(rest, hn::Set(d, 1.5707963267948966f)), s, c);
    // Quarter 1 swaps the two, 2 and 3 negate the sine, 1 and 2 the cosine:
    // bits of the count, which is right for negative counts too.
    const auto quarter = hn::DemoteTo(di, whole);
    const auto one = hn::Set(di, 1), two = hn::Set(di, 2);
    const auto odd = hn::RebindMask(d, hn::TestBit(quarter, one));
    const auto sine_sign = hn::ShiftLeft<30>(hn::And(quarter, two));
    const auto cosine_sign =
        hn::ShiftLeft<30>(hn::And(hn::Add(quarter, one), two));
    hn::StoreU(hn::Xor(hn::IfThenElse(odd, c, s), hn::BitCast(d, sine_sign)), d,
               sine + i);
    hn::StoreU(hn::Xor(hn::IfThenElse(odd, s, c), hn::BitCast(d, cosine_sign)),
               d, cosine + i);
  }
}

HWY_INLINE void Rotate(V c, V s, V& a, V& b) {
  const V turned = hn::MulSub(a, c, hn::Mul(b, s));
  b = hn::MulAdd(a, s, hn::Mul(b, c));
  a = turned;
}

// Pairs (x[i], x[i + n]) for i < n.
void RotateHalves(const float* cosine, const float* sine, size_t n, float* x) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    V a = hn::LoadU(d, x + i), b = hn::LoadU(d, x + i + n);
    Rotate(hn::LoadU(d, cosine + i), hn::LoadU(d, sine + i), a, b);
    hn::StoreU(a, d, x + i);
    hn::StoreU(b, d, x + i + n);
  }
  if (i == n) return;
  V a = hn::LoadN(d, x + i, n - i), b = hn::LoadN(d, x + i + n, n - i);
  Rotate(hn::LoadU(d, cosine + i), hn::LoadU(d, sine + i), a, b);
  hn::StoreN(a, d, x + i, n - i);
  hn::StoreN(b, d, x + i + n, n - i);
}

// Pairs (x[2i], x[2i + 1]) for i < n.
void RotateNeighbours(const float* cosine, const float* sine, size_t n,
                      float* x) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  V a, b;
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    hn::LoadInterleaved2(d, x + 2 * i, a, b);
    Rotate(hn::LoadU(d, cosine + i), hn::LoadU(d, sine + i), a, b);
    hn::StoreInterleaved2(a, b, d, x + 2 * i);
  }
  if (i == n) return;
  // There is no partial interleaved load: the last pairs go through a copy.
  HWY_ALIGN float last[2 * hn::MaxLanes(d)] = {};
  hwy::CopyBytes(x + 2 * i, last, 2 * (n - i) * sizeof(float));
  hn::LoadInterleaved2(d, last, a, b);
  Rotate(hn::LoadU(d, cosine + i), hn::LoadU(d, sine + i), a, b);
  hn::StoreInterleaved2(a, b, d, last);
  hwy::CopyBytes(last, x + 2 * i, 2 * (n - i) * sizeof(float));
}

void RopeRows(const RopeArgs& args, std::span<const int32_t> positions) {
  const size_t pairs = args.inv_freq.size();
  const size_t room = pairs + hn::Lanes(D());
  AlignedVector<float> cosine(room), sine(room);
  for (size_t t = 0; t < args.x.rows(); ++t) {
    TurnAt(positions[t], args.inv_freq, cosine.data(), sine.data());
    const auto rotate =
        args.style == RopeStyle::kHalf ? RotateHalves : RotateNeighbours;
    for (size_t h = 0; h < args.heads; ++h) {
      rotate(cosine.data(), sine.data(), pairs,
             args.x.row(t) + h * args.head_dim);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace triptych
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace triptych {

HWY_EXPORT(RopeRows);

void Rope(MatView<float> x, size_t heads, size_t head_dim,
          std::span<const float> inv_freq, std::span<const int32_t> positions,
          RopeStyle style, int threads) {
  if (x.rows() == 0 || heads == 0) return;
  const size_t rotated = 2 * inv_freq.size();
  TRIPTYCH_CHECK(rotated <= head_dim, "rotated", rotated, "of", head_dim);
  TRIPTYCH_CHECK((heads - 1) * head_dim + rotated <= x.cols(), "heads", heads,
                 "of", head_dim, "in", x.cols());
  TRIPTYCH_CHECK(positions.size() == x.rows(), positions.size(), x.rows());
  const auto rows = HWY_DYNAMIC_POINTER(RopeRows);
  ParallelForRows(x.rows(), x.cols(), threads, [&](size_t first, size_t count) {
    rows({x.Rows(first, count), heads, head_dim, inv_freq, style},
         positions.subspan(first, count));
  });
}

}  // namespace triptych
#endif
