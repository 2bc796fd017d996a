// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_TILE_PROGRAMS_SOFTMAX_H_
#define TRIPTYCH_KERNELS_TILE_PROGRAMS_SOFTMAX_H_

#include <stdint.h>

struct SoftmaxArgs {
  uint32_t rows, cols;  // tiles
  uint32_t tail;        // columns of the last tile that count, 1 to 32
  uint32_t format;      // of x and out
  uint32_t x, out;      // addresses in DRAM
};

#endif  // TRIPTYCH_KERNELS_TILE_PROGRAMS_SOFTMAX_H_
