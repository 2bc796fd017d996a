// out = x / sqrt(mean(x^2) + epsilon) * weight, along rows. A tile takes 32
// rows at a time and keeps them in L1: they are read once.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/tile/programs/rmsnorm.h"

#include "kernels/tile/programs/rows.h"
#include "kernels/tile/tile.h"

// kSquares and kScale are in single precision: a tile of sums, and one with
// what each row is multiplied with in column 0.
enum { kX, kWeight, kSquares, kScale, kOut };

static void Setup(void) {
  const struct RmsNormArgs args = ARGS(RmsNormArgs);
  BufferMake(kX, args.format, 2 * args.cols);
  BufferMake(kWeight, args.format, args.cols);
  BufferMake(kSquares, TILE_F32, 1);
  BufferMake(kScale, TILE_F32, 1);
  BufferMake(kOut, args.format, 2 * args.cols);
  EngineMake(TILE_F32, 4);
}

static void Reader(void) {
  const struct RmsNormArgs args = ARGS(RmsNormArgs);
  const struct Tensor x = TensorAt(args.x, args.format);
  const struct Share mine = MyShare(args.rows);
  StreamPages(&x, mine.first * args.cols, (mine.end - mine.first) * args.cols,
              kX);
}

// kScale = 1 / sqrt(mean(x^2) + epsilon) of each of the 32 rows.
static void Scale(const struct RmsNormArgs* args) {
  DstAcquire();
  for (uint32_t c = 0; c < args->cols; ++c) {
    Wait(kX, c + 1);
    Combine(kMul, TilesAt(kX, c), TilesAt(kX, c), kWhole, kAccumulate, 1, 0);
  }
  DstCommit();
  PackOut(kSquares, 1);

  Wait(kSquares, 1);
  DstAcquire();
  Reduce(kSum, kAlongRows, TilesAt(kSquares, 0), args->inverse_n, 0, 1, 0);
  ApplyWith(kAddImmediate, args->epsilon, 1, 0);
  Apply(kRsqrt, 1, 0);
  DstCommit();
  Pop(kSquares, 1);
  PackOut(kScale, 1);
}

static void Compute(void) {
  const struct RmsNormArgs args = ARGS(RmsNormArgs);
  const struct Share mine = MyShare(args.rows);
  // The weight's tiles stand beside x's in Dst, where its row 0 meets all.
  const uint32_t half = kStep / 2;
  for (uint32_t row = mine.first; row < mine.end; ++row) {
    Scale(&args);
    Wait(kScale, 1);
    for (uint32_t c = 0; c < args.cols; c += half) {
      const uint32_t n = Min(half, args.cols - c);
      Wait(kWeight, c + n);
      DstAcquire();
      Combine(kMul, TilesAt(kX, c), TilesAt(kScale, 0), kColumn0, kOneRight, n,
              0);
      Copy(TilesAt(kWeight, c), n, half);
      for (uint32_t i = 0; i < n; ++i) {
        CombineDst(kDstMul, kRow0, 1, i, half + i);
      }
      DstCommit();
      PackOut(kOut, n);
    }
    Pop(kScale, 1);
    Pop(kX, args.cols);
  }
}

static void Writer(void) {
  const struct RmsNormArgs args = ARGS(RmsNormArgs);
  const struct Tensor out = TensorAt(args.out, args.format);
  const struct Tensor weight = TensorAt(args.weight, args.format);
  const struct Share mine = MyShare(args.rows);
  if (mine.first < mine.end) StreamPages(&weight, 0, args.cols, kWeight);
  for (uint32_t row = mine.first; row < mine.end; ++row) {
    WriteRow(kOut, &out, row * args.cols, args.cols);
  }
  NocWriteBarrier();
}

TILE_PROGRAM(Setup, Reader, Compute, Writer)
