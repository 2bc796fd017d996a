// u8 x s8 -> s32 blocks, and copies of A in whole units. Built at -O2: at -O3
// gcc 12 halves the speed of the dot-product instruction (kernels/meson.build).
// SPDX-License-Identifier: Apache-2.0
#include "kernels/matmul/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/matmul/matmul_i8.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "kernels/matmul/dot-inl.h"
#include "kernels/matmul/stream-inl.h"
#include "kernels/matmul/tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace triptych::matmul {
namespace HWY_NAMESPACE {

void RunBlockI8(const Block& block) {
  if (kStreams && block.rows <= kMr) return StreamBlock<DotU8S8>(block);
  RunBlock<DotU8S8>(block);
}

void CopyRows(ConstMatView<uint8_t> from, uint8_t flip, std::byte* to,
              size_t stride) {
  const hn::ScalableTag<uint8_t> d;
  const size_t lanes = hn::Lanes(d), n = from.cols();
  const auto flips = hn::Set(d, flip);
  for (size_t r = 0; r < from.rows(); ++r) {
    const uint8_t* HWY_RESTRICT x = from.row(r);
    auto* HWY_RESTRICT y = reinterpret_cast<uint8_t*>(to + r * stride);
    size_t i = 0;
    for (; i + lanes <= n; i += lanes) {
      hn::StoreU(hn::Xor(hn::LoadU(d, x + i), flips), d, y + i);
    }
    if (i == n) continue;
    const auto last = hn::Xor(hn::LoadN(d, x + i, n - i), flips);
    hn::StoreN(last, d, y + i, RoundUp(n - i, PackedWeights::kUnitBytes));
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace triptych::matmul
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace triptych::matmul {

HWY_EXPORT(RunBlockI8);
BlockFunction BlockI8() { return HWY_DYNAMIC_POINTER(RunBlockI8); }

HWY_EXPORT(CopyRows);
CopyFunction CopyUnits() { return HWY_DYNAMIC_POINTER(CopyRows); }

}  // namespace triptych::matmul
#endif
