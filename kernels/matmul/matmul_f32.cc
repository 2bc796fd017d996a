// f32 x f32 -> f32 blocks.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/matmul/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/matmul/matmul_f32.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "kernels/matmul/dot-inl.h"
#include "kernels/matmul/tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace triptych::matmul {
namespace HWY_NAMESPACE {

void RunBlockF32(const Block& block) { RunBlock<DotF32>(block); }

}  // namespace HWY_NAMESPACE
}  // namespace triptych::matmul
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace triptych::matmul {

HWY_EXPORT(RunBlockF32);
BlockFunction BlockF32() { return HWY_DYNAMIC_POINTER(RunBlockF32); }

}  // namespace triptych::matmul
#endif
