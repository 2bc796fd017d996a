// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/isa/fast_ops.h"

#include <algorithm>
#include <cstring>

#include "emulators/npu/isa/functions.h"
#include "emulators/npu/isa/requantize.h"
#include "kernels/base/formats.h"
#include "kernels/matmul/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "emulators/npu/isa/fast_ops.cc"
// The loop over targets comes first.
// clang-format off
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "emulators/npu/isa/functions-inl.h"
#include "kernels/quant/row-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace triptych::npu {
namespace HWY_NAMESPACE {
namespace {

using F32 = hn::CappedTag<float, 16>;
using I32 = hn::RebindToSigned<F32>;
using U32 = hn::RebindToUnsigned<F32>;
using I8 = hn::Repartition<int8_t, F32>;
using U8 = hn::RebindToUnsigned<I8>;
using VF = hn::Vec<F32>;
using VI = hn::Vec<I32>;
constexpr size_t kLanes = hn::MaxLanes(F32());
constexpr size_t kBytes = 4 * kLanes;
// Vectors that hold the sixteen partial sums.
constexpr size_t kParts = 16 / kLanes;

// ---- Codes ----

void Unpack4(const uint8_t* HWY_RESTRICT in, int8_t* HWY_RESTRICT out,
             size_t n) {
  const U8 d;
  const hn::Repartition<uint16_t, U8> d16;
  const hn::Half<U8> dh;
  const auto low = hn::Set(d16, 0x000f), high = hn::Set(d16, 0x0f00);
  const auto sign = hn::Set(d, 8);
  size_t i = 0;
  for (; i + kBytes / 2 <= n; i += kBytes / 2) {
    const auto v = hn::PromoteTo(d16, hn::LoadU(dh, in + i));
    const auto codes =
        hn::Or(hn::And(v, low), hn::And(hn::ShiftLeft<4>(v), high));
    const auto bytes = hn::Sub(hn::Xor(hn::BitCast(d, codes), sign), sign);
    hn::StoreU(hn::BitCast(I8(), bytes), I8(), out + 2 * i);
  }
  for (; i < n; ++i) {
    out[2 * i] = static_cast<int8_t>(((in[i] & 15) ^ 8) - 8);
    out[2 * i + 1] = static_cast<int8_t>(((in[i] >> 4) ^ 8) - 8);
  }
}

int32_t SumOf(const int8_t* x, size_t n) {
  const I8 d;
  const auto ones = hn::Set(U8(), 1);
  VI sum = hn::Zero(I32());
  size_t i = 0;
  for (; i + kBytes <= n; i += kBytes) {
    sum = hn::SumOfMulQuadAccumulate(I32(), ones, hn::LoadU(d, x + i), sum);
  }
  if (i < n) {
    sum = hn::SumOfMulQuadAccumulate(I32(), ones, hn::LoadN(d, x + i, n - i),
                                     sum);
  }
  return hn::ReduceSum(I32(), sum);
}

void Bias(const int8_t* HWY_RESTRICT x, uint8_t* HWY_RESTRICT out, size_t n) {
  const U8 d;
  const auto* from = reinterpret_cast<const uint8_t*>(x);
  const auto flip = hn::Set(d, 0x80);
  size_t i = 0;
  for (; i + kBytes <= n; i += kBytes) {
    hn::StoreU(hn::Xor(hn::LoadU(d, from + i), flip), d, out + i);
  }
  if (i < n) {
    hn::StoreN(hn::Xor(hn::LoadN(d, from + i, n - i), flip), d, out + i, n - i);
  }
}

void Units(const int8_t* HWY_RESTRICT w, size_t stride,
           std::byte* HWY_RESTRICT lines) {
  const hn::FixedTag<uint32_t, 4> d;
  const hn::Repartition<uint64_t, decltype(d)> d64;
  const hn::Repartition<uint8_t, decltype(d)> d8;
  const auto* from = reinterpret_cast<const uint8_t*>(w);
  auto* to = reinterpret_cast<uint8_t*>(lines);
  const auto row = [&](size_t o) HWY_ATTR {
    return hn::BitCast(d, hn::LoadU(d8, from + o * stride));
  };
  for (size_t o = 0; o < 16; o += 4, to += 16) {
    const auto a = row(o), b = row(o + 1), c = row(o + 2), e = row(o + 3);
    // Words 0 and 1, then 2 and 3, of a and b, and of c and e.
    const auto ab = hn::BitCast(d64, hn::InterleaveLower(d, a, b));
    const auto ce = hn::BitCast(d64, hn::InterleaveLower(d, c, e));
    const auto ab2 = hn::BitCast(d64, hn::InterleaveUpper(d, a, b));
    const auto ce2 = hn::BitCast(d64, hn::InterleaveUpper(d, c, e));
    const auto store = [&](hn::Vec<decltype(d64)> v, size_t l) HWY_ATTR {
      hn::StoreU(hn::BitCast(d8, v), d8, to + 64 * l);
    };
    store(hn::InterleaveLower(d64, ab, ce), 0);
    store(hn::InterleaveUpper(d64, ab, ce), 1);
    store(hn::InterleaveLower(d64, ab2, ce2), 2);
    store(hn::InterleaveUpper(d64, ab2, ce2), 3);
  }
}

void Interleave4(const int8_t* HWY_RESTRICT w, size_t stride,
                 std::byte* HWY_RESTRICT line) {
  const hn::FixedTag<uint8_t, 16> d;
  const hn::Repartition<uint16_t, decltype(d)> d16;
  const auto row = [&](size_t i) HWY_ATTR {
    return hn::LoadU(d, reinterpret_cast<const uint8_t*>(w) + i * stride);
  };
  const auto store = [&](hn::Vec<decltype(d16)> v, size_t i) HWY_ATTR {
    hn::StoreU(hn::BitCast(d, v), d, reinterpret_cast<uint8_t*>(line) + 16 * i);
  };
  const auto w0 = row(0), w1 = row(1), w2 = row(2), w3 = row(3);
  const auto low01 = hn::BitCast(d16, hn::InterleaveLower(d, w0, w1));
  const auto low23 = hn::BitCast(d16, hn::InterleaveLower(d, w2, w3));
  const auto high01 = hn::BitCast(d16, hn::InterleaveUpper(d, w0, w1));
  const auto high23 = hn::BitCast(d16, hn::InterleaveUpper(d, w2, w3));
  store(hn::InterleaveLower(d16, low01, low23), 0);
  store(hn::InterleaveUpper(d16, low01, low23), 1);
  store(hn::InterleaveLower(d16, high01, high23), 2);
  store(hn::InterleaveUpper(d16, high01, high23), 3);
}

void UnitSums(const std::byte* HWY_RESTRICT lines, size_t count,
              int32_t* HWY_RESTRICT sums) {
  const auto ones = hn::Set(U8(), 1);
  for (size_t o = 0; o < 16; o += kLanes) {
    VI sum = hn::Zero(I32());
    const auto* from = reinterpret_cast<const int8_t*>(lines) + 4 * o;
    for (size_t l = 0; l < count; ++l) {
      sum = hn::SumOfMulQuadAccumulate(I32(), ones,
                                       hn::LoadU(I8(), from + 64 * l), sum);
    }
    hn::StoreU(hn::Neg(hn::ShiftLeft<7>(sum)), I32(), sums + o);
  }
}

void Add(const int32_t* HWY_RESTRICT x, int32_t* HWY_RESTRICT out, size_t n) {
  const I32 d;
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    hn::StoreU(hn::Add(hn::LoadU(d, out + i), hn::LoadU(d, x + i)), d, out + i);
  }
  for (; i < n; ++i) {
    out[i] = static_cast<int32_t>(static_cast<uint32_t>(out[i]) +
                                  static_cast<uint32_t>(x[i]));
  }
}

// The sums of the lanes of kCount vectors, kCount a power of two up to the
// lanes, one behind the other and over again. Sums of all lanes of each, one by
// one, would cost as much as the products of a short row.
template <size_t kCount>
HWY_INLINE VI LaneSums(const VI* v) {
  const I32 d;
  if constexpr (kCount == 1) {
    return v[0];
  } else {
    VI half[kCount / 2];
    for (size_t i = 0; i < kCount / 2; ++i) {
      half[i] = hn::Add(hn::ConcatEven(d, v[2 * i + 1], v[2 * i]),
                        hn::ConcatOdd(d, v[2 * i + 1], v[2 * i]));
    }
    return LaneSums<kCount / 2>(half);
  }
}

// Adds products of a row with `kOutputs` rows of weights, `bytes` from `i` on.
// The dot product instruction takes one side unsigned: weights + 128, and 128
// times the sum of a goes off again.
template <size_t kOutputs>
HWY_INLINE void AddDots(const DotRow& row, const uint8_t* w, size_t i,
                        size_t bytes, VI* sum) {
  const U8 du;
  const I8 di;
  const auto flip = hn::Set(du, 0x80);
  const auto a = hn::LoadU(di, row.a + i);
  for (size_t o = 0; o < kOutputs; ++o) {
    const uint8_t* from = w + o * row.w_stride + i;
    const auto v =
        bytes == kBytes ? hn::LoadU(du, from) : hn::LoadN(du, from, bytes);
    sum[o] = hn::SumOfMulQuadAccumulate(I32(), hn::Xor(v, flip), a, sum[o]);
  }
}

// Outputs from j on, as many as a vector has lanes or one.
template <size_t kOutputs>
HWY_INLINE void Dots(const DotRow& row, int32_t offset, size_t j) {
  const I32 d;
  const auto* w = reinterpret_cast<const uint8_t*>(row.w) + j * row.w_stride;
  VI sum[kOutputs];
  for (size_t o = 0; o < kOutputs; ++o) sum[o] = hn::Zero(d);
  size_t i = 0;
  for (; i + kBytes <= row.k; i += kBytes) {
    AddDots<kOutputs>(row, w, i, kBytes, sum);
  }
  if (i < row.k) AddDots<kOutputs>(row, w, i, row.k - i, sum);
  if constexpr (kOutputs == 1) {
    auto c = static_cast<uint32_t>(hn::ReduceSum(d, sum[0])) -
             static_cast<uint32_t>(offset);
    if (row.accumulate) c += static_cast<uint32_t>(row.c[j]);
    row.c[j] = static_cast<int32_t>(c);
  } else {
    VI c = hn::Sub(LaneSums<kOutputs>(sum), hn::Set(d, offset));
    if (row.accumulate) c = hn::Add(c, hn::LoadU(d, row.c + j));
    hn::StoreU(c, d, row.c + j);
  }
}

void Dot(const DotRow& row) {
  const auto offset =
      static_cast<int32_t>(128 * static_cast<uint32_t>(SumOf(row.a, row.k)));
  size_t j = 0;
  if constexpr (kLanes > 1) {
    for (; j + kLanes <= row.n; j += kLanes) Dots<kLanes>(row, offset, j);
  }
  for (; j < row.n; ++j) Dots<1>(row, offset, j);
}

// ---- Rows of f32 ----

// f(i, lanes there are) for every vector of n elements, the last one short.
template <class F>
HWY_INLINE void ForVectors(size_t n, const F& f) {
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) f(i, kLanes);
  if (i < n) f(i, n - i);
}

