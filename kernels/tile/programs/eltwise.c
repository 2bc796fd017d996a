// out = a op b, tile by tile: the smallest program with all that programs
// have. Tensors are interleaved in DRAM, tiles are spread over the grid.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/tile/programs/eltwise.h"

#include "kernels/tile/tile.h"

enum { kA, kB, kOut };

static void Setup(void) {
  const struct EltwiseArgs args = ARGS(EltwiseArgs);
  if (args.step == 0 || args.step > DstTiles(TILE_BF16)) Fail(kBadArguments);
  for (uint32_t b = kA; b <= kOut; ++b) {
    BufferMake(b, args.format, args.depth * args.step);
  }
  EngineMake(TILE_BF16, 4);
}

static void Reader(void) {
  const struct EltwiseArgs args = ARGS(EltwiseArgs);
  const struct Tensor a = TensorAt(args.a, args.format);
  const struct Tensor b = TensorAt(args.b, args.format);
  const struct Share mine = MyShare(args.tiles);
  for (uint32_t i = mine.first; i < mine.end; i += args.step) {
    const uint32_t n = Min(args.step, mine.end - i);
    Reserve(kA, args.step);
    Reserve(kB, args.step);
    for (uint32_t j = 0; j < n; ++j) {
      ReadPage(&a, i + j, PageAt(kA, j));
      ReadPage(&b, i + j, PageAt(kB, j));
    }
    NocReadBarrier();
    Push(kA, args.step);
    Push(kB, args.step);
  }
}

static void Compute(void) {
  const struct EltwiseArgs args = ARGS(EltwiseArgs);
  const struct Share mine = MyShare(args.tiles);
  for (uint32_t i = mine.first; i < mine.end; i += args.step) {
    const uint32_t n = Min(args.step, mine.end - i);
    Wait(kA, args.step);
    Wait(kB, args.step);
    DstAcquire();
    Combine(args.op, TilesAt(kA, 0), TilesAt(kB, 0), kWhole, 0, n, 0);
    DstCommit();
    Pop(kA, args.step);
    Pop(kB, args.step);
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
    for (uint32_t j = 0; j < n; ++j) WritePage(PageAt(kOut, j), &out, i + j);
    NocSentBarrier();
    Pop(kOut, args.step);
  }
  NocWriteBarrier();
}

TILE_PROGRAM(Setup, Reader, Compute, Writer)
