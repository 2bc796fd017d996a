// The register tile of quantised products and the loops around it. Built at
// -O2 (kernels/meson.build): at -O3 gcc 12 halves the int8 dot product.
//
// A group's products are summed in int32 and then enter the f32 sum of their
// output, so a tile keeps two accumulators for each output: 6 rows x 2
// vectors take 24 of 32 registers. Unpacking four bits costs three operations
// for two vectors, once for all rows of the tile.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/matmul/groups.h"

#include <algorithm>
#include <cstring>

#include "hwy/cache_control.h"
#include "kernels/base/units.h"
#include "kernels/matmul/quantized.h"
#include "kernels/matmul/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/matmul/groups.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace triptych::matmul {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr size_t kPanel = QuantizedWeights::kPanelOutputs;
constexpr size_t kScaleBytes = QuantizedWeights::kScaleBytes;
constexpr size_t kUnitBytes = PackedWeights::kUnitBytes;
constexpr size_t kPanelUnits = kPanel * kUnitBytes;  // bytes
// Outputs of a panel of bf16 weights, and of the widest vector.
constexpr size_t kMostLanes = PackedWeights::kPanelOutputs;

using F32 = hn::CappedTag<float, kMostLanes>;
using I32 = hn::RebindToSigned<F32>;
using I8 = hn::Repartition<int8_t, F32>;
using U8 = hn::RebindToUnsigned<I8>;
using F16 = hn::Rebind<hwy::float16_t, F32>;
using VU8 = hn::Vec<U8>;
using VI32 = hn::Vec<I32>;
using VF32 = hn::Vec<F32>;

constexpr size_t kLanes = hn::MaxLanes(F32());
constexpr bool kManyRegisters = HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64;
// Rows of a tile of two vectors. Up to kFewRows of them leave the registers
// for twice the vectors, which one or two rows need to hide the latency of
// the dot product.
constexpr size_t kMostRows = kManyRegisters ? 6 : 2;
constexpr size_t kFewRows = kManyRegisters ? 2 : 0;

// What was added to make a code unsigned (QuantizedWeights::zero).
template <int kBits>
constexpr float kZero = kBits == 4 ? 8 : 128;

// The codes of eight consecutive k as two vectors of units.
template <int kBits>
struct Codes;

template <>
struct Codes<4> {
  static constexpr size_t kBytes = kPanelUnits;  // of an octet
  static HWY_INLINE void Load(const uint8_t* p, VU8& first, VU8& second) {
    const U8 d;
    const hn::Repartition<uint16_t, U8> d16;
    const VU8 low = hn::Set(d, 0x0F);
    const VU8 both = hn::LoadU(d, p);
    first = hn::And(both, low);
    // No target shifts bytes; what comes in from the neighbour is masked off.
    second =
        hn::And(hn::BitCast(d, hn::ShiftRight<4>(hn::BitCast(d16, both))), low);
  }
};

template <>
struct Codes<8> {
  static constexpr size_t kBytes = 2 * kPanelUnits;
  static HWY_INLINE void Load(const uint8_t* p, VU8& first, VU8& second) {
    first = hn::LoadU(U8(), p);
    second = hn::LoadU(U8(), p + kPanelUnits);
  }
};

HWY_INLINE hn::Vec<I8> BroadcastUnit(const int8_t* p) {
  int32_t unit;
  std::memcpy(&unit, p, sizeof(unit));
  return hn::BitCast(I8(), hn::Set(I32(), unit));
}

struct TileArgs {
  const int8_t* a;
  size_t a_stride;
  const int32_t* starts;
  size_t starts_stride;
  const std::byte* w;  // the panel
  size_t first;        // output of it that the tile starts with
  size_t groups, octets;
  bool from_zero, fetch_rest;
  float* sums;
  size_t sums_stride;
};

