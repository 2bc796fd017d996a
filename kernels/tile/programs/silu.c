// out = x * sigmoid(x): README.md's walk from an empty file.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/tile/programs/silu.h"

#include "kernels/tile/tile.h"

enum { kX, kOut };

static void Setup(void) {
  BufferMake(kX, TILE_BF16, 2);
  BufferMake(kOut, TILE_BF16, 2);
  EngineMake(TILE_BF16, 1);
}

static void Reader(void) {
  const struct SiluArgs args = ARGS(SiluArgs);
  const struct Tensor x = TensorAt(args.x, TILE_BF16);
  const struct Share mine = MyShare(args.tiles);
  for (uint32_t i = mine.first; i < mine.end; ++i) {
    Reserve(kX, 1);
    ReadPage(&x, i, PageAt(kX, 0));
    NocReadBarrier();
    Push(kX, 1);
  }
}

static void Compute(void) {
  const struct Share mine = MyShare(ARGS(SiluArgs).tiles);
  for (uint32_t i = mine.first; i < mine.end; ++i) {
    Wait(kX, 1);
    DstAcquire();
    Copy(TilesAt(kX, 0), 1, 0);
    Apply(kSilu, 1, 0);
    DstCommit();
    Pop(kX, 1);
    PackOut(kOut, 1);
  }
}

static void Writer(void) {
  const struct SiluArgs args = ARGS(SiluArgs);
  const struct Tensor out = TensorAt(args.out, TILE_BF16);
  const struct Share mine = MyShare(args.tiles);
  for (uint32_t i = mine.first; i < mine.end; ++i) {
    Wait(kOut, 1);
    WritePage(PageAt(kOut, 0), &out, i);
    NocSentBarrier();
    Pop(kOut, 1);
  }
  NocWriteBarrier();
}

TILE_PROGRAM(Setup, Reader, Compute, Writer)
