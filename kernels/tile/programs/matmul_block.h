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

// One step of one sub-block, of which rows x cols tiles are of the matrix.
static void MatmulStep(const struct MatmulBlocking* by, uint32_t i, uint32_t j,
                       struct MatmulShape shape, bool first, bool last) {
  const uint32_t size = by->sub_m * by->sub_n;
  const bool stays = StaysInDst(by);
  if (first || !stays) DstAcquire();
  if (!first && !stays) {
    Wait(kSums, size);
    Copy(TilesAt(kSums, 0), shape.rows * shape.cols, 0);
    Pop(kSums, size);
  }
  Matmul(BlockAt(kLeft, i * by->block_k, by->block_k),
         BlockAt(kRight, j, by->block_n), 0, shape, 0);
  if (!last && stays) return;
  DstCommit();
  if (!last) Reserve(kSums, size);
  DstWait();
  PackBlock(0,
            last ? BlockAt(kProduct, i * by->block_n + j, by->block_n)
                 : BlockAt(kSums, 0, shape.cols),
            shape.rows, shape.cols);
  DstRelease();
  if (!last) Push(kSums, size);
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
    const bool last = k - k0 <= by->block_k;
    for (uint32_t i = 0; i < rows; i += by->sub_m) {
      for (uint32_t j = 0; j < cols; j += by->sub_n) {
        const struct MatmulShape shape = {Clip(i, by->sub_m, rows),
                                          Clip(j, by->sub_n, cols),
                                          Clip(k0, by->block_k, k)};
        MatmulStep(by, i, j, shape, k0 == 0, last);
      }
    }
    Pop(kLeft, by->block_m * by->block_k);
    Pop(kRight, by->block_k * by->block_n);
  }
  Push(kProduct, by->block_m * by->block_n);
}

#endif  // TRIPTYCH_KERNELS_TILE_PROGRAMS_MATMUL_BLOCK_H_