template <int kBits, size_t kRows, size_t kVecs>
void Tile(const TileArgs& t) {
  using C = Codes<kBits>;
  constexpr size_t kVecBytes = kLanes * kUnitBytes;
  const F32 df;
  const I32 di;
  VF32 sum[kRows][kVecs];
  HWY_UNROLL(8)
  for (size_t r = 0; r < kRows; ++r) {
    HWY_UNROLL(8)
    for (size_t v = 0; v < kVecs; ++v) {
      sum[r][v] = t.from_zero
                      ? hn::Zero(df)
                      : hn::LoadU(df, t.sums + r * t.sums_stride + v * kLanes);
    }
  }
  const int8_t* HWY_RESTRICT a = t.a;
  const size_t a_stride = t.a_stride;
  const auto* HWY_RESTRICT w = reinterpret_cast<const uint8_t*>(t.w);
  for (size_t g = 0; g < t.groups; ++g) {
    const auto* HWY_RESTRICT scales =
        reinterpret_cast<const hwy::float16_t*>(w) + t.first;
    VI32 dot[kRows][kVecs];
    HWY_UNROLL(8)
    for (size_t r = 0; r < kRows; ++r) {
      const VI32 start = hn::Set(di, t.starts[r * t.starts_stride + g]);
      HWY_UNROLL(8)
      for (size_t v = 0; v < kVecs; ++v) dot[r][v] = start;
    }
    w += kScaleBytes;
    for (size_t octet = 0; octet < t.octets; ++octet) {
      VU8 first[kVecs], second[kVecs];
      HWY_UNROLL(8)
      for (size_t v = 0; v < kVecs; ++v) {
        C::Load(w + t.first * kUnitBytes + v * kVecBytes, first[v], second[v]);
      }
      // The other half of each run of units, which the next tile wants.
      if (kVecs == 2 && t.fetch_rest) {
        for (size_t i = kVecs * kVecBytes; i < C::kBytes; i += kPanelUnits) {
          hwy::Prefetch(w + i);
          hwy::Prefetch(w + i + kVecBytes);
        }
      }
      HWY_UNROLL(8)
      for (size_t r = 0; r < kRows; ++r) {
        const auto x = BroadcastUnit(a + r * a_stride);
        HWY_UNROLL(8)
        for (size_t v = 0; v < kVecs; ++v) {
          dot[r][v] = hn::SumOfMulQuadAccumulate(di, first[v], x, dot[r][v]);
        }
      }
      HWY_UNROLL(8)
      for (size_t r = 0; r < kRows; ++r) {
        const auto x = BroadcastUnit(a + r * a_stride + 4);
        HWY_UNROLL(8)
        for (size_t v = 0; v < kVecs; ++v) {
          dot[r][v] = hn::SumOfMulQuadAccumulate(di, second[v], x, dot[r][v]);
        }
      }
      a += 8;
      w += C::kBytes;
    }
    HWY_UNROLL(8)
    for (size_t v = 0; v < kVecs; ++v) {
      const VF32 scale =
          hn::PromoteTo(df, hn::LoadU(F16(), scales + v * kLanes));
      HWY_UNROLL(8)
      for (size_t r = 0; r < kRows; ++r) {
        sum[r][v] = hn::MulAdd(hn::ConvertTo(df, dot[r][v]), scale, sum[r][v]);
      }
    }
  }
  HWY_UNROLL(8)
  for (size_t r = 0; r < kRows; ++r) {
    HWY_UNROLL(8)
    for (size_t v = 0; v < kVecs; ++v) {
      hn::StoreU(sum[r][v], df, t.sums + r * t.sums_stride + v * kLanes);
    }
  }
}

template <int kBits, size_t kVecs>
void RunTile(size_t rows, const TileArgs& t) {
  static_assert(kMostRows <= 6);
  switch (rows) {
    case 1:
      return Tile<kBits, 1, kVecs>(t);
    case 2:
      return Tile<kBits, 2, kVecs>(t);
  }
  if constexpr (kMostRows > 2 && kVecs <= 2) {
    switch (rows) {
      case 3:
        return Tile<kBits, 3, kVecs>(t);
      case 4:
        return Tile<kBits, 4, kVecs>(t);
      case 5:
        return Tile<kBits, 5, kVecs>(t);
      case 6:
        return Tile<kBits, 6, kVecs>(t);
    }
  }
}

