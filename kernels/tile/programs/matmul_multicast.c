// c = a * b, of matrices cut into blocks, one a tile: a and c stay in L1, b
// is in DRAM, interleaved.
//
// Tile (x, y) has block (y, x) of a and makes block (y, x) of c. In each step
// of k the tile that has that part of a sends it along its row (NC), and the
// topmost tile of each column reads that part of b and sends it down (B).
// Whoever sends waits until all have room: they count up a word of his; what
// he sends is followed by a word that says so.
//
// Shards come first in L1: a's at TILE_FREE, [block_m, shard_k] tiles, c's
// behind it, [block_m, block_n].
// SPDX-License-Identifier: Apache-2.0
#include "kernels/tile/programs/matmul.h"
#include "kernels/tile/programs/matmul_block.h"
#include "kernels/tile/tile.h"

// The same addresses on every tile. Of a row: who is ready to be sent to, how
// many steps were; the same of a column.
struct Shared {
  uint32_t shard;
  volatile uint32_t *row_ready, *row_sent, *col_ready, *col_sent;
};
static struct Shared* const shared =
    (struct Shared*)(TILE_LOCAL + sizeof(struct Context));

// Tiles of k that one tile has of a: whole steps.
static uint32_t ShardK(const struct MatmulArgs* args) {
  const uint32_t each = CeilDiv(args->k, Cols());
  return CeilDiv(each, args->by.block_k) * args->by.block_k;
}

static void Setup(void) {
  const struct MatmulArgs args = ARGS(MatmulArgs);
  if (args.by.block_m * Rows() < args.m || args.by.block_n * Cols() < args.n) {
    Fail(kBadArguments);
  }
  const uint32_t outputs = args.by.block_m * args.by.block_n;
  shared->shard =
      L1Make(args.by.block_m * ShardK(&args) * TileBytes(args.formats.a));
  BufferMake(kProduct, args.formats.c, outputs);
  MatmulMake(&args.formats, &args.by);
  shared->row_ready = WordMake();
  shared->row_sent = WordMake();
  shared->col_ready = WordMake();
  shared->col_sent = WordMake();
}

static uint32_t AddressOf(volatile uint32_t* word) {
  return (uint32_t)(uintptr_t)word;
}

// The part of a's shard from tile `k` of it on goes to the whole row.
static void SendLeft(const struct MatmulArgs* args, uint32_t k,
                     uint32_t shard_k, uint32_t tiles) {
  const uint32_t bytes = TileBytes(args->formats.a);
  if (shard_k == args->by.block_k) {
    NocMulticast(shared->shard, tiles, PageAt(kLeft, 0),
                 args->by.block_m * shard_k * bytes);
    return;
  }
  for (uint32_t i = 0; i < args->by.block_m; ++i) {
    NocMulticast(shared->shard + (i * shard_k + k) * bytes, tiles,
                 PageAt(kLeft, i * args->by.block_k), args->by.block_k * bytes);
  }
}

static void Reader(void) {
  const struct MatmulArgs args = ARGS(MatmulArgs);
  const uint32_t shard_k = ShardK(&args),
                 pages = args.by.block_m * args.by.block_k;
  const uint32_t col = Col(), row = Row(), cols = Cols();
  const uint32_t tiles = RowOfTiles(row);
  uint32_t owner = 0, k_owned = 0, ready = 0, step = 0;
  for (uint32_t k = 0; k < args.k; k += args.by.block_k) {
    Reserve(kLeft, pages);
    if (owner == col) {
      ready += cols - 1;
      WaitAtLeast(shared->row_ready, ready);
      SendLeft(&args, k_owned, shard_k, tiles);
      NocStoreAll(tiles, AddressOf(shared->row_sent), step + 1);
    } else {
      NocIncrement(TileAt(owner, row), AddressOf(shared->row_ready), 1);
    }
    WaitAtLeast(shared->row_sent, ++step);
    Push(kLeft, pages);
    k_owned += args.by.block_k;
    if (k_owned == shard_k) {
      ++owner;
      k_owned = 0;
    }
  }
  NocWriteBarrier();
}

static void Compute(void) {
  const struct MatmulArgs args = ARGS(MatmulArgs);
  MatmulBlock(&args.by, Clip(Row() * args.by.block_m, args.by.block_m, args.m),
              Clip(Col() * args.by.block_n, args.by.block_n, args.n), args.k);
}

// The topmost tile asks for the step at `k`, to the block `ahead` of the one
// that is handed on next.
static void FetchRight(const struct MatmulArgs* args, const struct Tensor* b,
                       uint32_t k, uint32_t ahead, uint32_t group) {
  const uint32_t first = ahead * args->by.block_k * args->by.block_n;
  const uint32_t col = Col() * args->by.block_n;
  NocGroup(group);
  for (uint32_t i = 0; i < Clip(k, args->by.block_k, args->k); ++i) {
    for (uint32_t j = 0; j < Clip(col, args->by.block_n, args->n); ++j) {
      ReadPage(b, (k + i) * args->n + col + j,
               PageAt(kRight, first + i * args->by.block_n + j));
    }
  }
}

// Reads one step ahead of what it sends, if buffers are deep enough to have
// one step under way, one read and one that is multiplied.
static void SendDown(const struct MatmulArgs* args) {
  const struct Tensor b = TensorAt(args->b, args->formats.b);
  const uint32_t pages = args->by.block_k * args->by.block_n;
  const uint32_t rows = Rows(), ahead = args->by.depth > 2;
  const uint32_t others =
      Rectangle(TileAt(Col(), rows > 1), TileAt(Col(), rows - 1));
  uint32_t step = 0, fetched = 0;
  for (uint32_t k = 0; k < args->k; k += args->by.block_k) {
    while (fetched <= step + ahead && fetched * args->by.block_k < args->k) {
      Reserve(kRight, (fetched - step + 1) * pages);
      FetchRight(args, &b, fetched * args->by.block_k, fetched - step,
                 fetched & 1);
      ++fetched;
    }
    NocGroupBarrier(step & 1);
    ++step;
    if (rows > 1) {
      WaitAtLeast(shared->col_ready, step * (rows - 1));
      NocMulticast(PageAt(kRight, 0), others, PageAt(kRight, 0),
                   pages * TileBytes(args->formats.b));
      NocStoreAll(others, AddressOf(shared->col_sent), step);
    }
    Push(kRight, pages);
  }
  NocWriteBarrier();
}

static void Writer(void) {
  const struct MatmulArgs args = ARGS(MatmulArgs);
  if (Row() == 0) {
    SendDown(&args);
    return;
  }
  const uint32_t pages = args.by.block_k * args.by.block_n;
  const uint32_t above = TileAt(Col(), 0);
  uint32_t step = 0;
  for (uint32_t k = 0; k < args.k; k += args.by.block_k) {
    Reserve(kRight, pages);
    NocIncrement(above, AddressOf(shared->col_ready), 1);
    WaitAtLeast(shared->col_sent, ++step);
    Push(kRight, pages);
  }
  NocWriteBarrier();
}

TILE_PROGRAM(Setup, Reader, Compute, Writer)
