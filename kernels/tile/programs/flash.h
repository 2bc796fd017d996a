// Attention of 32 queries over keys that pass by in chunks: scores never
// leave L1. Kept from chunk to chunk, in single precision: the greatest score
// of each query and the sum of its weights, both in column 0 of a tile, and
// the weighted sum of values, not yet divided.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_TILE_PROGRAMS_FLASH_H_
#define TRIPTYCH_KERNELS_TILE_PROGRAMS_FLASH_H_

#include "kernels/tile/masks.h"
#include "kernels/tile/programs/attention.h"
#include "kernels/tile/tile.h"

enum { kStep = 4 };  // tiles of single precision that Dst holds
enum {
  kQ,
  kK,
  kV,
  kMask,  // in
  kScores,
  kWeights,  // of a chunk
  kMost,
  kTotal,
  kMixed,  // what is kept
  kFade,
  kOtherFade,
  kInverse,  // factors, one a query, in column 0
  kOut,
  kInbox
};

static void FlashMake(const struct AttentionArgs* args) {
  if (args->chunk == 0 || args->chunk > kStep || args->dim == 0 ||
      args->heads % args->kv_heads || args->tail == 0 || args->tail > 32) {
    Fail(kBadArguments);
  }
  const uint32_t chunk = args->chunk * args->dim;
  BufferMake(kQ, args->format, 2 * args->dim);
  BufferMake(kK, args->kv_format, 2 * chunk);
  BufferMake(kV, args->kv_format, 2 * chunk);
  BufferMake(kMask, TILE_BF16, 1);
  BufferMake(kScores, TILE_F32, args->chunk);
  BufferMake(kWeights, TILE_BF16, args->chunk);
  BufferMake(kMost, TILE_F32, 2);
  BufferMake(kTotal, TILE_F32, 1);
  BufferMake(kMixed, TILE_F32, args->dim);
  BufferMake(kFade, TILE_F32, 1);
  BufferMake(kOtherFade, TILE_F32, 1);
  BufferMake(kInverse, TILE_F32, 1);
  EngineMake(TILE_F32, args->fidelity);
}

// ---- Moving ----

// What of the keys an item looks at: tiles [first, end), of which `masked`
// has some that do not count, if it is among them.
struct Keys {
  uint32_t first, end, masked;
};

static void MakeMask(const struct AttentionArgs* args) {
  Reserve(kMask, 1);
  MaskTile(PageAt(kMask, 0), args->causal, args->tail);
  Push(kMask, 1);
}

static void ReadQueries(const struct AttentionArgs* args, uint32_t item) {
  const struct Tensor q = TensorAt(args->q, args->format);
  Reserve(kQ, args->dim);
  ReadPages(&q, item * args->dim, args->dim, PageAt(kQ, 0));
  NocReadBarrier();
  Push(kQ, args->dim);
}

struct KeyStream {
  const struct AttentionArgs* args;
  struct Tensor tensor;
  struct Keys keys;
  uint32_t first, buffer;  // page of the head's first key
};
// K's tiles go down the buffer's columns ([dim, chunk]), so that transposed
// tiles make K^T; V's stay [chunk, dim].
static inline void FetchKeys(const void* self, uint32_t step, uint32_t page) {
  const struct KeyStream* s = (const struct KeyStream*)self;
  const uint32_t chunk = s->args->chunk, dim = s->args->dim;
  const uint32_t j = s->keys.first + step * chunk;
  const uint32_t n = Min(chunk, s->keys.end - j);
  const uint32_t from = s->first + j * dim, to = PageAt(s->buffer, page);
  const uint32_t bytes = s->tensor.page_bytes;
  if (s->buffer == kV) {
    ReadPages(&s->tensor, from, n * dim, to);
    return;
  }
  for (uint32_t i = 0; i < n; ++i) {
    MovePages(TILE_NOC_READ, &s->tensor, from + i * dim, dim, to + i * bytes,
              chunk * bytes);
  }
}
// The head's tiles of k or v, chunk by chunk.
static void ReadKeys(const struct AttentionArgs* args, uint32_t kv_head,
                     struct Keys keys, uint32_t buffer) {
  const struct KeyStream stream = {
      args, TensorAt(buffer == kK ? args->k : args->v, args->kv_format), keys,
      kv_head * args->keys * args->dim, buffer};
  Stream(buffer, args->chunk * args->dim,
         CeilDiv(keys.end - keys.first, args->chunk), FetchKeys, &stream);
}

static void WriteOut(const struct AttentionArgs* args, uint32_t item) {
  const struct Tensor out = TensorAt(args->out, args->format);
  Wait(kOut, args->dim);
  WritePages(PageAt(kOut, 0), &out, item * args->dim, args->dim);
  NocSentBarrier();
  Pop(kOut, args->dim);
}

// ---- Calculating ----

// kScores = Q K^T (+ mask), a whole chunk of pages of which n count.
static void Scores(const struct AttentionArgs* args, uint32_t n,
                   uint32_t masked) {
  DstAcquire();
  if (masked < n) Copy(TilesAt(kMask, 0), 1, masked);
  Matmul(TilesAt(kQ, 0), BlockAt(kK, 0, args->chunk), kTransposed,
         (struct MatmulShape){.rows = 1, .cols = n, .k = args->dim}, 0);
  DstCommit();
  Pop(kK, args->chunk * args->dim);
  Reserve(kScores, args->chunk);
  DstWait();
  Pack(0, TilesAt(kScores, 0), n);
  DstRelease();
  Push(kScores, args->chunk);
}

