// What each tile of a ring has of a tensor that all of them want: in L1, n
// chunks for n tiles, the first at TILE_FREE.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_TILE_PROGRAMS_COLLECTIVE_H_
#define TRIPTYCH_KERNELS_TILE_PROGRAMS_COLLECTIVE_H_

#include <stdint.h>

struct CollectiveArgs {
  uint32_t tiles;  // of a chunk
  uint32_t format;
};

#endif  // TRIPTYCH_KERNELS_TILE_PROGRAMS_COLLECTIVE_H_
