// u8 x s8 -> s32 blocks. Built at -O2: at -O3 gcc 12 halves the speed of the
// dot-product instruction (kernels/meson.build).
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

}  // namespace HWY_NAMESPACE
}  // namespace triptych::matmul
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace triptych::matmul {

HWY_EXPORT(RunBlockI8);
BlockFunction BlockI8() { return HWY_DYNAMIC_POINTER(RunBlockI8); }

}  // namespace triptych::matmul
#endif
