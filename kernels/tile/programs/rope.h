// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_TILE_PROGRAMS_ROPE_H_
#define TRIPTYCH_KERNELS_TILE_PROGRAMS_ROPE_H_

#include <stdint.h>

struct RopeArgs {
  uint32_t heads, rows, cols;  // rows and cols of one head, in tiles
  uint32_t format;             // of all tensors
  uint32_t x, out;             // addresses in DRAM: [heads, rows, cols]
  uint32_t cosines, sines;     // [rows, cols], each value twice
};

#endif  // TRIPTYCH_KERNELS_TILE_PROGRAMS_ROPE_H_
