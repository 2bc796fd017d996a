// bf16 x bf16 -> f32 blocks, and the rounding of A.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/matmul/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/matmul/matmul_bf16.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "kernels/matmul/dot-inl.h"
#include "kernels/matmul/tile-inl.h"
#include "kernels/quant/row-inl.h"

HWY_BEFORE_NAMESPACE();
namespace triptych::matmul {
namespace HWY_NAMESPACE {

void RunBlockBf16(const Block& block) { RunBlock<DotBf16>(block); }

// The dot product takes subnormals for zeros where the hardware has one, so
// the hardware's conversion, which flushes them, may be used there, and only
// there: 400 instead of 348 GFLOP/s at 64^3 on Zen 5.
template <class D, class V = hn::Vec<D>>
HWY_INLINE hn::Vec<hn::Repartition<uint16_t, D>> RoundTwo(D d, V a, V b) {
#if HWY_NATIVE_DOT_BF16
  const hn::Repartition<hwy::bfloat16_t, D> d_bf16;
  return hn::BitCast(hn::Repartition<uint16_t, D>(),
                     hn::OrderedDemote2To(d_bf16, a, b));
#else
  return triptych::HWY_NAMESPACE::Bf16Codes(d, a, b);
#endif
}

HWY_INLINE void RoundRow(const float* HWY_RESTRICT from, size_t count,
                         uint16_t* HWY_RESTRICT to) {
  const hn::ScalableTag<float> d;
  const hn::Repartition<uint16_t, decltype(d)> d16;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + 2 * lanes <= count; i += 2 * lanes) {
    hn::StoreU(
        RoundTwo(d, hn::LoadU(d, from + i), hn::LoadU(d, from + i + lanes)),
        d16, to + i);
  }
  const size_t left = count - i;
  if (left == 0) return;
  const auto a = hn::LoadN(d, from + i, std::min(left, lanes));
  const auto b = left <= lanes ? hn::Zero(d)
                               : hn::LoadN(d, from + i + lanes, left - lanes);
  // The last unit is a whole one.
  hn::StoreN(RoundTwo(d, a, b), d16, to + i, RoundUp(left, size_t{2}));
}

void RoundRows(ConstMatView<float> from, std::byte* to, size_t stride) {
  for (size_t r = 0; r < from.rows(); ++r) {
    RoundRow(from.row(r), from.cols(),
             reinterpret_cast<uint16_t*>(to + r * stride));
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace triptych::matmul
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace triptych::matmul {

HWY_EXPORT(RunBlockBf16);
BlockFunction BlockBf16() { return HWY_DYNAMIC_POINTER(RunBlockBf16); }

HWY_EXPORT(RoundRows);
RoundFunction RoundBf16() { return HWY_DYNAMIC_POINTER(RoundRows); }

}  // namespace triptych::matmul
#endif
