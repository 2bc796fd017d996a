// Tiles that a program makes itself: bf16, with few values.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_TILE_MASKS_H_
#define TRIPTYCH_KERNELS_TILE_MASKS_H_

#include "kernels/tile/core.h"

#define BF16_ONE UINT32_C(0x3f80)
#define BF16_MINUS_ONE UINT32_C(0xbf80)
#define BF16_MINUS_INFINITY UINT32_C(0xff80)

// The word with elements (row, col) and (row, col + 1) of a bf16 tile; col is
// even. Four faces of 16 x 16 follow each other.
static inline volatile uint32_t* PairAt(uint32_t tile, uint32_t row,
                                        uint32_t col) {
  const uint32_t face = row / 16 * 2 + col / 16;
  return Word(tile + face * 512 + row % 16 * 32 + col % 16 * 2);
}

// 0 in the first `columns` columns of each row, or up to the diagonal, and
// minus infinity behind: what is added to scores that do not count. The tile
// is zero at first, as free L1 is.
static inline void MaskTile(uint32_t tile, bool causal, uint32_t columns) {
  for (uint32_t row = 0; row < 32; ++row) {
    const uint32_t valid = causal ? row + 1 : columns;
    for (uint32_t col = valid & ~UINT32_C(1); col < 32; col += 2) {
      *PairAt(tile, row, col) =
          (col < valid ? 0 : BF16_MINUS_INFINITY) | BF16_MINUS_INFINITY << 16;
    }
  }
}

#endif  // TRIPTYCH_KERNELS_TILE_MASKS_H_
