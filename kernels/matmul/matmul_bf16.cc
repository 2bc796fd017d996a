// bf16 x bf16 -> f32 blocks, and the conversion of activations to bf16.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/matmul/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/matmul/matmul_bf16.cc"
#include <algorithm>

#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "kernels/matmul/dot-inl.h"
#include "kernels/matmul/tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace triptych::matmul {
namespace HWY_NAMESPACE {

void RunBlockBf16(const Block& block) { RunBlock<DotBf16>(block); }

void FloatsToBf16(const float* HWY_RESTRICT from, uint16_t* HWY_RESTRICT to,
                  size_t count) {
  const hn::ScalableTag<float> df;
  const hn::Repartition<hwy::bfloat16_t, decltype(df)> dbf;
  const hn::Half<decltype(dbf)> dbf_half;
  auto* out = reinterpret_cast<hwy::bfloat16_t*>(to);
  const size_t lanes = hn::Lanes(df);
  size_t i = 0;
  for (; i + 2 * lanes <= count; i += 2 * lanes) {
    hn::StoreU(hn::OrderedDemote2To(dbf, hn::LoadU(df, from + i),
                                    hn::LoadU(df, from + i + lanes)),
               dbf, out + i);
  }
  for (; i < count; i += lanes) {
    const size_t left = std::min(lanes, count - i);
    hn::StoreN(hn::DemoteTo(dbf_half, hn::LoadN(df, from + i, left)),
               dbf_half, out + i, left);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace triptych::matmul
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace triptych::matmul {

HWY_EXPORT(RunBlockBf16);
HWY_EXPORT(FloatsToBf16);
BlockFunction BlockBf16() { return HWY_DYNAMIC_POINTER(RunBlockBf16); }
ConvertFunction ConvertToBf16() { return HWY_DYNAMIC_POINTER(FloatsToBf16); }

}  // namespace triptych::matmul
#endif
