// out = exp(x - max) / sum, along rows. A tile takes 32 rows at a time and
// keeps them in L1: they are read once.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/tile/programs/softmax.h"

#include "kernels/tile/masks.h"
#include "kernels/tile/programs/rows.h"
#include "kernels/tile/tile.h"

// kEnd is the last tile with minus infinity where there is no column; kMost
// and kInverse have a row's maximum and 1 / sum in column 0.
enum { kX, kMask, kEnd, kMost, kPowers, kInverse, kOut };

static void Setup(void) {
  const struct SoftmaxArgs args = ARGS(SoftmaxArgs);
  if (args.cols == 0 || args.tail == 0 || args.tail > 32) Fail(kBadArguments);
  BufferMake(kX, args.format, 2 * args.cols);
  BufferMake(kMask, TILE_BF16, 1);
  BufferMake(kEnd, args.format, 1);
  BufferMake(kMost, TILE_F32, 1);
  BufferMake(kPowers, TILE_BF16, args.cols);
  BufferMake(kInverse, TILE_F32, 1);
  BufferMake(kOut, args.format, 2 * args.cols);
  EngineMake(TILE_F32, 4);
}

static void Reader(void) {
  const struct SoftmaxArgs args = ARGS(SoftmaxArgs);
  const struct Tensor x = TensorAt(args.x, args.format);
  const struct Share mine = MyShare(args.rows);
  StreamPages(&x, mine.first * args.cols, (mine.end - mine.first) * args.cols,
              kX);
}

// kMost = the maximum of each row.
static void Most(uint32_t whole) {
  DstAcquire();
  Combine(kAdd, TilesAt(kX, whole), TilesAt(kMask, 0), kWhole, 0, 1, 0);
  DstCommit();
  PackOut(kEnd, 1);

  DstAcquire();
  Wait(kEnd, 1);
  Reduce(kMax, kAlongRows, TilesAt(kEnd, 0), F32_ONE, 0, 1, 0);
  if (whole > 0) {
    Reduce(kMax, kAlongRows, TilesAt(kX, 0), F32_ONE, kInto, whole, 0);
  }
  DstCommit();
  PackOut(kMost, 1);
}

static void Power(struct Tiles x, uint32_t n) {
  DstAcquire();
  Combine(kSub, x, TilesAt(kMost, 0), kColumn0, kOneRight, n, 0);
  Apply(kExp, n, 0);
  DstCommit();
  PackOut(kPowers, n);
}

static void Normalise(uint32_t cols) {
  DstAcquire();
  Wait(kPowers, cols);
  Reduce(kSum, kAlongRows, TilesAt(kPowers, 0), F32_ONE, kInto, cols, 0);
  Apply(kReciprocal, 1, 0);
  DstCommit();
  PackOut(kInverse, 1);

  Wait(kInverse, 1);
  for (uint32_t c = 0; c < cols; c += kStep) {
    const uint32_t n = Min(kStep, cols - c);
    DstAcquire();
    Combine(kMul, TilesAt(kPowers, c), TilesAt(kInverse, 0), kColumn0,
            kOneRight, n, 0);
    DstCommit();
    PackOut(kOut, n);
  }
  Pop(kPowers, cols);
  Pop(kInverse, 1);
}

static void Compute(void) {
  const struct SoftmaxArgs args = ARGS(SoftmaxArgs);
  const struct Share mine = MyShare(args.rows);
  const uint32_t whole = args.cols - 1;
  Wait(kMask, 1);
  for (uint32_t row = mine.first; row < mine.end; ++row) {
    Wait(kX, args.cols);
    Most(whole);
    Wait(kMost, 1);
    for (uint32_t c = 0; c < whole; c += kStep) {
      Power(TilesAt(kX, c), Min(kStep, whole - c));
    }
    Power(TilesAt(kEnd, 0), 1);
    Pop(kX, args.cols);
    Pop(kEnd, 1);
    Pop(kMost, 1);
    Normalise(args.cols);
  }
}

static void Writer(void) {
  const struct SoftmaxArgs args = ARGS(SoftmaxArgs);
  const struct Tensor out = TensorAt(args.out, args.format);
  const struct Share mine = MyShare(args.rows);
  Reserve(kMask, 1);
  MaskTile(PageAt(kMask, 0), false, args.tail);
  Push(kMask, 1);
  for (uint32_t row = mine.first; row < mine.end; ++row) {
    WriteRow(kOut, &out, row * args.cols, args.cols);
  }
  NocWriteBarrier();
}

TILE_PROGRAM(Setup, Reader, Compute, Writer)
