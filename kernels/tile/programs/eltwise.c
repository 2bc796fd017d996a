// out = a op b. Tensors are interleaved in DRAM, tiles are spread over the
// grid and go in steps.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/tile/programs/eltwise.h"

#include "kernels/tile/tile.h"

// Pages of kIn: `step` of a, then as many of b.
enum { kIn, kOut };

static void Setup(void) {
  const struct EltwiseArgs args = ARGS(EltwiseArgs);
  if (args.step == 0 || args.step > DstTiles(TILE_BF16)) Fail(kBadArguments);
  BufferMake(kIn, args.format, args.depth * 2 * args.step);
  BufferMake(kOut, args.format, args.depth * args.step);
  EngineMake(TILE_BF16, 4);
}

struct Operands {
  struct Tensor a, b;
  struct Share mine;
  uint32_t step;
};
static void FetchStep(const void* self, uint32_t step, uint32_t page) {
  const struct Operands* from = (const struct Operands*)self;
  const uint32_t i = from->mine.first + step * from->step;
  const uint32_t n = Min(from->step, from->mine.end - i);
  ReadPages(&from->a, i, n, PageAt(kIn, page));
  ReadPages(&from->b, i, n, PageAt(kIn, page + from->step));
}

static void Reader(void) {
  const struct EltwiseArgs args = ARGS(EltwiseArgs);
  const struct Operands from = {TensorAt(args.a, args.format),
                                TensorAt(args.b, args.format),
                                MyShare(args.tiles), args.step};
  Stream(kIn, 2 * args.step,
         CeilDiv(from.mine.end - from.mine.first, args.step), FetchStep, &from);
}

static void Compute(void) {
  const struct EltwiseArgs args = ARGS(EltwiseArgs);
  const struct Share mine = MyShare(args.tiles);
  for (uint32_t i = mine.first; i < mine.end; i += args.step) {
    const uint32_t n = Min(args.step, mine.end - i);
    Wait(kIn, 2 * args.step);
    DstAcquire();
    Combine(args.op, TilesAt(kIn, 0), TilesAt(kIn, args.step), kWhole, 0, n, 0);
    DstCommit();
    Pop(kIn, 2 * args.step);
    Reserve(kOut, args.step);
    DstWait();
    Pack(0, TilesAt(kOut, 0), n);
    DstRelease();
    Push(kOut, args.step);
  }
}

static void Writer(void) {
  const struct EltwiseArgs args = ARGS(EltwiseArgs);
  const struct Tensor out = TensorAt(args.out, args.format);
  const struct Share mine = MyShare(args.tiles);
  for (uint32_t i = mine.first; i < mine.end; i += args.step) {
    const uint32_t n = Min(args.step, mine.end - i);
    Wait(kOut, args.step);
    WritePages(PageAt(kOut, 0), &out, i, n);
    NocSentBarrier();
    Pop(kOut, args.step);
  }
  NocWriteBarrier();
}

TILE_PROGRAM(Setup, Reader, Compute, Writer)
