// Small products for attention, once per SIMD target: the register tile, the
// loops around it, and the transposition of a tile of keys.
// SPDX-License-Identifier: Apache-2.0

#if defined(TRIPTYCH_KERNELS_ATTENTION_TILE_INL_H_) == \
    defined(HWY_TARGET_TOGGLE)
#ifdef TRIPTYCH_KERNELS_ATTENTION_TILE_INL_H_
#undef TRIPTYCH_KERNELS_ATTENTION_TILE_INL_H_
#else
#define TRIPTYCH_KERNELS_ATTENTION_TILE_INL_H_
#endif

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "hwy/cache_control.h"
#include "hwy/highway.h"
#include "kernels/base/mat_view.h"
#include "kernels/base/units.h"
#include "kernels/matmul/dot-inl.h"
#include "kernels/matmul/matmul.h"

HWY_BEFORE_NAMESPACE();
namespace triptych::attention {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = matmul::HWY_NAMESPACE::LineTag<float>;
using V = hn::Vec<D>;

inline constexpr size_t kLanes = hn::MaxLanes(D());
// With 32 vector registers 6 x 4 sums, 4 of b and 1 of a; with 16, 6 x 2 and
// 2 and 1. The tile of kernels/matmul, for the same reasons (block.h there).
inline constexpr size_t kTileRows = 6;
inline constexpr size_t kVectors =
    HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64 ? 4 : 2;

// How far ahead of each load of b its stream of tiles is fetched, in bytes;
// past the end that does no harm. On Zen 5 it makes decode steps on a cache in
// L3 4 to 7 % shorter and on one in memory 10 %; 4 KiB loses in memory, 12 KiB
// in L3. (On Zen 4 neither a line ahead nor a whole next tile at once gained
// anything.)
inline constexpr size_t kAhead = 8192;

// Bytes that a Dot (matmul/dot-inl.h) takes of a row of b for one column.
template <class Dot>
inline constexpr size_t kColumnBytes = PackedWeights::kUnitBytes;

// Where the sums begin: at zero, or at what c holds times the row's factor
// (sums of f32 only).
enum class Start : uint8_t { kZero, kScaled };

// c[rows, cols] = start + a[rows, depth] * b[depth, cols]; strides in bytes
// but for c. A step of depth is a unit of each row of a, four bytes, and a row
// of b. cols is whole vectors.
//
// Each element is one chain: the product with the factor, then one
// multiply-add for each step of depth, in order, whatever rows and cols are.
template <class Dot>
struct Product {
  const std::byte* a;
  size_t a_stride;
  const std::byte* b;
  size_t b_stride;
  typename Dot::T* c;
  size_t c_stride;
  size_t rows, cols, depth;
  const float* factor = nullptr;  // [rows]
};

template <class Dot, Start kStart, size_t kRows, size_t kVecs>
void Tile(const Product<Dot>& p, size_t row, size_t col) {
  const matmul::HWY_NAMESPACE::LineTag<typename Dot::T> d;
  constexpr size_t kVectorBytes = kLanes * kColumnBytes<Dot>;
  const size_t a_stride = p.a_stride, b_stride = p.b_stride;
  const std::byte* HWY_RESTRICT a = p.a + row * a_stride;
  const std::byte* HWY_RESTRICT b = p.b + col * kColumnBytes<Dot>;
  const size_t c_stride = p.c_stride;
  typename Dot::T* const c = p.c + row * c_stride + col;
  typename Dot::Sum sum[kRows][kVecs];
  HWY_UNROLL(8)
  for (size_t r = 0; r < kRows; ++r) {
    HWY_UNROLL(8)
    for (size_t v = 0; v < kVecs; ++v) {
      if constexpr (kStart == Start::kZero) {
        sum[r][v] = hn::Zero(d);
      } else {
        sum[r][v] = hn::Mul(hn::LoadU(d, c + r * c_stride + v * kLanes),
                            hn::Set(d, p.factor[row + r]));
      }
    }
  }
  for (size_t k = 0; k < p.depth; ++k) {
    typename Dot::W columns[kVecs];
    HWY_UNROLL(8)
    for (size_t v = 0; v < kVecs; ++v) {
      columns[v] = Dot::LoadW(b + v * kVectorBytes);
      hwy::Prefetch(b + v * kVectorBytes + kAhead);
    }
    HWY_UNROLL(8)
    for (size_t r = 0; r < kRows; ++r) {
      const auto x = Dot::Broadcast(a + r * a_stride);
      HWY_UNROLL(8)
      for (size_t v = 0; v < kVecs; ++v) {
        sum[r][v] = Dot::MulAdd(x, columns[v], sum[r][v]);
      }
    }
    a += PackedWeights::kUnitBytes;
    b += b_stride;
  }
  HWY_UNROLL(8)
  for (size_t r = 0; r < kRows; ++r) {
    HWY_UNROLL(8)
    for (size_t v = 0; v < kVecs; ++v) {
      hn::StoreU(sum[r][v], d, c + r * c_stride + v * kLanes);
    }
  }
}

template <class Dot, Start kStart, size_t kVecs>
void TileOfRows(const Product<Dot>& p, size_t row, size_t rows, size_t col) {
  static_assert(kTileRows == 6);
  switch (rows) {
    case 1:
      return Tile<Dot, kStart, 1, kVecs>(p, row, col);
    case 2:
      return Tile<Dot, kStart, 2, kVecs>(p, row, col);
    case 3:
      return Tile<Dot, kStart, 3, kVecs>(p, row, col);
    case 4:
      return Tile<Dot, kStart, 4, kVecs>(p, row, col);
    case 5:
      return Tile<Dot, kStart, 5, kVecs>(p, row, col);
    case 6:
      return Tile<Dot, kStart, 6, kVecs>(p, row, col);
  }
}

template <class Dot, Start kStart>
HWY_INLINE void Multiply(const Product<Dot>& p) {
  const size_t tiles = CeilDiv(p.rows, kTileRows);
  for (size_t t = 0; t < tiles; ++t) {
    const size_t row = t * p.rows / tiles;
    const size_t rows = (t + 1) * p.rows / tiles - row;
    size_t col = 0;
    for (; col + kVectors * kLanes <= p.cols; col += kVectors * kLanes) {
      TileOfRows<Dot, kStart, kVectors>(p, row, rows, col);
    }
    if constexpr (kVectors > 2) {  // half a tile at the diagonal
      for (; col + 2 * kLanes <= p.cols; col += 2 * kLanes) {
        TileOfRows<Dot, kStart, 2>(p, row, rows, col);
      }
    }
    for (; col < p.cols; col += kLanes) {
      TileOfRows<Dot, kStart, 1>(p, row, rows, col);
    }
  }
}

// to[c * to_stride + r] = from(r, c), in blocks of 4 x 4. Columns of `to` past
// from.rows() are zero up to the next whole vector.
HWY_INLINE void Transpose(ConstMatView<float> from, float* to,
                          size_t to_stride) {
  const hn::FixedTag<float, 4> d;
  const size_t rows = from.rows() / 4 * 4, cols = from.cols() / 4 * 4;
  for (size_t r = 0; r < rows; r += 4) {
    for (size_t c = 0; c < cols; c += 4) {
      const auto row0 = hn::LoadU(d, from.row(r) + c);
      const auto row1 = hn::LoadU(d, from.row(r + 1) + c);
      const auto row2 = hn::LoadU(d, from.row(r + 2) + c);
      const auto row3 = hn::LoadU(d, from.row(r + 3) + c);
      const auto even_low = hn::InterleaveLower(d, row0, row2);
      const auto odd_low = hn::InterleaveLower(d, row1, row3);
      const auto even_high = hn::InterleaveUpper(d, row0, row2);
      const auto odd_high = hn::InterleaveUpper(d, row1, row3);
      float* out = to + c * to_stride + r;
      hn::StoreU(hn::InterleaveLower(d, even_low, odd_low), d, out);
      hn::StoreU(hn::InterleaveUpper(d, even_low, odd_low), d, out + to_stride);
      hn::StoreU(hn::InterleaveLower(d, even_high, odd_high), d,
                 out + 2 * to_stride);
      hn::StoreU(hn::InterleaveUpper(d, even_high, odd_high), d,
                 out + 3 * to_stride);
    }
    for (size_t c = cols; c < from.cols(); ++c) {
      for (size_t i = r; i < r + 4; ++i) to[c * to_stride + i] = from(i, c);
    }
  }
  const size_t whole = RoundUp(from.rows(), 2 * kLanes);
  for (size_t c = 0; c < from.cols() && rows < whole; ++c) {
    for (size_t r = rows; r < whole; ++r) {
      to[c * to_stride + r] = r < from.rows() ? from(r, c) : 0.f;
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace triptych::attention
HWY_AFTER_NAMESPACE();

#endif  // per target
