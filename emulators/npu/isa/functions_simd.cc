// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/isa/functions.h"
#include "kernels/base/check.h"
#include "kernels/matmul/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "emulators/npu/isa/functions_simd.cc"
// The loop over targets comes first.
// clang-format off
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "emulators/npu/isa/functions-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace triptych::npu {
namespace HWY_NAMESPACE {

void MapAll(VectorOp op, const float* in, float* out, size_t n) {
  MapFunctionV(op, in, out, n);
}

}  // namespace HWY_NAMESPACE
}  // namespace triptych::npu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace triptych::npu {

HWY_EXPORT(MapAll);

void MapFunction(VectorOp op, const float* in, float* out, size_t n) {
  TRIPTYCH_CHECK(op >= VectorOp::kExp && op <= VectorOp::kRsqrt,
                 static_cast<int>(op));
  HWY_DYNAMIC_DISPATCH(MapAll)(op, in, out, n);
}

}  // namespace triptych::npu
#endif