template <class D>
HWY_INLINE hn::Vec<D> LoadSome(D d, const hn::TFromD<D>* p, size_t lanes) {
  return lanes == kLanes ? hn::LoadU(d, p) : hn::LoadN(d, p, lanes);
}
template <class D>
HWY_INLINE void StoreSome(hn::Vec<D> v, D d, hn::TFromD<D>* p, size_t lanes) {
  if (lanes == kLanes) {
    hn::StoreU(v, d, p);
  } else {
    hn::StoreN(v, d, p, lanes);
  }
}

void Dequantize(const DequantizeRow& row) {
  const F32 d;
  const VF row_scale = hn::Set(d, row.row_scale ? *row.row_scale : 1.f);
  ForVectors(row.n, [&](size_t i, size_t lanes) HWY_ATTR {
    VF y = hn::ConvertTo(d, LoadSome(I32(), row.acc + i, lanes));
    if (row.scales) y = hn::Mul(y, LoadSome(d, row.scales + i, lanes));
    if (row.accumulate) y = hn::Add(y, LoadSome(d, row.dst + i, lanes));
    if (row.row_scale) y = hn::Mul(y, row_scale);
    StoreSome(OneNanV(y), d, row.dst + i, lanes);
  });
}

void Requantize(const RequantizeRow& row) {
  for (size_t j = 0; j < row.n; ++j) {
    const int32_t multiplier = row.table[2 * j], shift = row.table[2 * j + 1];
    const int64_t y =
        row.zero_point + (row.twice ? ScaleTwice(row.acc[j], multiplier, shift)
                                    : ScaleOnce(row.acc[j], multiplier, shift));
    row.dst[j] = static_cast<int8_t>(std::clamp<int64_t>(y, row.low, row.high));
  }
}

