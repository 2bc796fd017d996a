// SPDX-License-Identifier: Apache-2.0
#include "kernels/rope/rope.h"

#include "kernels/base/check.h"
#include "kernels/base/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/rope/rope.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "kernels/quant/row-inl.h"
#include "kernels/simd/math-inl.h"

#ifndef TRIPTYCH_KERNELS_ROPE_ARGS_
#define TRIPTYCH_KERNELS_ROPE_ARGS_
namespace triptych {
namespace {

// Rows of x hold heads of q, of k, and v, one after the other; the last two
// may be missing.
template <class T>
struct RopeArgs {
  ConstMatView<float> x;
  size_t head_dim;
  std::span<const float> inv_freq;
  RopeStyle style;
  size_t q_heads, k_heads;
  MatView<float> q;
  MatView<T> k, v;
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

// Vectors to memory in the format that is there.
using DU16 = hn::Rebind<uint16_t, D>;
HWY_INLINE void StoreAs(V v, float* out) { hn::StoreU(v, D(), out); }
HWY_INLINE void StoreAs(V v, uint16_t* out) {
  hn::StoreU(Bf16Codes(D(), v), DU16(), out);
}
HWY_INLINE void StoreSomeAs(V v, float* out, size_t n) {
  hn::StoreN(v, D(), out, n);
}
HWY_INLINE void StoreSomeAs(V v, uint16_t* out, size_t n) {
  hn::StoreN(Bf16Codes(D(), v), DU16(), out, n);
}
HWY_INLINE void StorePairsAs(V a, V b, float* out) {
  hn::StoreInterleaved2(a, b, D(), out);
}
HWY_INLINE void StorePairsAs(V a, V b, uint16_t* out) {
  hn::StoreInterleaved2(Bf16Codes(D(), a), Bf16Codes(D(), b), DU16(), out);
}

// out[i] = x[i] for i < n.
template <class T>
void CopyAs(const float* x, size_t n, T* out) {
  if (static_cast<const void*>(x) == out) return;
  const size_t lanes = hn::Lanes(D());
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) StoreAs(hn::LoadU(D(), x + i), out + i);
  if (i < n) StoreSomeAs(hn::LoadN(D(), x + i, n - i), out + i, n - i);
}

// What one token's heads turn by: cosine[i] and sine[i] for pair i, with room
// for a whole vector at the end.
struct Turn {
  size_t pairs;
  const float* cosine;
  const float* sine;

  HWY_INLINE V Cosine(size_t i) const { return hn::LoadU(D(), cosine + i); }
  HWY_INLINE V Sine(size_t i) const { return hn::LoadU(D(), sine + i); }
};

// Pairs (x[i], x[i + n]) of one head for i < n.
template <class T>
HWY_INLINE void RotateHalves(const Turn& turn, const float* x, T* out) {
  const D d;
  const size_t lanes = hn::Lanes(d), n = turn.pairs;
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    V a = hn::LoadU(d, x + i), b = hn::LoadU(d, x + i + n);
    Rotate(turn.Cosine(i), turn.Sine(i), a, b);
    StoreAs(a, out + i);
    StoreAs(b, out + i + n);
  }
  if (i == n) return;
  V a = hn::LoadN(d, x + i, n - i), b = hn::LoadN(d, x + i + n, n - i);
  Rotate(turn.Cosine(i), turn.Sine(i), a, b);
  StoreSomeAs(a, out + i, n - i);
  StoreSomeAs(b, out + i + n, n - i);
}

// Pairs (x[2i], x[2i + 1]) of one head for i < n.
template <class T>
HWY_INLINE void RotateNeighbours(const Turn& turn, const float* x, T* out) {
  const D d;
  const size_t lanes = hn::Lanes(d), n = turn.pairs;
  V a, b;
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    hn::LoadInterleaved2(d, x + 2 * i, a, b);
    Rotate(turn.Cosine(i), turn.Sine(i), a, b);
    StorePairsAs(a, b, out + 2 * i);
  }
  if (i == n) return;
  // There is no partial interleaved load: the last pairs go through copies.
  HWY_ALIGN float last[2 * hn::MaxLanes(d)] = {};
  HWY_ALIGN T last_out[2 * hn::MaxLanes(d)] = {};
  hwy::CopyBytes(x + 2 * i, last, 2 * (n - i) * sizeof(float));
  hn::LoadInterleaved2(d, last, a, b);
  Rotate(turn.Cosine(i), turn.Sine(i), a, b);
  StorePairsAs(a, b, last_out);
  hwy::CopyBytes(last_out, out + 2 * i, 2 * (n - i) * sizeof(T));
}

// The heads of one token, all in one loop: two vectors of pairs a head do not
// pay for a call. x and out have `cols` columns, of which the last head may
// lack some that do not turn.
template <class T, class Rotation>
HWY_INLINE void TurnHeads(const Turn& turn, size_t heads, size_t head_dim,
                          size_t cols, const float* x, T* out,
                          const Rotation& rotate) {
  for (size_t h = 0; h < heads; ++h) {
    const size_t first = h * head_dim, stays = first + 2 * turn.pairs;
    const size_t end = HWY_MIN(first + head_dim, cols);
    rotate(turn, x + first, out + first);
    if (stays < end) CopyAs(x + stays, end - stays, out + stays);
  }
}
template <class T>
void TurnHeads(RopeStyle style, const Turn& turn, size_t heads, size_t head_dim,
               size_t cols, const float* x, T* out) {
  if (style == RopeStyle::kHalf) {
    TurnHeads(turn, heads, head_dim, cols, x, out, RotateHalves<T>);
  } else {
    TurnHeads(turn, heads, head_dim, cols, x, out, RotateNeighbours<T>);
  }
}

