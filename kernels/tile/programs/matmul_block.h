// A block of a product, step by step of k: what the matrix products of this
// folder have in common.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_TILE_PROGRAMS_MATMUL_BLOCK_H_
#define TRIPTYCH_KERNELS_TILE_PROGRAMS_MATMUL_BLOCK_H_

#include "kernels/tile/programs/matmul.h"
#include "kernels/tile/tile.h"

enum { kLeft, kRight, kSums, kProduct };

// What of `size` things from `first` on is below `end`.
static inline uint32_t Clip(uint32_t first, uint32_t size, uint32_t end) {
  return first >= end ? 0 : Min(size, end - first);
}

// Sums of a block that Dst holds whole stay there through all steps of k.
static inline bool StaysInDst(const struct MatmulBlocking* by) {
  return by->sub_m == by->block_m && by->sub_n == by->block_n;
}

static void MatmulMake(const struct MatmulFormats* formats,
                       const struct MatmulBlocking* by) {
  // What leaves Dst between steps comes back through SrcA, which holds all of
  // a bf16 and not all of an f32.
  if (by->block_m == 0 || by->block_n == 0 || by->block_k == 0 ||
      by->depth == 0 || by->sub_m == 0 || by->sub_n == 0 ||
      by->sub_m * by->sub_n > DstTiles(formats->dst) ||
      by->block_m % by->sub_m || by->block_n % by->sub_n ||
      (formats->dst != TILE_BF16 && !StaysInDst(by))) {
    Fail(kBadArguments);
  }
  BufferMake(kLeft, formats->a, by->depth * by->block_m * by->block_k);
  BufferMake(kRight, formats->b, by->depth * by->block_k * by->block_n);
  if (!StaysInDst(by)) {
    BufferMake(kSums, formats->dst, by->block_m * by->block_n);
  }
  EngineMake(formats->dst, formats->fidelity);
}

// Where a step is among those of k.
struct At {
  bool first, before_last, last;
};

// Whether sums stay where the product goes; else, if its format is not
// theirs, the last step takes them back to Dst.
static inline bool AddsInPlace(const struct MatmulBlocking* by) {
  return by->adds && BufferOf(kProduct)->format == BufferOf(kSums)->format;
}

// Between steps a sub-block's sums are in its own pages of kSums. With `adds`
// they stay there, and T0 is told when all but the last step are in them; else
// they come and go with each step.
static void PackSums(const struct MatmulBlocking* by, uint32_t number,
                     struct MatmulShape shape, struct At at) {
  const uint32_t size = by->sub_m * by->sub_n;
  const bool hands_on = !by->adds || at.before_last;
  if (hands_on) Reserve(kSums, size);
  DstWait();
  PackAdds(by->adds && !at.first);
  PackBlock(0, BlockAt(kSums, hands_on ? 0 : number * size, shape.cols),
            shape.rows, shape.cols);
  DstRelease();
  if (hands_on) Push(kSums, size);
}
static void PackProduct(const struct MatmulBlocking* by, uint32_t first,
                        struct MatmulShape shape, bool adds) {
  DstWait();
  PackAdds(adds);
  PackBlock(0, BlockAt(kProduct, first, by->block_n), shape.rows, shape.cols);
  DstRelease();
}

// One step of sub-block `number`, whose first tile is (i, j) of the block and
// of which rows x cols tiles are of the matrix.
static void MatmulStep(const struct MatmulBlocking* by, uint32_t number,
                       uint32_t i, uint32_t j, struct MatmulShape shape,
                       struct At at) {
  const uint32_t size = by->sub_m * by->sub_n;
  const bool stays = StaysInDst(by), in_place = !stays && AddsInPlace(by);
  if (at.first || !stays) DstAcquire();
  if (!at.first && !stays && !in_place && (!by->adds || at.last)) {
    Wait(kSums, size);
    Copy(TilesAt(kSums, 0), shape.rows * shape.cols, 0);
    Pop(kSums, size);
  }
  Matmul(BlockAt(kLeft, i * by->block_k, by->block_k),
         BlockAt(kRight, j, by->block_n), 0, shape, 0);
  if (!at.last && stays) return;
  DstCommit();
  if (at.last || in_place) {
    PackProduct(by, i * by->block_n + j, shape, in_place && !at.first);
  } else {
    PackSums(by, number, shape, at);
  }
}

// A block of rows x cols tiles, at most the blocking's: from steps of kLeft
// [block_m, block_k] and kRight [block_k, block_n] to kProduct [block_m,
// block_n]. What is beyond the matrix is neither read nor written.
static void MatmulBlock(const struct MatmulBlocking* by, uint32_t rows,
                        uint32_t cols, uint32_t k) {
  Reserve(kProduct, by->block_m * by->block_n);
  for (uint32_t k0 = 0; k0 < k; k0 += by->block_k) {
    Wait(kLeft, by->block_m * by->block_k);
    Wait(kRight, by->block_k * by->block_n);
    const uint32_t left = CeilDiv(k - k0, by->block_k);  // steps
    const struct At at = {k0 == 0, left == 2, left == 1};
    uint32_t number = 0;
    for (uint32_t i = 0; i < rows; i += by->sub_m) {
      for (uint32_t j = 0; j < cols; j += by->sub_n, ++number) {
        const struct MatmulShape shape = {Clip(i, by->sub_m, rows),
                                          Clip(j, by->sub_n, cols),
                                          Clip(k0, by->block_k, k)};
        MatmulStep(by, number, i, j, shape, at);
      }
    }
    Pop(kLeft, by->block_m * by->block_k);
    Pop(kRight, by->block_k * by->block_n);
  }
  Push(kProduct, by->block_m * by->block_n);
}

#endif  // TRIPTYCH_KERNELS_TILE_PROGRAMS_MATMUL_BLOCK_H_
