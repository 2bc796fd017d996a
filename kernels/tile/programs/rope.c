// Rotary position embedding of neighbouring pairs: out = x * cos + turn(x) *
// sin, where turn() makes (a, b) into (-b, a). That is a product with a tile
// of zeros and ones, the only way to move columns within a tile.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/tile/programs/rope.h"

#include "kernels/tile/masks.h"
#include "kernels/tile/programs/rows.h"
#include "kernels/tile/tile.h"

// Pages of kIn: a step of x, of the cosines, and of the sines.
enum { kIn, kTurn, kTurned, kOut };
enum { kX = 0, kCosines = kStep, kSines = 2 * kStep, kPages = 3 * kStep };

static void Setup(void) {
  const struct RopeArgs args = ARGS(RopeArgs);
  if (args.cols == 0) Fail(kBadArguments);
  BufferMake(kIn, args.format, 3 * kPages);
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

struct Operands {
  struct Tensor x, cosines, sines;
  uint32_t first, rows, cols;  // the first row of tiles of this tile's share
  uint32_t steps;              // of a row
};
static void FetchStep(const void* self, uint32_t step, uint32_t page) {
  const struct Operands* from = (const struct Operands*)self;
  const uint32_t row = step / from->steps;
  const uint32_t col = (step - row * from->steps) * kStep;
  const uint32_t x = (from->first + row) * from->cols + col;
  const uint32_t angle = (from->first + row) % from->rows * from->cols + col;
  const uint32_t n = Min(kStep, from->cols - col);
  ReadPages(&from->x, x, n, PageAt(kIn, page + kX));
  ReadPages(&from->cosines, angle, n, PageAt(kIn, page + kCosines));
  ReadPages(&from->sines, angle, n, PageAt(kIn, page + kSines));
}

static void Reader(void) {
  const struct RopeArgs args = ARGS(RopeArgs);
  const struct Share mine = MyShare(args.heads * args.rows);
  const struct Operands from = {TensorAt(args.x, args.format),
                                TensorAt(args.cosines, args.format),
                                TensorAt(args.sines, args.format),
                                mine.first,
                                args.rows,
                                args.cols,
                                CeilDiv(args.cols, kStep)};
  Reserve(kTurn, 1);
  MakeTurn(PageAt(kTurn, 0));
  Push(kTurn, 1);
  Stream(kIn, kPages, (mine.end - mine.first) * from.steps, FetchStep, &from);
}

// n tiles of one row.
static void Step(uint32_t n) {
  Wait(kIn, kPages);
  DstAcquire();
  Matmul(BlockAt(kIn, kX, 1), TilesAt(kTurn, 0), 0,
         (struct MatmulShape){.rows = n, .cols = 1, .k = 1}, 0);
  DstCommit();
  PackOut(kTurned, n);

  Wait(kTurned, n);
  DstAcquire();
  Combine(kMul, TilesAt(kIn, kX), TilesAt(kIn, kCosines), kWhole, 0, n, 0);
  Combine(kMul, TilesAt(kTurned, 0), TilesAt(kIn, kSines), kWhole, kAccumulate,
          n, 0);
  DstCommit();
  Pop(kIn, kPages);
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
