// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_TILE_PROGRAMS_RMSNORM_H_
#define TRIPTYCH_KERNELS_TILE_PROGRAMS_RMSNORM_H_

#include <stdint.h>

struct RmsNormArgs {
  uint32_t rows, cols;      // tiles
  uint32_t format;          // of x, weight and out
  uint32_t x, weight, out;  // addresses in DRAM; weight is row 0 of its tiles
  uint32_t inverse_n;       // f32 bits of 1 / elements of a row
  uint32_t epsilon;         // f32 bits
};

#endif  // TRIPTYCH_KERNELS_TILE_PROGRAMS_RMSNORM_H_
