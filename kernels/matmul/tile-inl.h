// The register tile and the two loops around it, once per SIMD target.
//
// A `Dot` (dot-inl.h) says what four bytes are and how they are multiplied and
// accumulated. Everything else is shared. No OpenMP
// in here, ever: clang outlines the loop without the target's instructions.
// SPDX-License-Identifier: Apache-2.0

#if defined(TRIPTYCH_KERNELS_MATMUL_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TRIPTYCH_KERNELS_MATMUL_TILE_INL_H_
#undef TRIPTYCH_KERNELS_MATMUL_TILE_INL_H_
#else
#define TRIPTYCH_KERNELS_MATMUL_TILE_INL_H_
#endif

#include <algorithm>
#include <cstddef>
#include <utility>

#include "hwy/highway.h"
#include "kernels/base/units.h"
#include "kernels/matmul/block.h"
#include "kernels/matmul/dot-inl.h"
#include "kernels/matmul/matmul.h"

HWY_BEFORE_NAMESPACE();
namespace triptych::matmul {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

inline constexpr size_t kLanes = hn::MaxLanes(LineTag<float>());
// Vectors in a row of the register tile; see kMr.
inline constexpr size_t kVectors =
    HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64 ? 4 : 2;

template <class T>
struct TileArgs {
  const std::byte* a;
  size_t a_stride, a_step;
  const std::byte* w;  // the panel and, in it, the first output of the tile
  size_t w_stride;
  size_t lines;
  const T* start;
  size_t start_stride;
  T* c;
  size_t c_stride;
  size_t last;  // columns of C in the last vector: 1 to kLanes
};

// The microkernel. The loops over rows and vectors must be unrolled whole, or
// accumulators live in memory: gcc 12 -O2 without the pragmas reaches 42 % of
// what it reaches with them.
template <class Dot, size_t kRows, size_t kVecs>
void Tile(const TileArgs<typename Dot::T>& t) {
  using T = typename Dot::T;
  constexpr size_t kLastVector = (kVecs - 1) * kLanes;
  const LineTag<T> d;
  const std::byte* HWY_RESTRICT a = t.a;
  const std::byte* HWY_RESTRICT w[kVecs];
  hn::Vec<LineTag<T>> sum[kRows][kVecs];
  HWY_UNROLL(8)
  for (size_t v = 0; v < kVecs; ++v) {
    const size_t output = v * kLanes;
    w[v] = t.w + output / PackedWeights::kPanelOutputs * t.w_stride +
           output % PackedWeights::kPanelOutputs * PackedWeights::kUnitBytes;
  }
  const bool whole = t.last == kLanes;
  HWY_UNROLL(8)
  for (size_t r = 0; r < kRows; ++r) {
    HWY_UNROLL(8)
    for (size_t v = 0; v < kVecs; ++v) sum[r][v] = hn::Zero(d);
  }
  // Zeros are not loaded: behind the stores of the tile before, the loads cost
  // 33 cycles on Zen 5, 14 % of a tile of 16 lines.
  if (t.start != nullptr) {
    HWY_UNROLL(8)
    for (size_t r = 0; r < kRows; ++r) {
      const T* const start = t.start + r * t.start_stride;
      HWY_UNROLL(8)
      for (size_t v = 0; v < kVecs - 1; ++v) {
        sum[r][v] = hn::LoadU(d, start + v * kLanes);
      }
      sum[r][kVecs - 1] = whole ? hn::LoadU(d, start + kLastVector)
                                : hn::LoadN(d, start + kLastVector, t.last);
    }
  }
  const size_t a_stride = t.a_stride, a_step = t.a_step;
  for (size_t line = 0; line < t.lines; ++line) {
    typename Dot::W weights[kVecs];
    HWY_UNROLL(8)
    for (size_t v = 0; v < kVecs; ++v) {
      weights[v] = Dot::LoadW(w[v] + line * PackedWeights::kLineBytes);
    }
    HWY_UNROLL(8)
    for (size_t r = 0; r < kRows; ++r) {
      const auto x = Dot::Broadcast(a + r * a_stride);
      HWY_UNROLL(8)
      for (size_t v = 0; v < kVecs; ++v) {
        sum[r][v] = Dot::MulAdd(x, weights[v], sum[r][v]);
      }
    }
    a += a_step;
  }
  HWY_UNROLL(8)
  for (size_t r = 0; r < kRows; ++r) {
    T* const c = t.c + r * t.c_stride;
    HWY_UNROLL(8)
    for (size_t v = 0; v < kVecs - 1; ++v) {
      hn::StoreU(sum[r][v], d, c + v * kLanes);
    }
    if (whole) {
      hn::StoreU(sum[r][kVecs - 1], d, c + kLastVector);
    } else {
      hn::StoreN(sum[r][kVecs - 1], d, c + kLastVector, t.last);
    }
  }
}

template <class Dot, size_t kVecs>
void RunTile(size_t rows, const TileArgs<typename Dot::T>& t) {
  static_assert(kMr == 6);
  switch (rows) {
    case 1: return Tile<Dot, 1, kVecs>(t);
    case 2: return Tile<Dot, 2, kVecs>(t);
    case 3: return Tile<Dot, 3, kVecs>(t);
    case 4: return Tile<Dot, 4, kVecs>(t);
    case 5: return Tile<Dot, 5, kVecs>(t);
    case 6: return Tile<Dot, 6, kVecs>(t);
  }
}

// All row tiles of one column tile, which is `kVecs` vectors wide, the last of
// them perhaps not whole, and starts at column `col` of the block. Rows are
// dealt out evenly (8 rows are 4 + 4): a tile of one or two rows reads W as
// often as a tile of six.
template <class Dot, size_t kVecs>
void RunColumnTile(const Block& block, size_t col) {
  using T = typename Dot::T;
  constexpr size_t kCols = kVecs * kLanes;
  const size_t panel = col / PackedWeights::kPanelOutputs;
  const size_t output = col % PackedWeights::kPanelOutputs;
  const size_t last = std::min(kCols, block.cols - col) - (kCols - kLanes);
  const size_t tiles = CeilDiv(block.rows, kMr);
  for (size_t tile = 0; tile < tiles; ++tile) {
    const size_t row = tile * block.rows / tiles;
    const size_t rows = (tile + 1) * block.rows / tiles - row;
    const TileArgs<T> args = {
        .a = block.a + row * block.a_stride,
        .a_stride = block.a_stride,
        .a_step = block.a_step,
        .w = block.w + panel * block.w_stride +
             output * PackedWeights::kUnitBytes,
        .w_stride = block.w_stride,
        .lines = block.lines,
        .start = block.start == nullptr ? nullptr
                                        : static_cast<const T*>(block.start) +
                                              row * block.start_stride + col,
        .start_stride = block.start_stride,
        .c = static_cast<T*>(block.c) + row * block.c_stride + col,
        .c_stride = block.c_stride,
        .last = last,
    };
    RunTile<Dot, kVecs>(rows, args);
  }
}

// Column tiles as wide as can be, and evenly so: 13 vectors are 4 + 3 + 3 + 3,
// for the fewer sums there are in flight the longer each waits (bf16 at 193^3
// on Zen 5: 80 % of peak with 4 + 4 + 4 + 1). A tile that starts inside a panel
// must end in it; so only where a vector is a panel may tiles be uneven.
template <class Dot>
void RunBlock(const Block& block) {
  static_assert(kVectors == 4 || kVectors == 2);
  const size_t vectors = CeilDiv(block.cols, kLanes);
  const size_t tiles = CeilDiv(vectors, kVectors);
  for (size_t tile = 0, next = 0; tile < tiles; ++tile) {
    const size_t first = next;
    next = kLanes == PackedWeights::kPanelOutputs
               ? (tile + 1) * vectors / tiles
               : std::min(vectors, first + kVectors);
    const size_t col = first * kLanes;
    switch (next - first) {
      case 1:
        RunColumnTile<Dot, 1>(block, col);
        break;
      case 2:
        RunColumnTile<Dot, 2>(block, col);
        break;
      case 3:
        RunColumnTile<Dot, std::min<size_t>(3, kVectors)>(block, col);
        break;
      default:
        RunColumnTile<Dot, kVectors>(block, col);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace triptych::matmul
HWY_AFTER_NAMESPACE();

#endif  // include guard, once per target