// All row tiles of one column tile of kVecs vectors from column `col`. The
// block's sums have room for whole tiles, so there are no edges.
template <int kBits, size_t kVecs>
void RunColumnTile(const GroupBlock& b, size_t col) {
  const size_t tiles = CeilDiv(b.rows, kMostRows);
  for (size_t tile = 0; tile < tiles; ++tile) {
    const size_t row = tile * b.rows / tiles;
    const size_t rows = (tile + 1) * b.rows / tiles - row;
    RunTile<kBits, kVecs>(rows, {.a = b.a + row * b.a_stride,
                                 .a_stride = b.a_stride,
                                 .starts = b.starts + row * b.starts_stride,
                                 .starts_stride = b.starts_stride,
                                 .w = b.w + col / kPanel * b.w_stride,
                                 .first = col % kPanel,
                                 .groups = b.groups,
                                 .octets = b.octets,
                                 .from_zero = b.from_zero,
                                 .fetch_rest = tile == 0 && col % kPanel == 0,
                                 .sums = b.sums + row * b.sums_stride + col,
                                 .sums_stride = b.sums_stride});
  }
}

template <int kBits>
void RunBlock(const GroupBlock& b) {
  const size_t padded = RoundUp(b.cols, kMostLanes);
  size_t col = 0;
  if (b.rows <= kFewRows) {
    for (; col + 4 * kLanes <= padded; col += 4 * kLanes) {
      RunColumnTile<kBits, 4>(b, col);
    }
  }
  for (; col + 2 * kLanes <= padded; col += 2 * kLanes) {
    RunColumnTile<kBits, 2>(b, col);
  }
  for (; col < padded; col += kLanes) RunColumnTile<kBits, 1>(b, col);
}

// Unsigned codes less zero, times the scale, which is exact (11 + 8 bits), as
// the bits of f32 whose upper half is that value in bf16, to nearest even.
HWY_INLINE VI32 Decoded(VI32 codes, VF32 scale, VF32 zero_scaled) {
  const F32 df;
  const I32 di;
  const VI32 bits =
      hn::BitCast(di, hn::MulAdd(hn::ConvertTo(df, codes), scale, zero_scaled));
  const VI32 tie = hn::And(hn::ShiftRight<16>(bits), hn::Set(di, 1));
  return hn::Add(bits, hn::Add(tie, hn::Set(di, 0x7FFF)));
}

// Two lines of bf16 out of one of units: k 0 and 1 of each unit, then 2, 3.
HWY_INLINE void DecodeUnits(VU8 units, VF32 scale, VF32 zero_scaled,
                            std::byte* to) {
  const I32 di;
  const VI32 low = hn::Set(di, 0xFF), high = hn::Set(di, -0x10000);
  const VI32 u = hn::BitCast(di, units);
  const auto decoded = [&](VI32 codes) HWY_ATTR {
    return Decoded(hn::And(codes, low), scale, zero_scaled);
  };
  const auto pair = [&](VI32 first, VI32 second) HWY_ATTR {
    const hn::RebindToUnsigned<I32> du;
    const auto lower = hn::ShiftRight<16>(hn::BitCast(du, first));
    return hn::Or(hn::And(second, high), hn::BitCast(di, lower));
  };
  auto* const out = reinterpret_cast<int32_t*>(to);
  hn::StoreU(pair(decoded(u), decoded(hn::ShiftRight<8>(u))), di, out);
  hn::StoreU(
      pair(decoded(hn::ShiftRight<16>(u)), decoded(hn::ShiftRight<24>(u))), di,
      out + kMostLanes);
}

