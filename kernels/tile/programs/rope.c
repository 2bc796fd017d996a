// Rotary position embedding of neighbouring pairs: out = x * cos + turn(x) *
// sin, where turn() makes (a, b) into (-b, a). That is a product with a tile
// of zeros and ones, the only way to move columns within a tile.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/tile/programs/rope.h"

#include "kernels/tile/masks.h"
#include "kernels/tile/programs/rows.h"
#include "kernels/tile/tile.h"

enum { kX, kCosines, kSines, kTurn, kTurned, kOut };

static void Setup(void) {
  const struct RopeArgs args = ARGS(RopeArgs);
  for (uint32_t b = kX; b <= kSines; ++b) {
    BufferMake(b, args.format, 2 * args.cols);
  }
  BufferMake(kTurn, TILE_BF16, 1);
  BufferMake(kTurned, TILE_BF16, args.cols);
  BufferMake(kOut, args.format, 2 * args.cols);
  EngineMake(TILE_F32, 4);
}

// L1 is zero at first.
static void MakeTurn(uint32_t tile) {
  for (uint32_t i = 0; i < 32; i += 2) {
    *PairAt(tile, i, i) = BF16_ONE << 16;
    *PairAt(tile, i + 1, i) = BF16_MINUS_ONE;
  }
}

static void Reader(void) {
  const struct RopeArgs args = ARGS(RopeArgs);
  const struct Tensor x = TensorAt(args.x, args.format);
  const struct Tensor cosines = TensorAt(args.cosines, args.format);
  const struct Tensor sines = TensorAt(args.sines, args.format);
  const struct Share mine = MyShare(args.heads * args.rows);
  Reserve(kTurn, 1);
  MakeTurn(PageAt(kTurn, 0));
  Push(kTurn, 1);
  for (uint32_t i = mine.first; i < mine.end; ++i) {
    const uint32_t row = i % args.rows;
    ReadPages(&x, i * args.cols, args.cols, kX);
    ReadPages(&cosines, row * args.cols, args.cols, kCosines);
    ReadPages(&sines, row * args.cols, args.cols, kSines);
  }
}

static void Step(uint32_t n) {
  Wait(kX, n);
  DstAcquire();
  Matmul(BlockAt(kX, 0, 1), TilesAt(kTurn, 0), 0,
         (struct MatmulShape){.rows = n, .cols = 1, .k = 1}, 0);
  DstCommit();
  PackOut(kTurned, n);

  Wait(kCosines, n);
  Wait(kSines, n);
  Wait(kTurned, n);
  DstAcquire();
  Combine(kMul, TilesAt(kX, 0), TilesAt(kCosines, 0), kWhole, 0, n, 0);
  Combine(kMul, TilesAt(kTurned, 0), TilesAt(kSines, 0), kWhole, kAccumulate, n,
          0);
  DstCommit();
  Pop(kX, n);
  Pop(kCosines, n);
  Pop(kSines, n);
  Pop(kTurned, n);
  PackOut(kOut, n);
}

static void Compute(void) {
  const struct RopeArgs args = ARGS(RopeArgs);
  const struct Share mine = MyShare(args.heads * args.rows);
  Wait(kTurn, 1);
  for (uint32_t i = mine.first; i < mine.end; ++i) {
    for (uint32_t c = 0; c < args.cols; c += kStep) {
      Step(Min(kStep, args.cols - c));
    }
  }
}

static void Writer(void) {
  const struct RopeArgs args = ARGS(RopeArgs);
  const struct Tensor out = TensorAt(args.out, args.format);
  const struct Share mine = MyShare(args.heads * args.rows);
  for (uint32_t i = mine.first; i < mine.end; ++i) {
    WriteRow(kOut, &out, i * args.cols, args.cols);
  }
  NocWriteBarrier();
}

TILE_PROGRAM(Setup, Reader, Compute, Writer)
