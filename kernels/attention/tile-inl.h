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

#include "hwy/highway.h"
#include "kernels/base/mat_view.h"

HWY_BEFORE_NAMESPACE();
namespace triptych::attention {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, 16>;
using V = hn::Vec<D>;

// With 32 vector registers 6 x 4 sums, 4 of b and 1 of a; with 16, 6 x 2 and
// 2 and 1. The tile of kernels/matmul, for the same reasons (block.h there).
inline constexpr size_t kTileRows = 6;
inline constexpr size_t kVectors =
    HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64 ? 4 : 2;

// c[rows, cols] = factor[rows] * start[rows, cols] + a[rows, depth] *
// b[depth, cols]; row-major, strides in elements, a start stride of 0 is one
// row for all. cols is whole vectors. start may be c.
//
// Each element is one chain: the product with the factor, then one
// multiply-add for each step of depth, in order, whatever rows and cols are.
struct Product {
  const float* a;
  size_t a_stride;
  const float* b;
  size_t b_stride;
  const float* start;
  size_t start_stride;
  const float* factor;
  float* c;
  size_t c_stride;
  size_t rows, cols, depth;  // rows <= kTileRows
};

template <size_t kRows, size_t kVecs>
void Tile(const Product& p, size_t col) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  const float* HWY_RESTRICT a = p.a;
  const float* HWY_RESTRICT b = p.b + col;
  V sum[kRows][kVecs];
  HWY_UNROLL(8)
  for (size_t r = 0; r < kRows; ++r) {
    const V factor = hn::Set(d, p.factor[r]);
    HWY_UNROLL(8)
    for (size_t v = 0; v < kVecs; ++v) {
      const float* start = p.start + r * p.start_stride + col + v * lanes;
      sum[r][v] = hn::Mul(hn::LoadU(d, start), factor);
    }
  }
  const size_t a_stride = p.a_stride, b_stride = p.b_stride;
  for (size_t k = 0; k < p.depth; ++k) {
    V row[kVecs];
    HWY_UNROLL(8)
    for (size_t v = 0; v < kVecs; ++v) {
      row[v] = hn::LoadU(d, b + k * b_stride + v * lanes);
    }
    HWY_UNROLL(8)
    for (size_t r = 0; r < kRows; ++r) {
      const V x = hn::Set(d, a[r * a_stride + k]);
      HWY_UNROLL(8)
      for (size_t v = 0; v < kVecs; ++v) {
        sum[r][v] = hn::MulAdd(x, row[v], sum[r][v]);
      }
    }
  }
  HWY_UNROLL(8)
  for (size_t r = 0; r < kRows; ++r) {
    HWY_UNROLL(8)
    for (size_t v = 0; v < kVecs; ++v) {
      hn::StoreU(sum[r][v], d, p.c + r * p.c_stride + col + v * lanes);
    }
  }
}

template <size_t kVecs>
void TileOfRows(const Product& p, size_t col) {
  static_assert(kTileRows == 6);
  switch (p.rows) {
    case 1:
      return Tile<1, kVecs>(p, col);
    case 2:
      return Tile<2, kVecs>(p, col);
    case 3:
      return Tile<3, kVecs>(p, col);
    case 4:
      return Tile<4, kVecs>(p, col);
    case 5:
      return Tile<5, kVecs>(p, col);
    case 6:
      return Tile<6, kVecs>(p, col);
  }
}

HWY_INLINE void Multiply(const Product& p) {
  const size_t lanes = hn::Lanes(D());
  size_t col = 0;
  for (; col + kVectors * lanes <= p.cols; col += kVectors * lanes) {
    TileOfRows<kVectors>(p, col);
  }
  for (; col < p.cols; col += lanes) TileOfRows<1>(p, col);
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
  const size_t whole = hwy::RoundUpTo(from.rows(), hn::Lanes(D()));
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
