// What a tile calculates: T0 unpacks tiles of L1 into SrcA and SrcB, T1
// calculates into Dst, T2 packs Dst into L1. Each call below is written once
// and does its part on each of the three; cores only post commands, which
// queue up in the engine.
//
// Between DstAcquire() and DstCommit() T1 fills a half of Dst, zero at first;
// between DstWait() and DstRelease() T2 packs it. A program makes all four
// calls in this order, with what it calculates after the first and what it
// packs after the third. A half holds 8 tiles of bf16 or 4 of f32.
//
// Addresses of operands are those of pages that the program waited for or
// reserved (buffer.h).
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_TILE_ENGINE_H_
#define TRIPTYCH_KERNELS_TILE_ENGINE_H_

#include "kernels/tile/buffer.h"
#include "kernels/tile/core.h"

// Bit patterns of single precision: the cores have no floating point.
#define F32_ONE UINT32_C(0x3f800000)

enum Unary {
  kExp = 1,
  kReciprocal,
  kRsqrt,
  kSqrt,
  kGelu,
  kSilu,
  kRelu,
  kNegate,
  kSquare,
  kAbs,
  kSigmoid,
  kTanh,
  kAddImmediate = 16,
  kMultiplyImmediate,
  kMaxImmediate,
};
enum DstBinary { kDstAdd = 1, kDstSub, kDstMul, kDstMax };
enum Binary { kAdd = TILE_OP_ADD, kSub = TILE_OP_SUB, kMul = TILE_OP_MUL };
// Which part of the right operand meets all of the left.
enum Broadcast { kWhole, kRow0, kColumn0, kElement0 };
enum Along { kAlongRows = 1, kAlongColumns, kAlongBoth };
enum Reduction { kSum, kMax };

static inline void Engine(uint32_t reg, uint32_t value) {
  *Word(TILE_ENGINE + reg) = value;
}
static inline void Command(uint32_t op, uint32_t operands) {
  *Word(TILE_ENGINE_COMMAND) = op << 24 | operands;
}

// For Setup(): the format of Dst, and the passes of the multiplier, 1 to 4.
static inline void EngineMake(uint32_t dst_format, uint32_t fidelity) {
  if (!kCalculates) return;
  Engine(TILE_DST_FORMAT, dst_format);
  Engine(TILE_FIDELITY, fidelity);
}
static inline uint32_t DstTiles(uint32_t dst_format) {
  return dst_format == TILE_F32 ? 4 : 8;
}

static inline void DstAcquire(void) {
  if (kCalculates) Command(TILE_OP_ACQUIRE, 0);
}
static inline void DstCommit(void) {
  if (kCalculates) Command(TILE_OP_COMMIT, 0);
}
static inline void DstWait(void) {
  if (kPacks) Command(TILE_OP_WAIT, 0);
}
static inline void DstRelease(void) {
  if (kPacks) Command(TILE_OP_RELEASE, 0);
}

// Waits until the engine has done all that this core told it.
static inline void EngineFinish(void) { (void)*Word(TILE_ENGINE + TILE_IDLE); }

// ---- Operands in L1 ----

// Tiles of a buffer from page `first` of its block on; rows of a block of
// them are `stride` pages apart.
struct Tiles {
  uint32_t buffer, first, stride;
};
static inline struct Tiles TilesAt(uint32_t buffer, uint32_t first) {
  return (struct Tiles){buffer, first, 0};
}
static inline struct Tiles BlockAt(uint32_t buffer, uint32_t first,
                                   uint32_t stride) {
  return (struct Tiles){buffer, first, stride};
}

static inline void UnpackA(struct Tiles a) {
  Engine(TILE_A_ADDRESS, PageAt(a.buffer, a.first));
  Engine(TILE_A_FORMAT, BufferOf(a.buffer)->format);
}
static inline void UnpackB(struct Tiles b) {
  Engine(TILE_B_ADDRESS, PageAt(b.buffer, b.first));
  Engine(TILE_B_FORMAT, BufferOf(b.buffer)->format);
}

// ---- Into Dst ----

struct MatmulShape {
  uint32_t rows, cols, k;  // tiles
};
enum { kTransposed = 1 };  // each tile of the right operand

// Dst[dst + r * cols + c] += sum over k of left[r,k] * right[k,c].
static inline void Matmul(struct Tiles left, struct Tiles right, uint32_t flags,
                          struct MatmulShape shape, uint32_t dst) {
  const uint32_t operands = shape.k << 16 | shape.rows << 8 | shape.cols;
  if (kUnpacks) {
    UnpackA(right);
    Engine(TILE_A_STRIDE, right.stride * BufferOf(right.buffer)->page_bytes);
    UnpackB(left);
    Engine(TILE_B_STRIDE, left.stride * BufferOf(left.buffer)->page_bytes);
    Engine(TILE_UNPACK_FLAGS, flags);
    Command(TILE_OP_UNPACK_MATMUL, operands);
  }
  if (kCalculates) {
    Engine(TILE_DST, dst);
    Command(TILE_OP_MATMUL, operands);
  }
}

