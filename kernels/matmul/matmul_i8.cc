// u8 x s8 -> s32 blocks. Built at -O2: at -O3 gcc 12 halves the speed of the
// dot-product instruction (kernels/meson.build).
// SPDX-License-Identifier: Apache-2.0
#include "kernels/matmul/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/matmul/matmul_i8.cc"
#include <cstring>

#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "kernels/matmul/tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace triptych::matmul {
namespace HWY_NAMESPACE {

struct DotU8S8 {
  using T = int32_t;
  using QuadTag = hn::Repartition<int8_t, LineTag<int32_t>>;
  using UQuadTag = hn::Repartition<uint8_t, LineTag<int32_t>>;
  using W = hn::Vec<QuadTag>;
  using A = hn::Vec<UQuadTag>;
  using Sum = hn::Vec<LineTag<int32_t>>;
  static HWY_INLINE W LoadW(const std::byte* p) {
    return hn::LoadU(QuadTag(), reinterpret_cast<const int8_t*>(p));
  }
  static HWY_INLINE A Broadcast(const std::byte* p) {
    uint32_t quad;
    std::memcpy(&quad, p, sizeof(quad));
    return hn::BitCast(UQuadTag(), hn::Set(LineTag<uint32_t>(), quad));
  }
  static HWY_INLINE Sum MulAdd(A a, W w, Sum sum) {
    return hn::SumOfMulQuadAccumulate(LineTag<int32_t>(), a, w, sum);
  }
};

void RunBlockI8(const Block& block) { RunBlock<DotU8S8>(block); }

}  // namespace HWY_NAMESPACE
}  // namespace triptych::matmul
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace triptych::matmul {

HWY_EXPORT(RunBlockI8);
BlockFunction BlockI8() { return HWY_DYNAMIC_POINTER(RunBlockI8); }

}  // namespace triptych::matmul
#endif
