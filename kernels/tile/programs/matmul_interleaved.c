// c = a * b, all in DRAM, interleaved. Blocks of c are spread over the tiles,
// each of which reads what it needs of a (NC) and b (B).
// SPDX-License-Identifier: Apache-2.0
#include "kernels/tile/programs/matmul.h"
#include "kernels/tile/programs/matmul_block.h"
#include "kernels/tile/tile.h"

struct Blocks {
  uint32_t across;     // blocks in a row of c
  struct Share share;  // this tile's, row by row
};
static struct Blocks BlocksOf(const struct MatmulArgs* args) {
  const uint32_t across = CeilDiv(args->n, args->by.block_n);
  return (struct Blocks){across,
                         MyShare(across * CeilDiv(args->m, args->by.block_m))};
}

static void Setup(void) {
  const struct MatmulArgs args = ARGS(MatmulArgs);
  MatmulMake(&args.formats, &args.by);
  BufferMake(kProduct, args.formats.c, args.by.block_m * args.by.block_n);
}

// Tiles [row, row + rows) x [col, col + cols) of a matrix `width` wide, to
// pages `stride` a row.
static void ReadBlock(const struct Tensor* t, uint32_t width, uint32_t row,
                      uint32_t rows, uint32_t col, uint32_t cols, uint32_t b,
                      uint32_t stride) {
  for (uint32_t r = 0; r < rows; ++r) {
    ReadPages(t, (row + r) * width + col, cols, PageAt(b, r * stride));
  }
}

static void Reader(void) {
  const struct MatmulArgs args = ARGS(MatmulArgs);
  const struct Tensor a = TensorAt(args.a, args.formats.a);
  const struct Blocks blocks = BlocksOf(&args);
  const uint32_t pages = args.by.block_m * args.by.block_k;
  for (uint32_t i = blocks.share.first; i < blocks.share.end; ++i) {
    const uint32_t row = i / blocks.across * args.by.block_m;
    for (uint32_t k = 0; k < args.k; k += args.by.block_k) {
      Reserve(kLeft, pages);
      ReadBlock(&a, args.k, row, Clip(row, args.by.block_m, args.m), k,
                Clip(k, args.by.block_k, args.k), kLeft, args.by.block_k);
      NocReadBarrier();
      Push(kLeft, pages);
    }
  }
}

static void Compute(void) {
  const struct MatmulArgs args = ARGS(MatmulArgs);
  const struct Blocks blocks = BlocksOf(&args);
  for (uint32_t i = blocks.share.first; i < blocks.share.end; ++i) {
    const uint32_t row = i / blocks.across, col = i - row * blocks.across;
    MatmulBlock(&args.by, Clip(row * args.by.block_m, args.by.block_m, args.m),
                Clip(col * args.by.block_n, args.by.block_n, args.n), args.k);
  }
}

static void WriteBlock(const struct MatmulArgs* args, uint32_t row,
                       uint32_t col) {
  const struct Tensor c = TensorAt(args->c, args->formats.c);
  const uint32_t pages = args->by.block_m * args->by.block_n;
  Wait(kProduct, pages);
  for (uint32_t i = 0; i < Clip(row, args->by.block_m, args->m); ++i) {
    WritePages(PageAt(kProduct, i * args->by.block_n), &c,
               (row + i) * args->n + col, Clip(col, args->by.block_n, args->n));
  }
  NocSentBarrier();
  Pop(kProduct, pages);
}

static void Writer(void) {
  const struct MatmulArgs args = ARGS(MatmulArgs);
  const struct Tensor b = TensorAt(args.b, args.formats.b);
  const struct Blocks blocks = BlocksOf(&args);
  const uint32_t pages = args.by.block_k * args.by.block_n;
  for (uint32_t i = blocks.share.first; i < blocks.share.end; ++i) {
    const uint32_t row = i / blocks.across;
    const uint32_t col = (i - row * blocks.across) * args.by.block_n;
    for (uint32_t k = 0; k < args.k; k += args.by.block_k) {
      Reserve(kRight, pages);
      ReadBlock(&b, args.n, k, Clip(k, args.by.block_k, args.k), col,
                Clip(col, args.by.block_n, args.n), kRight, args.by.block_n);
      NocReadBarrier();
      Push(kRight, pages);
    }
    WriteBlock(&args, row * args.by.block_m, col);
  }
  NocWriteBarrier();
}

TILE_PROGRAM(Setup, Reader, Compute, Writer)
