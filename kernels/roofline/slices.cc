// The loops of the roofline, once per SIMD target. Built at -O2 like the int8
// kernels, for the same reason.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/roofline/slices.h"

#include "kernels/matmul/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/roofline/slices.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "kernels/matmul/dot-inl.h"

HWY_BEFORE_NAMESPACE();
namespace triptych::roofline {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using matmul::HWY_NAMESPACE::DotBf16;
using matmul::HWY_NAMESPACE::DotF32;
using matmul::HWY_NAMESPACE::DotU8S8;
using matmul::HWY_NAMESPACE::LineTag;

// Chains in flight: at least latency x throughput, and no more than there are
// registers for. Up to 5 x 2 for the f32 and the int8 instructions of current
// cores; Zen 5's bf16 one takes 6 cycles and more: 492 GFLOP/s with 12 chains,
// 546 with 16, 535 with 24. gcc 12 spills the int8 sums beyond 12. The
// emulated int8 dot product of 16-register targets needs several for itself.
inline constexpr bool kManyRegisters =
    HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64;
inline constexpr size_t kDotChains = kManyRegisters ? 12 : 8;
inline constexpr size_t kBf16Chains = kManyRegisters ? 16 : 8;

// One unit of ones in the format of Element.
template <class Element>
struct Ones {
  explicit Ones(Element one) {
    for (Element& e : unit) e = one;
  }
  const std::byte* bytes() const {
    return reinterpret_cast<const std::byte*>(unit);
  }
  Element unit[64 / sizeof(Element)];
};

template <class Dot, size_t kChains, class Element>
Spun Spin(size_t steps, Element one) {
  using T = typename Dot::T;
  constexpr size_t kPerUnit = 4 / sizeof(Element);
  const LineTag<T> d;
  const size_t lanes = hn::Lanes(d);
  const Ones<Element> ones(one);
  const auto a = Dot::Broadcast(ones.bytes());
  const auto w = Dot::LoadW(ones.bytes());
  // Different starts: equal chains would be merged into one.
  typename Dot::Sum sum[kChains];
  HWY_UNROLL(16)
  for (size_t c = 0; c < kChains; ++c) {
    sum[c] = hn::Set(d, static_cast<T>(c));
  }
  for (size_t step = 0; step < steps; ++step) {
    HWY_UNROLL(16)
    for (size_t c = 0; c < kChains; ++c) sum[c] = Dot::MulAdd(a, w, sum[c]);
  }
  bool right = true;
  HWY_UNROLL(16)
  for (size_t c = 0; c < kChains; ++c) {
    const T want = static_cast<T>(c + steps * kPerUnit);
    right &= hn::AllTrue(d, hn::Eq(sum[c], hn::Set(d, want)));
  }
  return {2 * steps * kChains * lanes * kPerUnit, right};
}

Spun SpinOnF32(size_t steps) { return Spin<DotF32, kDotChains>(steps, 1.0f); }
Spun SpinOnBf16(size_t steps) {
  return Spin<DotBf16, kBf16Chains>(steps, uint16_t{0x3F80});
}
Spun SpinOnI8(size_t steps) {
  return Spin<DotU8S8, kDotChains>(steps, uint8_t{1});
}

uint32_t ReadWords(const uint32_t* words, size_t count) {
  const hn::ScalableTag<uint32_t> d;
  const size_t lanes = hn::Lanes(d);
  auto s0 = hn::Zero(d), s1 = s0, s2 = s0, s3 = s0;
  for (size_t i = 0; i < count; i += 4 * lanes) {
    s0 = hn::Add(s0, hn::LoadU(d, words + i));
    s1 = hn::Add(s1, hn::LoadU(d, words + i + lanes));
    s2 = hn::Add(s2, hn::LoadU(d, words + i + 2 * lanes));
    s3 = hn::Add(s3, hn::LoadU(d, words + i + 3 * lanes));
  }
  return hn::ReduceSum(d, hn::Add(hn::Add(s0, s1), hn::Add(s2, s3)));
}

}  // namespace HWY_NAMESPACE
}  // namespace triptych::roofline
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace triptych::roofline {

HWY_EXPORT(SpinOnF32);
HWY_EXPORT(SpinOnBf16);
HWY_EXPORT(SpinOnI8);
HWY_EXPORT(ReadWords);
SpinFunction SpinF32() { return HWY_DYNAMIC_POINTER(SpinOnF32); }
SpinFunction SpinBf16() { return HWY_DYNAMIC_POINTER(SpinOnBf16); }
SpinFunction SpinI8() { return HWY_DYNAMIC_POINTER(SpinOnI8); }
ReadFunction Read() { return HWY_DYNAMIC_POINTER(ReadWords); }

}  // namespace triptych::roofline
#endif