template <int kBits>
void Decode(const DecodeBlock& b) {
  using C = Codes<kBits>;
  const F32 df;
  for (size_t j = 0; j < RoundUp(b.outputs, kMostLanes); j += kLanes) {
    const auto* w = reinterpret_cast<const uint8_t*>(b.w);
    std::byte* to =
        b.to + j / kMostLanes * b.to_stride + j % kMostLanes * kUnitBytes;
    for (size_t g = 0; g < b.groups; ++g) {
      const VF32 scale = hn::PromoteTo(
          df, hn::LoadU(F16(), reinterpret_cast<const hwy::float16_t*>(w) + j));
      const VF32 zero = hn::Mul(scale, hn::Set(df, -kZero<kBits>));
      w += kScaleBytes;
      for (size_t octet = 0; octet < b.octets; ++octet) {
        VU8 first, second;
        C::Load(w + j * kUnitBytes, first, second);
        DecodeUnits(first, scale, zero, to);
        DecodeUnits(second, scale, zero, to + 2 * PackedWeights::kLineBytes);
        w += C::kBytes;
        to += 4 * PackedWeights::kLineBytes;
      }
    }
  }
}

void Decode4(const DecodeBlock& block) { Decode<4>(block); }
void Decode8(const DecodeBlock& block) { Decode<8>(block); }

void RunBlock4(const GroupBlock& block) { RunBlock<4>(block); }
void RunBlock8(const GroupBlock& block) { RunBlock<8>(block); }

void RunFinish(const FinishBlock& b) {
  const F32 d;
  for (size_t r = 0; r < b.rows; ++r) {
    const float* HWY_RESTRICT sums = b.sums + r * b.sums_stride;
    const float* residual =
        b.residual == nullptr ? nullptr : b.residual + r * b.residual_stride;
    float* c = b.c + r * b.c_stride;
    const VF32 a_scale = hn::Set(d, b.a_scale == nullptr ? 1 : b.a_scale[r]);
    for (size_t j = 0; j < b.cols; j += kLanes) {
      const size_t n = std::min(kLanes, b.cols - j);
      const VF32 scale = hn::Mul(hn::LoadN(d, b.w_scale + j, n), a_scale);
      VF32 value = hn::Mul(hn::LoadN(d, sums + j, n), scale);
      if (b.bias != nullptr)
        value = hn::Add(value, hn::LoadN(d, b.bias + j, n));
      if (residual != nullptr) {
        value = hn::Add(value, hn::LoadN(d, residual + j, n));
      }
      hn::StoreN(value, d, c + j, n);
    }
  }
}

void RunStarts(const int8_t* codes, size_t group, size_t groups, int32_t zero,
               int32_t* starts) {
  // Eight codes are the least a group has: a half of a vector of 16.
  const hn::FixedTag<int8_t, 8> d8;
  const hn::FixedTag<int16_t, 8> d16;
  const hn::FixedTag<int32_t, 4> d32;
  for (size_t g = 0; g < groups; ++g) {
    auto sum = hn::Zero(d32);
    for (size_t k = 0; k < group; k += 8) {
      const auto wide = hn::PromoteTo(d16, hn::LoadU(d8, codes + k));
      sum = hn::Add(sum, hn::SumsOf2(wide));
    }
    starts[g] = -zero * hn::ReduceSum(d32, sum);
    codes += group;
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace triptych::matmul
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace triptych::matmul {

HWY_EXPORT(RunBlock4);
HWY_EXPORT(RunBlock8);
HWY_EXPORT(Decode4);
HWY_EXPORT(Decode8);
HWY_EXPORT(RunFinish);
HWY_EXPORT(RunStarts);

GroupFunctions GroupFunctionsOf(int bits) {
  return {.block = bits == 4 ? HWY_DYNAMIC_POINTER(RunBlock4)
                             : HWY_DYNAMIC_POINTER(RunBlock8),
          .decode = bits == 4 ? HWY_DYNAMIC_POINTER(Decode4)
                              : HWY_DYNAMIC_POINTER(Decode8),
          .finish = HWY_DYNAMIC_POINTER(RunFinish),
          .starts = HWY_DYNAMIC_POINTER(RunStarts)};
}

}  // namespace triptych::matmul
#endif
