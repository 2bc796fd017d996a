// The formats of keys and values, once per SIMD target: what they are
// multiplied with, and how weights are written for that.
//
//   Query      element of a row of queries
//   kUnit      elements of a unit; see kv_cache.h
//   Scores     Dot of queries and keys; its sums are the scores, or integers
//   Means      Dot of weights and values
//   kPlanes    rows of weights for a row of queries
//   Exp        2^x for x <= 0, good enough for the weights' format
// SPDX-License-Identifier: Apache-2.0

#if defined(TRIPTYCH_KERNELS_ATTENTION_FORMAT_INL_H_) == \
    defined(HWY_TARGET_TOGGLE)
#ifdef TRIPTYCH_KERNELS_ATTENTION_FORMAT_INL_H_
#undef TRIPTYCH_KERNELS_ATTENTION_FORMAT_INL_H_
#else
#define TRIPTYCH_KERNELS_ATTENTION_FORMAT_INL_H_
#endif

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "hwy/highway.h"
#include "kernels/attention/task.h"
#include "kernels/attention/tile-inl.h"
#include "kernels/matmul/dot-inl.h"
#include "kernels/simd/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace triptych::attention {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using matmul::HWY_NAMESPACE::DotBf16;
using matmul::HWY_NAMESPACE::DotF32;
using matmul::HWY_NAMESPACE::DotU8S8;

// f32 x f16, each column converted as it is loaded: a conversion for as many
// multiply-adds as the register tile has rows.
struct DotF16 : DotF32 {
  static HWY_INLINE W LoadW(const std::byte* p) {
    const D d;
    const hn::Rebind<hwy::float16_t, D> d16;
    return hn::PromoteTo(
        d, hn::LoadU(d16, reinterpret_cast<const hwy::float16_t*>(p)));
  }
};
template <>
inline constexpr size_t kColumnBytes<DotF16> = 2;

// s8 x u8: signed rows, unsigned columns.
struct DotS8U8 {
  using T = int32_t;
  using W = DotU8S8::A;
  using A = DotU8S8::W;
  using Sum = DotU8S8::Sum;
  static HWY_INLINE W LoadW(const std::byte* p) {
    return hn::BitCast(hn::RebindToUnsigned<DotU8S8::Tag>(), DotU8S8::LoadW(p));
  }
  static HWY_INLINE A Broadcast(const std::byte* p) {
    return hn::BitCast(DotU8S8::Tag(), DotU8S8::Broadcast(p));
  }
  static HWY_INLINE Sum MulAdd(A a, W w, Sum sum) {
    return DotU8S8::MulAdd(w, a, sum);
  }
};

struct FormatF32 {
  using Query = float;
  using Element = float;  // of keys and values
  static constexpr size_t kUnit = 1, kPlanes = 1;
  using Scores = DotF32;
  using Means = DotF32;
  static HWY_INLINE V Exp(V x) { return triptych::HWY_NAMESPACE::Exp2(D(), x); }
  // Weights of 2 * kLanes keys from key i, whose row is at `to`.
  static HWY_INLINE void Store(V w0, V w1, size_t i, std::byte* to) {
    float* const p = reinterpret_cast<float*>(to) + i;
    hn::StoreU(w0, D(), p);
    hn::StoreU(w1, D(), p + kLanes);
  }
};

struct FormatF16 : FormatF32 {
  using Element = uint16_t;
  using Scores = DotF16;
  using Means = DotF16;
};

struct FormatBf16 {
  using Query = uint16_t;
  using Element = uint16_t;
  static constexpr size_t kUnit = 2, kPlanes = 1;
  using Scores = DotBf16;
  using Means = DotBf16;
  static HWY_INLINE V Exp(V x) {
    return triptych::HWY_NAMESPACE::Exp2Coarse(D(), x);
  }
  static HWY_INLINE void Store(V w0, V w1, size_t i, std::byte* to) {
    const DotBf16::Tag d;
    hn::StoreU(hn::OrderedDemote2To(d, w0, w1), d,
               reinterpret_cast<hwy::bfloat16_t*>(to) + i);
  }
};

struct FormatI8 {
  using Query = int8_t;
  using Element = uint8_t;
  static constexpr size_t kUnit = 4, kPlanes = 2;
  using Scores = DotS8U8;
  using Means = DotU8S8;
  static HWY_INLINE V Exp(V x) {
    return triptych::HWY_NAMESPACE::Exp2Coarse(D(), x);
  }
  static constexpr float kSteps = 65535;  // of a weight: 16 bits
  // The high bytes of the steps (0 .. 65535) of 2 * kLanes keys from key i,
  // then, `stride` further, the low ones.
  static HWY_INLINE void Store(V steps0, V steps1, size_t i, std::byte* to,
                               size_t stride) {
    const hn::Repartition<uint16_t, D> d16;
    const hn::Rebind<uint8_t, decltype(d16)> d8;
    const auto whole = hn::OrderedDemote2To(d16, hn::NearestInt(steps0),
                                            hn::NearestInt(steps1));
    auto* const p = reinterpret_cast<uint8_t*>(to) + i;
    hn::StoreU(hn::TruncateTo(d8, hn::ShiftRight<8>(whole)), d8, p);
    hn::StoreU(hn::TruncateTo(d8, whole), d8, p + stride);
  }
};

// The values of a tile out of its keys: k[.][kKeys][u] of features to
// v[kKeys / u][v_cols][u] of keys. Both are made of squares of u x u elements,
// contiguous on either side, each of which is transposed.
template <class Format>
void ValuesFromKeys(const std::byte* keys, size_t v_dim, size_t v_cols,
                    std::byte* values) {
  using T = typename Format::Element;
  constexpr size_t kUnit = Format::kUnit;
  constexpr T kSign = std::is_same_v<Format, FormatI8> ? 0x80 : 0;
  const auto* const k = reinterpret_cast<const T*>(keys);
  auto* const v = reinterpret_cast<T*>(values);
  for (size_t key = 0; key < kKeys; key += kUnit) {
    T* const to = v + key * v_cols;
    for (size_t f = 0; f < v_dim; f += kUnit) {
      T square[kUnit * kUnit], transposed[kUnit * kUnit];
      std::memcpy(square, k + f * kKeys + key * kUnit, sizeof(square));
      HWY_UNROLL(4)
      for (size_t i = 0; i < kUnit; ++i) {
        HWY_UNROLL(4)
        for (size_t j = 0; j < kUnit; ++j) {
          T x = square[j * kUnit + i];
          if constexpr (kSign != 0) x ^= kSign;
          transposed[i * kUnit + j] = x;
        }
      }
      std::memcpy(to + f * kUnit, transposed, sizeof(transposed));
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace triptych::attention
HWY_AFTER_NAMESPACE();

#endif  // per target