template <class T>
HWY_INLINE void TurnRows(const RopeArgs<T>& args,
                         std::span<const int32_t> positions) {
  const size_t pairs = args.inv_freq.size(), room = pairs + hn::Lanes(D());
  float* cosine = ScratchRow(2 * room);
  float* sine = cosine + room;
  const Turn turn{pairs, cosine, sine};
  const size_t q_cols = args.q.cols(), k_cols = args.k.cols();
  for (size_t t = 0; t < args.x.rows(); ++t) {
    TurnAt(positions[t], args.inv_freq, cosine, sine);
    const float* x = args.x.row(t);
    TurnHeads(args.style, turn, args.q_heads, args.head_dim, q_cols, x,
              args.q.row(t));
    if (args.k.rows() == 0) continue;
    TurnHeads(args.style, turn, args.k_heads, args.head_dim, k_cols, x + q_cols,
              args.k.row(t));
    CopyAs(x + q_cols + k_cols, args.v.cols(), args.v.row(t));
  }
}

void RopeRowsF32(const RopeArgs<float>& args,
                 std::span<const int32_t> positions) {
  TurnRows(args, positions);
}
void RopeRowsBf16(const RopeArgs<uint16_t>& args,
                  std::span<const int32_t> positions) {
  TurnRows(args, positions);
}

}  // namespace HWY_NAMESPACE
}  // namespace triptych
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace triptych {

HWY_EXPORT(RopeRowsF32);
HWY_EXPORT(RopeRowsBf16);

namespace {

using RowsF32 = void (*)(const RopeArgs<float>&, std::span<const int32_t>);
using RowsBf16 = void (*)(const RopeArgs<uint16_t>&, std::span<const int32_t>);

RowsF32 RowsOf(float) { return HWY_DYNAMIC_POINTER(RopeRowsF32); }
RowsBf16 RowsOf(uint16_t) { return HWY_DYNAMIC_POINTER(RopeRowsBf16); }

}  // namespace

void Rope(ConstMatView<float> x, size_t heads, size_t head_dim,
          std::span<const float> inv_freq, std::span<const int32_t> positions,
          RopeStyle style, MatView<float> out, int threads) {
  if (x.rows() == 0 || heads == 0) return;
  const size_t rotated = 2 * inv_freq.size();
  TRIPTYCH_CHECK(rotated <= head_dim, "rotated", rotated, "of", head_dim);
  TRIPTYCH_CHECK((heads - 1) * head_dim + rotated <= x.cols(), "heads", heads,
                 "of", head_dim, "in", x.cols());
  TRIPTYCH_CHECK(positions.size() == x.rows(), positions.size(), x.rows());
  TRIPTYCH_CHECK(out.rows() == x.rows() && out.cols() == x.cols(), out.rows(),
                 out.cols(), x.rows(), x.cols());
  const auto rows = HWY_DYNAMIC_POINTER(RopeRowsF32);
  ParallelForRows(x.rows(), x.cols(), threads, [&](size_t first, size_t count) {
    rows({.x = x.Rows(first, count),
          .head_dim = head_dim,
          .inv_freq = inv_freq,
          .style = style,
          .q_heads = heads,
          .k_heads = 0,
          .q = out.Rows(first, count)},
         positions.subspan(first, count));
  });
}

template <class T>
void RopeAppend(ConstMatView<float> qkv, size_t head_dim,
                std::span<const float> inv_freq,
                std::span<const int32_t> positions, RopeStyle style,
                MatView<float> q, MatView<T> k, MatView<T> v, int threads) {
  const size_t tokens = qkv.rows();
  if (tokens == 0) return;
  TRIPTYCH_CHECK(q.rows() == tokens && k.rows() == tokens &&
                     v.rows() == tokens && positions.size() == tokens,
                 tokens, q.rows(), k.rows(), v.rows(), positions.size());
  TRIPTYCH_CHECK(q.cols() + k.cols() + v.cols() == qkv.cols(), "q", q.cols(),
                 "k", k.cols(), "v", v.cols(), "of", qkv.cols());
  TRIPTYCH_CHECK(
      head_dim > 0 && q.cols() % head_dim == 0 && k.cols() % head_dim == 0,
      "heads of", head_dim, "in q", q.cols(), "k", k.cols());
  TRIPTYCH_CHECK(2 * inv_freq.size() <= head_dim, "rotated",
                 2 * inv_freq.size(), "of", head_dim);
  const auto rows = RowsOf(T{});
  ParallelForRows(tokens, qkv.cols(), threads, [&](size_t first, size_t count) {
    rows({.x = qkv.Rows(first, count),
          .head_dim = head_dim,
          .inv_freq = inv_freq,
          .style = style,
          .q_heads = q.cols() / head_dim,
          .k_heads = k.cols() / head_dim,
          .q = q.Rows(first, count),
          .k = k.Rows(first, count),
          .v = v.Rows(first, count)},
         positions.subspan(first, count));
  });
}

template void RopeAppend<float>(ConstMatView<float>, size_t,
                                std::span<const float>,
                                std::span<const int32_t>, RopeStyle,
                                MatView<float>, MatView<float>, MatView<float>,
                                int);
template void RopeAppend<uint16_t>(ConstMatView<float>, size_t,
                                   std::span<const float>,
                                   std::span<const int32_t>, RopeStyle,
                                   MatView<float>, MatView<uint16_t>,
                                   MatView<uint16_t>, int);

}  // namespace triptych
#endif
