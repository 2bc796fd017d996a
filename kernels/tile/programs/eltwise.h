// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_TILE_PROGRAMS_ELTWISE_H_
#define TRIPTYCH_KERNELS_TILE_PROGRAMS_ELTWISE_H_

#include <stdint.h>

struct EltwiseArgs {
  uint32_t op;         // 0x13 add, 0x14 subtract, 0x15 multiply
  uint32_t format;     // of all three tensors: 0 f32, 1 bf16, 2 bfp8, 3 bfp4
  uint32_t tiles;      // of each
  uint32_t a, b, out;  // addresses in DRAM
  uint32_t step;       // tiles that move at once, up to a half of Dst
  uint32_t depth;      // steps that a buffer holds
};

#endif  // TRIPTYCH_KERNELS_TILE_PROGRAMS_ELTWISE_H_