// Dst[dst + i] = a[i], of n tiles.
static inline void Copy(struct Tiles a, uint32_t n, uint32_t dst) {
  if (kUnpacks) {
    UnpackA(a);
    Engine(TILE_UNPACK_FLAGS, 0);
    Command(TILE_OP_UNPACK_A, n);
  }
  if (kCalculates) {
    Engine(TILE_DST, dst);
    Command(TILE_OP_COPY, n);
  }
}

enum {
  kAccumulate = 1 << 18,  // Dst += , not = : of products
  kOneRight = 1 << 19,    // one tile on the right for all n
};
// Dst[dst + i] = a[i] op b[i], of n tiles.
static inline void Combine(enum Binary op, struct Tiles a, struct Tiles b,
                           enum Broadcast broadcast, uint32_t flags, uint32_t n,
                           uint32_t dst) {
  if (kUnpacks) {
    UnpackA(a);
    UnpackB(b);
    Engine(TILE_UNPACK_FLAGS, 0);
    Command(TILE_OP_UNPACK_AB, n | (flags & kOneRight ? 1 << 16 : 0));
  }
  if (kCalculates) {
    Engine(TILE_DST, dst);
    Command(op, n | (uint32_t)broadcast << 16 | flags);
  }
}

enum { kInto = 1 << 19 };  // together with what Dst[dst] has
// Dst[dst + i] = the sum, times `scale`, or maximum of the rows of a[i], in
// its column 0, or of the columns in its row 0; the rest is 0. With kInto all
// n go into Dst[dst]: Dst is zero at first, which is right for sums alone.
static inline void Reduce(enum Reduction reduction, enum Along along,
                          struct Tiles a, uint32_t scale, uint32_t flags,
                          uint32_t n, uint32_t dst) {
  if (kUnpacks) {
    UnpackA(a);
    Engine(TILE_UNPACK_FLAGS, 0);
    Command(TILE_OP_UNPACK_A, n);
  }
  if (kCalculates) {
    Engine(TILE_DST, dst);
    Engine(TILE_IMMEDIATE, scale);
    Command(TILE_OP_REDUCE, n | (uint32_t)along << 16 |
                                (reduction == kMax ? 1 << 18 : 0) | flags);
  }
}
// Of all n tiles together, n > 0.
static inline void ReduceAll(enum Reduction reduction, enum Along along,
                             struct Tiles a, uint32_t n, uint32_t dst) {
  Reduce(reduction, along, a, F32_ONE, 0, 1, dst);
  if (n == 1) return;
  ++a.first;
  Reduce(reduction, along, a, F32_ONE, kInto, n - 1, dst);
}

// ---- Within Dst, by the vector unit ----

// Dst[dst + i] = f(Dst[dst + i]), of n tiles.
static inline void Apply(enum Unary f, uint32_t n, uint32_t dst) {
  if (!kCalculates) return;
  Engine(TILE_DST, dst);
  Command(TILE_OP_SFPU, n | (uint32_t)f << 8);
}
static inline void ApplyWith(enum Unary f, uint32_t immediate, uint32_t n,
                             uint32_t dst) {
  if (!kCalculates) return;
  Engine(TILE_IMMEDIATE, immediate);
  Apply(f, n, dst);
}
// Dst[dst + i] = Dst[dst + i] op Dst[src + i], of n tiles; with a broadcast
// src is one tile for all.
static inline void CombineDst(enum DstBinary op, enum Broadcast broadcast,
                              uint32_t n, uint32_t dst, uint32_t src) {
  if (!kCalculates) return;
  Engine(TILE_DST, dst);
  Command(TILE_OP_SFPU2,
          n | (uint32_t)op << 8 | src << 16 | (uint32_t)broadcast << 21);
}

// ---- Out of Dst ----

// rows x cols tiles from Dst[dst] on, row by row.
static inline void PackBlock(uint32_t dst, struct Tiles to, uint32_t rows,
                             uint32_t cols) {
  if (!kPacks) return;
  const struct Buffer* buffer = BufferOf(to.buffer);
  Engine(TILE_DST, dst);
  Engine(TILE_PACK_ADDRESS, PageAt(to.buffer, to.first));
  Engine(TILE_PACK_FORMAT, buffer->format);
  Engine(TILE_PACK_STRIDE, to.stride * buffer->page_bytes);
  Command(TILE_OP_PACK, rows << 8 | cols);
}
// From here on packed tiles are added to those that are there, which nobody
// else does meanwhile and takes the packers longer; or they replace them.
static inline void PackAdds(bool adds) {
  if (kPacks) Engine(TILE_PACK_FLAGS, adds ? 4 : 0);
}
static inline void Pack(uint32_t dst, struct Tiles to, uint32_t n) {
  PackBlock(dst, to, 1, n);
}

// Dst goes to n pages of `buffer` and those on to whoever waits: the usual
// end of a step.
static inline void PackOut(uint32_t buffer, uint32_t n) {
  Reserve(buffer, n);
  DstWait();
  Pack(0, TilesAt(buffer, 0), n);
  DstRelease();
  Push(buffer, n);
}

#endif  // TRIPTYCH_KERNELS_TILE_ENGINE_H_
