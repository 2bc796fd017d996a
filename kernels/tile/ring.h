// All tiles of the grid in a ring of neighbours: there and back row by row,
// and home along the first column or the torus' edge.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_TILE_RING_H_
#define TRIPTYCH_KERNELS_TILE_RING_H_

#include "kernels/tile/core.h"
#include "kernels/tile/noc.h"

// The place of number `i` of the ring.
static inline uint32_t RingAt(uint32_t i) {
  const uint32_t cols = Cols(), row = i / cols, col = i - row * cols;
  return TileAt(row % 2 ? cols - 1 - col : col, row);
}
static inline uint32_t RingNumber(void) {
  const uint32_t cols = Cols(), row = Row(), col = Col();
  return row * cols + (row % 2 ? cols - 1 - col : col);
}
// i + by, round the ring of n; by < n.
static inline uint32_t RingStep(uint32_t i, uint32_t by, uint32_t n) {
  return i + by < n ? i + by : i + by - n;
}

#endif  // TRIPTYCH_KERNELS_TILE_RING_H_
