// What the four bytes of a unit are, once per SIMD target: how to load W, how
// to broadcast A, how to multiply and accumulate. One type for each format:
//
//   T                          of the sums: float or int32_t
//   W LoadW(p)                 a vector of units, any alignment
//   A Broadcast(p)             one unit for all lanes, any alignment
//   Sum MulAdd(a, w, sum)      sum + the products of one unit
// SPDX-License-Identifier: Apache-2.0

#if defined(TRIPTYCH_KERNELS_MATMUL_DOT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TRIPTYCH_KERNELS_MATMUL_DOT_INL_H_
#undef TRIPTYCH_KERNELS_MATMUL_DOT_INL_H_
#else
#define TRIPTYCH_KERNELS_MATMUL_DOT_INL_H_
#endif

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "hwy/highway.h"
#include "kernels/matmul/matmul.h"

HWY_BEFORE_NAMESPACE();
namespace triptych::matmul {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// A panel line is the widest vector used: 16 lanes of four bytes.
template <class T>
using LineTag = hn::CappedTag<T, PackedWeights::kPanelOutputs>;

// A unit of A in every lane.
HWY_INLINE hn::Vec<LineTag<uint32_t>> BroadcastUnit(const std::byte* p) {
  uint32_t unit;
  std::memcpy(&unit, p, sizeof(unit));
  return hn::Set(LineTag<uint32_t>(), unit);
}

struct DotF32 {
  using T = float;
  using W = hn::Vec<LineTag<float>>;
  using A = W;
  using Sum = W;
  static HWY_INLINE W LoadW(const std::byte* p) {
    return hn::LoadU(LineTag<float>(), reinterpret_cast<const float*>(p));
  }
  static HWY_INLINE A Broadcast(const std::byte* p) {
    return hn::BitCast(LineTag<float>(), BroadcastUnit(p));
  }
  static HWY_INLINE Sum MulAdd(A a, W w, Sum sum) {
    return hn::MulAdd(a, w, sum);
  }
};

struct DotBf16 {
  using T = float;
  using Tag = hn::Repartition<hwy::bfloat16_t, LineTag<float>>;
  using W = hn::Vec<Tag>;
  using A = W;
  using Sum = hn::Vec<LineTag<float>>;
  static HWY_INLINE W LoadW(const std::byte* p) {
    return hn::LoadU(Tag(), reinterpret_cast<const hwy::bfloat16_t*>(p));
  }
  static HWY_INLINE A Broadcast(const std::byte* p) {
    return hn::BitCast(Tag(), BroadcastUnit(p));
  }
  // Highway's ReorderWidenMulAccumulate has a second accumulator which only
  // some targets use; whoever forgets it gets half of the sum, fast. Here the
  // op is taken where it is one instruction with one accumulator, and
  // elsewhere both halves of a pair go into the same sum: that also spares
  // the registers a second tile would need.
  static HWY_INLINE Sum MulAdd(A a, W w, Sum sum) {
    const LineTag<float> d;
#if HWY_NATIVE_DOT_BF16
    Sum unused = hn::Zero(d);
    return hn::ReorderWidenMulAccumulate(d, a, w, sum, unused);
#else
    return hn::MulEvenAdd(d, a, w, hn::MulOddAdd(d, a, w, sum));
#endif
  }
};

struct DotU8S8 {
  using T = int32_t;
  using Tag = hn::Repartition<int8_t, LineTag<int32_t>>;
  using W = hn::Vec<Tag>;
  using A = hn::Vec<hn::RebindToUnsigned<Tag>>;
  using Sum = hn::Vec<LineTag<int32_t>>;
  static HWY_INLINE W LoadW(const std::byte* p) {
    return hn::LoadU(Tag(), reinterpret_cast<const int8_t*>(p));
  }
  static HWY_INLINE A Broadcast(const std::byte* p) {
    return hn::BitCast(hn::RebindToUnsigned<Tag>(), BroadcastUnit(p));
  }
  static HWY_INLINE Sum MulAdd(A a, W w, Sum sum) {
    return hn::SumOfMulQuadAccumulate(LineTag<int32_t>(), a, w, sum);
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace triptych::matmul
HWY_AFTER_NAMESPACE();

#endif  // include guard, once per target
