// What the loops (matmul.cc) and the per-target code (tile-inl.h) agree on:
// how a product is cut into blocks, and the arguments of one block.
//
//   task (mc x nc of C)            threads: matmul.cc
//     kc step                      matmul.cc
//       column tile (jr)           per target: tile-inl.h
//         row tile (ir)            per target
//           register tile: up to kMr rows x a few vectors of columns
//
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_MATMUL_BLOCK_H_
#define TRIPTYCH_KERNELS_MATMUL_BLOCK_H_

#include <cstddef>
#include <cstdint>

#include "kernels/base/mat_view.h"

namespace triptych::matmul {

// Rows of a register tile. With 32 vector registers: 6 x 4 accumulators, 4 of
// W, 1 of A = 29. With 16: 6 x 2, 2 and 1 = 15. Measured on Zen 4 at
// 6x4 / 8x3 / 12x2 / 14x2: 118 / 116 / 117 / 117 GFLOP/s in f32, so the shape
// that serves small m best wins: one row still gives 4 independent chains,
// which is what an FMA latency of 4 cycles asks for.
inline constexpr size_t kMr = 6;

// Lines of k in one step: 512 f32, 1024 bf16 or 2048 int8. A column tile of W
// (64 columns) is then 128 KiB and is read from L2, at 256 B per 24 cycles, a
// third of what L2 delivers; six rows of A are 12 KiB and stay in L1. C is
// loaded and stored once a step: 72 cycles in 12288. 256 lines lost 2 to 4 %
// at 512^3 and 1024^3.
inline constexpr size_t kKcLines = 512;

// The block of C one task owns. Rows: with kc lines each, A is 240 KiB, a
// quarter of a 1 MiB L2, beside a column tile of W; 240 rows measured the
// same within the noise. Columns: C is 120 KiB, and stays in L2 from one step
// to the next. nc is a multiple of the widest tile (64).
inline constexpr size_t kMc = 120;
inline constexpr size_t kNc = 256;

// Lines from the one that few rows read to the one that is asked for: 64 gave
// 93 % of what 128 and 192 gave (Zen 5).
inline constexpr size_t kAheadLines = 128;

// Multiply-adds below which another thread costs more (waking it: about 2 us)
// than it brings (at 16 a cycle: 2 us).
inline constexpr size_t kMacsPerThread = size_t{1} << 17;

// C[rows, cols] = start + A[rows, lines] * W[cols, lines]^T for one kc step.
// Type-free: A and W are units of four bytes, C and start are float or
// int32_t as the function says.
struct Block {
  const std::byte* a;   // row 0 at this step
  size_t a_stride;      // bytes from row to row
  size_t a_step;        // bytes from line to line
  const std::byte* w;   // first panel at this step
  size_t w_stride;      // bytes from panel to panel
  size_t lines;
  const void* start;    // row 0; may be C itself; null: zeros
  size_t start_stride;  // elements from row to row; 0: one row for all
  void* c;
  size_t c_stride;      // elements
  size_t rows, cols;    // rows <= kMc, cols <= kNc
};

using BlockFunction = void (*)(const Block&);

// The functions of the best SIMD target this machine has.
BlockFunction BlockF32();   // f32 x f32 -> f32
BlockFunction BlockBf16();  // bf16 x bf16 -> f32
BlockFunction BlockI8();    // u8 x s8 -> s32

// Rows of A in the form that blocks read: whole units of four bytes, zeros
// after the last column, rows `stride` bytes apart in `to`. All rows in one
// call: with a call for each, short rows took twice as long.
//
// Rounded to what BlockBf16's products read: bf16 to nearest even, subnormals
// perhaps flushed.
using RoundFunction = void (*)(ConstMatView<float> from, std::byte* to,
                               size_t stride);
RoundFunction RoundBf16();
// Bytes, of which each is xored with `flip` (zeros behind the row as well).
using CopyFunction = void (*)(ConstMatView<uint8_t> from, uint8_t flip,
                              std::byte* to, size_t stride);
CopyFunction CopyUnits();

}  // namespace triptych::matmul

#endif  // TRIPTYCH_KERNELS_MATMUL_BLOCK_H_
