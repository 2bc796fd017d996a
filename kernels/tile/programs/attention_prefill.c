// Attention of many queries: items of 32 queries of one head are spread over
// the tiles, each of which has K and V pass by.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/tile/programs/attention.h"
#include "kernels/tile/programs/flash.h"
#include "kernels/tile/tile.h"

static void Setup(void) {
  const struct AttentionArgs args = ARGS(AttentionArgs);
  if (args.keys < args.queries) Fail(kBadArguments);
  FlashMake(&args);
  BufferMake(kOut, args.format, 2 * args.dim);
}

// Under a causal mask keys behind the diagonal are skipped, and on it there
// is a triangle; else the last tile may have a tail.
static struct Keys KeysOf(const struct AttentionArgs* args, uint32_t item) {
  const uint32_t query = item % args->queries;
  const uint32_t end =
      args->causal ? args->keys - args->queries + query + 1 : args->keys;
  return (struct Keys){0, end, end - 1};
}
static uint32_t KvHeadOf(const struct AttentionArgs* args, uint32_t item) {
  return item / args->queries / (args->heads / args->kv_heads);
}

static void Reader(void) {
  const struct AttentionArgs args = ARGS(AttentionArgs);
  const struct Share mine = MyShare(args.heads * args.queries);
  for (uint32_t i = mine.first; i < mine.end; ++i) {
    ReadQueries(&args, i);
    ReadKeys(&args, KvHeadOf(&args, i), KeysOf(&args, i), kK);
  }
}

static void Compute(void) {
  const struct AttentionArgs args = ARGS(AttentionArgs);
  const struct Share mine = MyShare(args.heads * args.queries);
  for (uint32_t i = mine.first; i < mine.end; ++i) {
    Flash(&args, KeysOf(&args, i));
    Divide(&args);
  }
}

static void Writer(void) {
  const struct AttentionArgs args = ARGS(AttentionArgs);
  const struct Share mine = MyShare(args.heads * args.queries);
  MakeMask(&args);
  for (uint32_t i = mine.first; i < mine.end; ++i) {
    ReadKeys(&args, KvHeadOf(&args, i), KeysOf(&args, i), kV);
    WriteOut(&args, i);
  }
  NocWriteBarrier();
}

TILE_PROGRAM(Setup, Reader, Compute, Writer)
