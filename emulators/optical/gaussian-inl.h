// Normal deviates by counter, a vector at a time, once per SIMD target.
//
// A block is 128 outputs. Its 16 Philox counters give 64 words, and each word
// two normals (Box and Muller, 1958): 21 bits for the radius, which ends at
// 5.5 standard deviations, and 11 for the angle. Which word an output gets
// does not depend on the width of vectors, and neither do its bits: sums and
// products are rounded one by one, without fused multiply-add.
// SPDX-License-Identifier: Apache-2.0

#if defined(TRIPTYCH_EMULATORS_OPTICAL_GAUSSIAN_INL_H_) == \
    defined(HWY_TARGET_TOGGLE)
#ifdef TRIPTYCH_EMULATORS_OPTICAL_GAUSSIAN_INL_H_
#undef TRIPTYCH_EMULATORS_OPTICAL_GAUSSIAN_INL_H_
#else
#define TRIPTYCH_EMULATORS_OPTICAL_GAUSSIAN_INL_H_
#endif


#include <cstddef>
#include <cstdint>
#include <numbers>

#include "emulators/optical/gaussian.h"
#include "hwy/highway.h"

// Of a lambda in a loop over vectors: it is part of the loop. Compilers may
// make it a call for every vector, which no vector register survives.
#undef TRIPTYCH_INLINED
#define TRIPTYCH_INLINED __attribute__((always_inline))

HWY_BEFORE_NAMESPACE();
namespace triptych::optical {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D32 = hn::CappedTag<uint32_t, 16>;
using D64 = hn::Repartition<uint64_t, D32>;
using DF = hn::RebindToFloat<D32>;
using DI = hn::RebindToSigned<D32>;
using V32 = hn::Vec<D32>;
using V64 = hn::Vec<D64>;
using VF = hn::Vec<DF>;
inline constexpr size_t kWidth = hn::MaxLanes(D32());

// As Philox of kernels/base/rng.h, a counter in each 64-bit lane: a product
// reads the low half of what it is given, so high halves may be anything.
struct Counters {
  V64 c0, c1, c2, c3;
};

HWY_INLINE V64 Product(V64 a, V64 b) {
  return hn::MulEven(hn::BitCast(D32(), a), hn::BitCast(D32(), b));
}

// What all blocks of a row share. Round keys are by 64-bit lane, and in
// memory: an instruction can broadcast what it loads, and blocks of a row are
// too many to make them anew for each.
struct RowKey {
  static constexpr int kRounds = 10;