// A new kMost, behind the old one if there is one.
static void Most(uint32_t n, bool first) {
  DstAcquire();
  if (first) {
    ReduceAll(kMax, kAlongRows, TilesAt(kScores, 0), n, 0);
  } else {
    Copy(TilesAt(kMost, 0), 1, 0);
    Reduce(kMax, kAlongRows, TilesAt(kScores, 0), F32_ONE, kInto, n, 0);
  }
  DstCommit();
  PackOut(kMost, 1);
}

// exp(scale * (x - most)) of n tiles in Dst, where x - most is already.
static void Weigh(const struct AttentionArgs* args, uint32_t n) {
  ApplyWith(kMultiplyImmediate, args->scale, n, 0);
  Apply(kExp, n, 0);
}

static void Weights(const struct AttentionArgs* args, uint32_t n,
                    uint32_t most) {
  DstAcquire();
  Combine(kSub, TilesAt(kScores, 0), TilesAt(kMost, most), kColumn0, kOneRight,
          n, 0);
  Weigh(args, n);
  DstCommit();
  Pop(kScores, args->chunk);
  Reserve(kWeights, args->chunk);
  DstWait();
  Pack(0, TilesAt(kWeights, 0), n);
  DstRelease();
  Push(kWeights, args->chunk);
}

// What sums that go by `old` are to be multiplied with when kMost changes.
static void Fade(const struct AttentionArgs* args, struct Tiles old,
                 uint32_t to) {
  DstAcquire();
  Combine(kSub, old, TilesAt(kMost, 1), kWhole, 0, 1, 0);
  Weigh(args, 1);
  DstCommit();
  PackOut(to, 1);
}

static void Total(uint32_t n, bool first) {
  if (!first) Wait(kTotal, 1);
  DstAcquire();
  if (!first) {
    Combine(kMul, TilesAt(kTotal, 0), TilesAt(kFade, 0), kWhole, 0, 1, 0);
  }
  Reduce(kSum, kAlongRows, TilesAt(kWeights, 0), F32_ONE, kInto, n, 0);
  DstCommit();
  if (!first) Pop(kTotal, 1);
  PackOut(kTotal, 1);
}

static void Mix(const struct AttentionArgs* args, uint32_t n, bool first) {
  for (uint32_t d = 0; d < args->dim; d += kStep) {
    const uint32_t cols = Min(kStep, args->dim - d);
    if (!first) Wait(kMixed, cols);
    DstAcquire();
    if (!first) {
      Combine(kMul, TilesAt(kMixed, 0), TilesAt(kFade, 0), kColumn0, kOneRight,
              cols, 0);
    }
    Matmul(TilesAt(kWeights, 0), BlockAt(kV, d, args->dim), 0,
           (struct MatmulShape){.rows = 1, .cols = cols, .k = n}, 0);
    DstCommit();
    if (!first) Pop(kMixed, cols);
    PackOut(kMixed, cols);
  }
}

// From kQ, kK, kV of these keys to kMost, kTotal and kMixed.
static void Flash(const struct AttentionArgs* args, struct Keys keys) {
  Wait(kQ, args->dim);
  Wait(kMask, 1);
  for (uint32_t j = keys.first; j < keys.end; j += args->chunk) {
    const uint32_t n = Min(args->chunk, keys.end - j);
    const bool first = j == keys.first;
    Wait(kK, args->chunk * args->dim);
    Scores(args, n, keys.masked - j);
    Wait(kScores, args->chunk);
    Most(n, first);
    Wait(kMost, first ? 1 : 2);
    Weights(args, n, first ? 0 : 1);
    if (!first) {
      Fade(args, TilesAt(kMost, 0), kFade);
      Pop(kMost, 1);
      Wait(kFade, 1);
    }
    Wait(kWeights, args->chunk);
    Total(n, first);
    Wait(kV, args->chunk * args->dim);
    Mix(args, n, first);
    Pop(kV, args->chunk * args->dim);
    Pop(kWeights, args->chunk);
    if (!first) Pop(kFade, 1);
  }
  Pop(kQ, args->dim);
}

// kOut = kMixed / kTotal, and nothing is kept.
static void Divide(const struct AttentionArgs* args) {
  Wait(kTotal, 1);
  DstAcquire();
  Copy(TilesAt(kTotal, 0), 1, 0);
  Apply(kReciprocal, 1, 0);
  DstCommit();
  Pop(kTotal, 1);
  PackOut(kInverse, 1);
  Wait(kInverse, 1);
  for (uint32_t d = 0; d < args->dim; d += kStep) {
    const uint32_t cols = Min(kStep, args->dim - d);
    Wait(kMixed, cols);
    DstAcquire();
    Combine(kMul, TilesAt(kMixed, 0), TilesAt(kInverse, 0), kColumn0, kOneRight,
            cols, 0);
    DstCommit();
    Pop(kMixed, cols);
    PackOut(kOut, cols);
  }
  Pop(kInverse, 1);
  Pop(kMost, 1);
}

#endif  // TRIPTYCH_KERNELS_TILE_PROGRAMS_FLASH_H_
