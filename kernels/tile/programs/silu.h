// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_TILE_PROGRAMS_SILU_H_
#define TRIPTYCH_KERNELS_TILE_PROGRAMS_SILU_H_

#include <stdint.h>

struct SiluArgs {
  uint32_t tiles;   // of each tensor, bf16
  uint32_t x, out;  // addresses in DRAM
};

#endif  // TRIPTYCH_KERNELS_TILE_PROGRAMS_SILU_H_