float Quantize(const float* x, int bits, int8_t* codes, size_t n) {
  namespace kernels = triptych::HWY_NAMESPACE;
  const uint32_t absmax_bits = kernels::AbsMaxBits(F32(), x, n);
  const auto absmax = hwy::BitCastScalar<float>(absmax_bits);
  const auto qmax = static_cast<float>(QMax(bits));
  const float inverse = qmax / absmax;
  const bool finite = absmax_bits < 0x7f80'0000;
  if (!finite || !(inverse <= hwy::HighestValue<float>())) {
    std::memset(codes, 0, n);
    return finite ? 0 : hwy::BitCastScalar<float>(kQuietNan);
  }
  kernels::RoundRow(F32(), x, n, inverse, codes);
  return absmax / qmax;
}

// The bits of f32 in an order of integers, -0 below 0; its own inverse.
HWY_INLINE VI OrderV(VI bits) {
  return hn::Xor(
      bits, hn::And(hn::BroadcastSignBit(bits), hn::Set(I32(), 0x7fff'ffff)));
}
HWY_INLINE VI OrderOfV(VF x) { return OrderV(hn::BitCast(I32(), x)); }

template <class F>
HWY_INLINE void BinaryRow(const float* a, const float* b, bool one_b,
                          float* out, size_t n, const F& f) {
  const F32 d;
  if (one_b) {
    const VF vb = hn::Set(d, *b);
    ForVectors(n, [&](size_t i, size_t lanes) HWY_ATTR {
      StoreSome(OneNanV(f(LoadSome(d, a + i, lanes), vb)), d, out + i, lanes);
    });
    return;
  }
  ForVectors(n, [&](size_t i, size_t lanes) HWY_ATTR {
    const VF vb = LoadSome(d, b + i, lanes);
    StoreSome(OneNanV(f(LoadSome(d, a + i, lanes), vb)), d, out + i, lanes);
  });
}

void Binary(VectorOp op, const float* a, const float* b, bool one_b, float* out,
            size_t n) {
  const F32 d;
  // a + b for a NaN in either.
  const auto checked = [&](VF x, VF y, VF chosen) HWY_ATTR {
    const auto nan = hn::Or(hn::IsNaN(x), hn::IsNaN(y));
    return hn::IfThenElse(nan, hn::NaN(d), chosen);
  };
  const auto above = [&](VF x, VF y) HWY_ATTR {
    return hn::RebindMask(d, hn::Gt(OrderOfV(x), OrderOfV(y)));
  };
  switch (op) {
    case VectorOp::kAdd:
      return BinaryRow(a, b, one_b, out, n,
                       [](VF x, VF y) HWY_ATTR { return hn::Add(x, y); });
    case VectorOp::kSub:
      return BinaryRow(a, b, one_b, out, n,
                       [](VF x, VF y) HWY_ATTR { return hn::Sub(x, y); });
    case VectorOp::kMul:
      return BinaryRow(a, b, one_b, out, n,
                       [](VF x, VF y) HWY_ATTR { return hn::Mul(x, y); });
    case VectorOp::kMax:
      return BinaryRow(a, b, one_b, out, n, [&](VF x, VF y) HWY_ATTR {
        return checked(x, y, hn::IfThenElse(above(x, y), x, y));
      });
    default:
      return BinaryRow(a, b, one_b, out, n, [&](VF x, VF y) HWY_ATTR {
        return checked(x, y, hn::IfThenElse(above(y, x), x, y));
      });
  }
}

void FunctionRow(VectorOp op, const float* in, float* out, size_t n) {
  MapFunctionV(op, in, out, n);
}

// The sum of f(element) in sixteen parts: element c goes to part c mod 16.
template <class F>
HWY_INLINE float Sum16(const float* x, size_t n, const F& f) {
  const F32 d;
  VF parts[kParts];
  for (size_t p = 0; p < kParts; ++p) parts[p] = hn::Zero(d);
  size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    for (size_t p = 0; p < kParts; ++p) {
      parts[p] = hn::Add(parts[p], f(hn::LoadU(d, x + i + p * kLanes)));
    }
  }
  for (size_t p = 0; p < kParts && i < n; ++p, i += kLanes) {
    const size_t lanes = std::min(kLanes, n - i);
    // No part is ever -0: adding 0 changes nothing.
    parts[p] = hn::Add(
        parts[p],
        hn::IfThenElseZero(hn::FirstN(d, lanes), f(LoadSome(d, x + i, lanes))));
  }
  alignas(64) float s[16];
  for (size_t p = 0; p < kParts; ++p) hn::StoreU(parts[p], d, s + p * kLanes);
  for (size_t half = 8; half > 0; half /= 2) {
    for (size_t j = 0; j < half; ++j) s[j] += s[j + half];
  }
  return OneNan(s[0]);
}

HWY_INLINE float MaxOf(const float* x, size_t n) {
  const F32 d;
  VI most = hn::Set(I32(), hwy::LowestValue<int32_t>());
  auto nan = hn::FirstN(d, 0);
  ForVectors(n, [&](size_t i, size_t lanes) HWY_ATTR {
    // What is missing is a copy of the first element.
    const VF v = lanes == kLanes ? hn::LoadU(d, x + i)
                                 : hn::IfThenElse(hn::FirstN(d, lanes),
                                                  hn::LoadN(d, x + i, lanes),
                                                  hn::Set(d, *x));
    most = hn::Max(most, OrderOfV(v));
    nan = hn::Or(nan, hn::IsNaN(v));
  });
  if (!hn::AllFalse(d, nan)) return hwy::BitCastScalar<float>(kQuietNan);
  const int32_t order = hn::ReduceMax(I32(), most);
  return hwy::BitCastScalar<float>(order ^ ((order >> 31) & 0x7fff'ffff));
}

float Reduce(ReduceOp op, const float* x, size_t n) {
  switch (op) {
    case ReduceOp::kSum:
      return Sum16(x, n, [](VF v) HWY_ATTR { return v; });
    case ReduceOp::kMax:
      return MaxOf(x, n);
    case ReduceOp::kAbsMax: {
      const uint32_t bits = triptych::HWY_NAMESPACE::AbsMaxBits(F32(), x, n);
      return OneNan(hwy::BitCastScalar<float>(bits));
    }
    default:
      return Sum16(x, n, [](VF v) HWY_ATTR { return hn::Mul(v, v); });
  }
}

void Norm(const NormRow& row) {
  const F32 d;
  const auto n = static_cast<float>(row.n);
  float mean = 0;
  if (row.layer) {
    mean = Sum16(row.src, row.n, [](VF v) HWY_ATTR { return v; }) / n;
  }
  const VF means = hn::Set(d, mean);
  const float squares =
      row.layer
          ? Sum16(row.src, row.n,
                  [&](VF v) HWY_ATTR {
                    const VF x = hn::Sub(v, means);
                    return hn::Mul(x, x);
                  })
          : Sum16(row.src, row.n, [](VF v) HWY_ATTR { return hn::Mul(v, v); });
  const VF scale = hn::Set(d, Rsqrt(squares / n + row.eps));
  ForVectors(row.n, [&](size_t i, size_t lanes) HWY_ATTR {
    VF y = LoadSome(d, row.src + i, lanes);
    if (row.layer) y = hn::Sub(y, means);
    y = hn::Mul(y, scale);
    if (row.weight) y = hn::Mul(y, LoadSome(d, row.weight + i, lanes));
    if (row.bias) y = hn::Add(y, LoadSome(d, row.bias + i, lanes));
    StoreSome(OneNanV(y), d, row.dst + i, lanes);
  });
}

float Softmax(const SoftmaxRow& row) {
  const F32 d;
  const VF max = hn::Set(d, MaxOf(row.src, row.visible));
  ForVectors(row.visible, [&](size_t i, size_t lanes) HWY_ATTR {
    const VF x = hn::Sub(LoadSome(d, row.src + i, lanes), max);
    StoreSome(ExpV(x), d, row.dst + i, lanes);
  });
  std::fill(row.dst + row.visible, row.dst + row.n, 0.f);
  const float sum =
      Sum16(row.dst, row.visible, [](VF v) HWY_ATTR { return v; });
  if (!row.normalize) return sum;
  const VF scale = hn::Set(d, Reciprocal(sum));
  ForVectors(row.visible, [&](size_t i, size_t lanes) HWY_ATTR {
    const VF e = LoadSome(d, row.dst + i, lanes);
    StoreSome(OneNanV(hn::Mul(e, scale)), d, row.dst + i, lanes);
  });
  return sum;
}

void Rope(const RopeHead& head) {
  const F32 d;
  float* const a_row = head.x;
  float* const b_row = head.half ? head.x + head.pairs : head.x + 1;
  const size_t step = head.half ? 1 : 2;
  size_t i = 0;
  for (; i + kLanes <= head.pairs; i += kLanes) {
    VF c, s, a, b;
    hn::LoadInterleaved2(d, head.table + 2 * i, c, s);
    if (head.half) {
      a = hn::LoadU(d, a_row + i);
      b = hn::LoadU(d, b_row + i);
    } else {
      hn::LoadInterleaved2(d, head.x + 2 * i, a, b);
    }
    const VF x = OneNanV(hn::Sub(hn::Mul(a, c), hn::Mul(b, s)));
    const VF y = OneNanV(hn::Add(hn::Mul(a, s), hn::Mul(b, c)));
    if (head.half) {
      hn::StoreU(x, d, a_row + i);
      hn::StoreU(y, d, b_row + i);
    } else {
      hn::StoreInterleaved2(x, y, d, head.x + 2 * i);
    }
  }
  for (; i < head.pairs; ++i) {
    const float c = head.table[2 * i], s = head.table[2 * i + 1];
    const float a = a_row[step * i], b = b_row[step * i];
    a_row[step * i] = OneNan(a * c - b * s);
    b_row[step * i] = OneNan(a * s + b * c);
  }
}

}  // namespace

const FastOps* GetOps() {
  static constexpr FastOps kOps = {
      .unpack4 = Unpack4,
      .dot = Dot,
      .bias = Bias,
      .units = Units,
      .interleave4 = Interleave4,
      .unit_sums = UnitSums,
      .add = Add,
      .dequantize = Dequantize,
      .requantize = Requantize,
      .quantize = Quantize,
      .binary = Binary,
      .function = FunctionRow,
      .reduce = Reduce,
      .norm = Norm,
      .softmax = Softmax,
      .rope = Rope,
  };
  return &kOps;
}

}  // namespace HWY_NAMESPACE
}  // namespace triptych::npu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace triptych::npu {

HWY_EXPORT(GetOps);
const FastOps& BestOps() { return *HWY_DYNAMIC_DISPATCH(GetOps)(); }

}  // namespace triptych::npu
#endif
