// c[m,n] = a[m,k] * b[k,n]; sizes in tiles. matmul_interleaved.c has all
// three in DRAM; matmul_multicast.c has a and c in L1, cut into as many
// blocks as the grid has tiles.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_TILE_PROGRAMS_MATMUL_H_
#define TRIPTYCH_KERNELS_TILE_PROGRAMS_MATMUL_H_

#include <stdint.h>

struct MatmulFormats {
  uint32_t a, b, c, dst;  // 0 f32, 1 bf16, 2 bfp8, 3 bfp4; dst: f32 or bf16
  uint32_t fidelity;      // passes of the multiplier, 1 to 4
};

// How the product is cut up: what a tuner may choose.
struct MatmulBlocking {
  uint32_t block_m, block_n;  // of c, what a core makes at a time
  uint32_t block_k;           // of k, what a step takes
  uint32_t sub_m, sub_n;      // of a block, what Dst holds at a time
  uint32_t depth;             // steps that a buffer holds
  // Sums that Dst does not hold between steps: 0 come back to it, which the
  // multiplier waits for; 1 stay in L1, where the packers add each step's. The
  // former rounds to Dst's format at every addition, whatever the blocks; the
  // latter the sum of a step, and then that of the steps.
  uint32_t adds;
  // matmul_multicast.c: NoC 0 carries a, NoC 1 b; 1: in every other column
  // the other way round.
  uint32_t swaps;
};

struct MatmulArgs {
  uint32_t m, n, k;
  struct MatmulFormats formats;
  struct MatmulBlocking by;
  uint32_t a, b, c;  // addresses in DRAM
};

#endif  // TRIPTYCH_KERNELS_TILE_PROGRAMS_MATMUL_H_