  explicit HWY_INLINE RowKey(const NoiseKey& key)
      : vector(key.vector), tile_pass(key.tile_pass), node(key.node) {
    uint32_t k0 = key.run[0], k1 = key.run[1];
    for (int r = 0; r < kRounds; ++r) {
      key0[r] = k0;
      key1[r] = k1;
      k0 += 0x9E3779B9;
      k1 += 0xBB67AE85;
    }
  }
  uint64_t vector, tile_pass, node;
  uint64_t key0[kRounds], key1[kRounds];
};

HWY_INLINE void Rounds(const RowKey& key, Counters& a, Counters& b) {
  const D64 d;
  const auto m0 = hn::Set(d, uint64_t{0xD2511F53});
  const auto m1 = hn::Set(d, uint64_t{0xCD9E8D57});
  const auto round = [&](Counters& c, V64 k0, V64 k1) HWY_ATTR {
    const auto p0 = Product(c.c0, m0), p1 = Product(c.c2, m1);
    c.c0 = hn::Xor3(hn::ShiftRight<32>(p1), c.c1, k0);
    c.c1 = p1;
    c.c2 = hn::Xor3(hn::ShiftRight<32>(p0), c.c3, k1);
    c.c3 = p0;
  };
  HWY_UNROLL(10)
  for (int r = 0; r < RowKey::kRounds; ++r) {
    const auto k0 = hn::Set(d, key.key0[r]), k1 = hn::Set(d, key.key1[r]);
    round(a, k0, k1);
    round(b, k0, k1);
  }
}

// -2 ln(u) of u = odd / 2^22, for odd numbers below 2^22.
HWY_INLINE VF MinusTwoLog(V32 odd) {
  const DF d;
  const DI di;
  const auto bits = hn::BitCast(di, hn::ConvertTo(d, odd));
  // Powers of two away, so that the mantissa is in [sqrt(1/2), sqrt(2)).
  const auto power = hn::ShiftRight<23>(
      hn::Sub(bits, hn::Set(di, 0x3F3504F3 /* sqrt(1/2) */)));
  const auto mantissa =
      hn::BitCast(d, hn::Sub(bits, hn::ShiftLeft<23>(power)));
  const auto f = hn::Sub(mantissa, hn::Set(d, 1.0f));
  // 2 ln(1 + f) / f at the Chebyshev nodes: 3e-6 off in ln at most.
  auto p = hn::Set(d, 2 * -0.14021623f);
  const auto next = [&](float c) HWY_ATTR {
    p = hn::Add(hn::Mul(p, f), hn::Set(d, 2 * c));
  };
  next(0.21965709f);
  next(-0.25433356f);
  next(0.33265906f);
  next(-0.49989480f);
  next(1.0000037f);
  const auto halves = hn::ConvertTo(d, hn::Sub(hn::Set(di, 22), power));
  constexpr float kTwoLn2 = static_cast<float>(2 * std::numbers::ln2);
  return hn::Max(hn::Sub(hn::Mul(halves, hn::Set(d, kTwoLn2)), hn::Mul(p, f)),
                 hn::Zero(d));
}

// The two normals of each word.
HWY_INLINE void NormalsOf(V32 word, VF& first, VF& second) {
  const D32 d32;
  const DF d;
  const auto odd = hn::Or(hn::ShiftRight<10>(word), hn::Set(d32, 1u));
  const auto radius = hn::Sqrt(MinusTwoLog(odd));
  // Bits 1 to 10: 1024 angles x pi, evenly in (-1/2, 1/2). Bit 0: the sign of
  // the cosine, which makes them a full turn. As the upper bits of a mantissa
  // they are 1 + steps / 1024.
  const auto steps = hn::OrAnd(hn::Set(d32, uint32_t{0x3F800000}),
                               hn::ShiftLeft<12>(word),
                               hn::Set(d32, uint32_t{1023} << 13));
  const auto x = hn::Sub(hn::BitCast(d, steps),
                         hn::Set(d, 1.5f - 0.5f / 1024));
  const auto sign = hn::BitCast(d, hn::ShiftLeft<31>(word));
  const auto q = hn::Mul(x, x);
  const auto at = [&](auto p, float c) HWY_ATTR {
    return hn::Add(hn::Mul(p, q), hn::Set(d, c));
  };
  // sin(pi x) / x and cos(pi x) in x^2 at the Chebyshev nodes: off by 1.2e-6
  // and 7e-6 at most.
  const auto sine = hn::Mul(
      at(at(at(hn::Set(d, -0.55943500f), 2.5440002f), -5.1674058f), 3.1415903f),
      x);
  const auto cosine =
      at(at(at(hn::Set(d, -1.2219364f), 4.0412123f), -4.9339313f), 0.99999320f);
  first = hn::Mul(radius, sine);
  second = hn::Mul(radius, hn::Xor(cosine, sign));
}

// sink(offset, normals) for all of block `block`: 128 outputs, kWidth a call.
template <class Sink>
HWY_INLINE void ForNormals(const RowKey& key, size_t block,
                           const Sink& sink) {
  const D64 d;
  const D32 d32;
  constexpr size_t kHalf = kNoiseBlock / 16;  // counters of even lanes
  const auto lanes = hn::Iota(d, 0);
  for (size_t lane = 0; lane < 16; lane += kWidth) {
    const auto counter = [&](size_t from) HWY_ATTR {
      const uint64_t base = 2 * kHalf * block + from + lane / 2;
      return Counters{hn::Add(lanes, hn::Set(d, base)),
                      hn::Set(d, key.vector), hn::Set(d, key.tile_pass),
                      hn::Set(d, key.node)};
    };
    Counters even = counter(0), odd = counter(kHalf);
    Rounds(key, even, odd);
    const auto use = [&](size_t word, V64 low,
                         V64 high) TRIPTYCH_INLINED HWY_ATTR {
      VF first, second;
      NormalsOf(hn::OddEven(hn::BitCast(d32, hn::ShiftLeft<32>(high)),
                            hn::BitCast(d32, low)),
                first, second);
      sink(32 * word + lane, first);
      sink(32 * word + 16 + lane, second);
    };
    use(0, even.c0, odd.c0);
    use(1, even.c1, odd.c1);
    use(2, even.c2, odd.c2);
    use(3, even.c3, odd.c3);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace triptych::optical
HWY_AFTER_NAMESPACE();

#endif  // include guard, once per target
