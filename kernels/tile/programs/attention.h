// softmax(scale * Q K^T) V of many heads; sizes in tiles, tensors in DRAM:
// q and out [heads, queries, dim], k and v [kv_heads, keys, dim].
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_TILE_PROGRAMS_ATTENTION_H_
#define TRIPTYCH_KERNELS_TILE_PROGRAMS_ATTENTION_H_

#include <stdint.h>

struct AttentionArgs {
  uint32_t heads, kv_heads, queries, keys, dim;
  uint32_t causal;        // the queries are the last of the keys
  uint32_t tail;          // keys of the last tile that count, 1 to 32
  uint32_t scale;         // f32 bits
  uint32_t chunk;         // tiles of keys in a step, 1 to 4
  uint32_t splits;        // of the keys of a head (attention_decode.c)
  uint32_t fidelity;      // of both products, 1 to 4
  uint32_t format;        // of q and out
  uint32_t kv_format;     // of k and v
  uint32_t q, k, v, out;  // addresses in DRAM
};

#endif  // TRIPTYCH_KERNELS_TILE_PROGRAMS_ATTENTION_H_
