// The loops of the roofline, once per SIMD target. Built at -O2 like the int8
// kernels, for the same reason.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/roofline/slices.h"

#include "kernels/base/check.h"
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

// Four vectors of every array at a time, each with a sum of its own.
template <size_t kReads, size_t kWrites>
uint32_t Stream(const uint32_t* HWY_RESTRICT from, uint32_t* HWY_RESTRICT to,
                size_t steps) {
  const hn::CappedTag<uint32_t, kStepWords / 4> d;
  const size_t lanes = hn::Lanes(d);
  hn::Vec<decltype(d)> sum[4] = {hn::Zero(d), hn::Zero(d), hn::Zero(d),
                                 hn::Zero(d)};
  for (size_t i = 0; i < steps * kStepWords / (4 * lanes); ++i) {
    HWY_UNROLL(4)
    for (size_t j = 0; j < 4; ++j) {
      auto word = hn::LoadU(d, from + j * kReads * lanes);
      sum[j] = hn::Add(sum[j], word);
      HWY_UNROLL(4)
      for (size_t r = 1; r < kReads; ++r) {
        word = hn::LoadU(d, from + (j * kReads + r) * lanes);
        sum[j] = hn::Add(sum[j], word);
      }
      HWY_UNROLL(4)
      for (size_t w = 0; w < kWrites; ++w) {
        hn::StoreU(word, d, to + (j * kWrites + w) * lanes);
      }
    }
    from += 4 * kReads * lanes;
    to += 4 * kWrites * lanes;
  }
  return hn::ReduceSum(
      d, hn::Add(hn::Add(sum[0], sum[1]), hn::Add(sum[2], sum[3])));
}

// One for each of kStreamMixes.
uint32_t Stream10(const uint32_t* from, uint32_t* to, size_t steps) {
  return Stream<1, 0>(from, to, steps);
}
uint32_t Stream41(const uint32_t* from, uint32_t* to, size_t steps) {
  return Stream<4, 1>(from, to, steps);
}
uint32_t Stream21(const uint32_t* from, uint32_t* to, size_t steps) {
  return Stream<2, 1>(from, to, steps);
}
uint32_t Stream11(const uint32_t* from, uint32_t* to, size_t steps) {
  return Stream<1, 1>(from, to, steps);
}
uint32_t Stream12(const uint32_t* from, uint32_t* to, size_t steps) {
  return Stream<1, 2>(from, to, steps);
}
uint32_t Stream14(const uint32_t* from, uint32_t* to, size_t steps) {
  return Stream<1, 4>(from, to, steps);
}

}  // namespace HWY_NAMESPACE
}  // namespace triptych::roofline
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace triptych::roofline {

HWY_EXPORT(SpinOnF32);
HWY_EXPORT(SpinOnBf16);
HWY_EXPORT(SpinOnI8);
HWY_EXPORT(Stream10);
HWY_EXPORT(Stream41);
HWY_EXPORT(Stream21);
HWY_EXPORT(Stream11);
HWY_EXPORT(Stream12);
HWY_EXPORT(Stream14);
SpinFunction SpinF32() { return HWY_DYNAMIC_POINTER(SpinOnF32); }
SpinFunction SpinBf16() { return HWY_DYNAMIC_POINTER(SpinOnBf16); }
SpinFunction SpinI8() { return HWY_DYNAMIC_POINTER(SpinOnI8); }
StreamFunction StreamOf(StreamMix mix) {
  if (mix == StreamMix{1, 0}) return HWY_DYNAMIC_POINTER(Stream10);
  if (mix == StreamMix{4, 1}) return HWY_DYNAMIC_POINTER(Stream41);
  if (mix == StreamMix{2, 1}) return HWY_DYNAMIC_POINTER(Stream21);
  if (mix == StreamMix{1, 1}) return HWY_DYNAMIC_POINTER(Stream11);
  if (mix == StreamMix{1, 2}) return HWY_DYNAMIC_POINTER(Stream12);
  if (mix == StreamMix{1, 4}) return HWY_DYNAMIC_POINTER(Stream14);
  TRIPTYCH_CHECK(false, "no stream of", mix.reads, "reads to", mix.writes);
  return nullptr;
}

}  // namespace triptych::roofline
#endif
