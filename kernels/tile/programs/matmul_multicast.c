// c = a * b, of matrices cut into blocks, one a tile: a and c stay in L1, b
// is in DRAM, interleaved.
//
// Tile (x, y) has block (y, x) of a and makes block (y, x) of c. In each step
// of k the tile that has that part of a sends it along its row (NC), and one
// tile of each column reads that part of b and sends it along the column (B).
// Those readers are in different rows: in one row they would share its links,
// which have less than DRAM gives.
//
// Whoever sends waits until all have room: each counts up a word of his. What
// he sends is followed by a word that says so. There are words for each slot
// of the buffer, so tiles can ask for later steps before this one has come.
//
// Shards come first in L1: a's at TILE_FREE, [block_m, shard_k] tiles, c's
// behind it, [block_m, block_n].
// SPDX-License-Identifier: Apache-2.0
#include "kernels/tile/programs/matmul.h"
#include "kernels/tile/programs/matmul_block.h"
#include "kernels/tile/tile.h"

enum { kSlots = 8, kLine = 64 };  // steps under way; bytes a word has alone

// Words of one direction, one a slot, at the same addresses on every tile.
struct Lane {
  uint32_t ready;  // of the sender: receivers that had room, in all
  uint32_t sent;   // of a receiver: the step that is there, + 1
};
struct Shared {
  uint32_t shard;
  struct Lane row, col;
};
static struct Shared* const shared =
    (struct Shared*)(TILE_LOCAL + sizeof(struct Context));

static struct Lane LaneMake(void) {
  return (struct Lane){L1Make(kSlots * kLine), L1Make(kSlots * kLine)};
}

// Steps of k that one tile has of a.
static uint32_t ShardSteps(const struct MatmulArgs* args) {
  return CeilDiv(CeilDiv(args->k, Cols()), args->by.block_k);
}

static void Setup(void) {
  const struct MatmulArgs args = ARGS(MatmulArgs);
  if (args.by.block_m * Rows() < args.m || args.by.block_n * Cols() < args.n ||
      args.by.depth > kSlots) {
    Fail(kBadArguments);
  }
  shared->shard = L1Make(args.by.block_m * ShardSteps(&args) * args.by.block_k *
                         TileBytes(args.formats.a));
  BufferMake(kProduct, args.formats.c, args.by.block_m * args.by.block_n);
  MatmulMake(&args.formats, &args.by);
  shared->row = LaneMake();
  shared->col = LaneMake();
}

// A step, its slot, and who has it.
struct Step {
  uint32_t number, slot, owner, of_owner;
};
static void NextStep(struct Step* step, uint32_t depth, uint32_t shard_steps) {
  ++step->number;
  if (++step->slot == depth) step->slot = 0;
  if (++step->of_owner == shard_steps) {
    ++step->owner;
    step->of_owner = 0;
  }
}

// To the block `ahead` of the one that is handed on next: this tile's part
// `of_owner` of a goes to the whole row.
static void SendLeft(const struct MatmulArgs* args, uint32_t of_owner,
                     uint32_t shard_steps, uint32_t tiles, uint32_t ahead) {
  const uint32_t bytes = TileBytes(args->formats.a);
  const uint32_t block_k = args->by.block_k;
  const uint32_t first = ahead * args->by.block_m * block_k;
  if (shard_steps == 1) {
    NocMulticast(shared->shard, tiles, PageAt(kLeft, first),
                 args->by.block_m * block_k * bytes);
    return;
  }
  for (uint32_t i = 0; i < args->by.block_m; ++i) {
    NocMulticast(shared->shard + (i * shard_steps + of_owner) * block_k * bytes,
                 tiles, PageAt(kLeft, first + i * block_k), block_k * bytes);
  }
}

static void MoveLeft(void) {
  const struct MatmulArgs args = ARGS(MatmulArgs);
  const uint32_t shard_steps = ShardSteps(&args), depth = args.by.depth;
  const uint32_t pages = args.by.block_m * args.by.block_k;
  const uint32_t col = Col(), row = Row(), cols = Cols();
  const uint32_t tiles = RowOfTiles(row);
  const uint32_t steps = CeilDiv(args.k, args.by.block_k);
  const struct Lane lane = shared->row;
  uint32_t ready[kSlots] = {0};  // what the words will be
  struct Step ask = {0}, now = {0};
  while (now.number < steps) {
    // Ask for, or send, all that there is room for; for the next step, wait.
    while (ask.number < steps && ask.number - now.number < depth) {
      const bool next = ask.number == now.number;
      const uint32_t ahead = ask.number - now.number;
      const uint32_t word = ask.slot * kLine;
      if (!next && !HasRoom(kLeft, (ahead + 1) * pages)) break;
      if (next) Reserve(kLeft, pages);
      if (ask.owner == col) {
        const uint32_t all = ready[ask.slot] + cols - 1;
        if (!next && *Word(lane.ready + word) != all) break;
        WaitAtLeast(Word(lane.ready + word), all);
        ready[ask.slot] = all;
        SendLeft(&args, ask.of_owner, shard_steps, tiles, ahead);
        NocStoreAll(tiles, lane.sent + word, ask.number + 1);
      } else {
        NocIncrement(TileAt(ask.owner, row), lane.ready + word, 1);
      }
      NextStep(&ask, depth, shard_steps);
    }
    WaitAtLeast(Word(lane.sent + now.slot * kLine), now.number + 1);
    Push(kLeft, pages);
    NextStep(&now, depth, shard_steps);
  }
  NocWriteBarrier();
}

static void Compute(void) {
  const struct MatmulArgs args = ARGS(MatmulArgs);
  MatmulBlock(&args.by, Clip(Row() * args.by.block_m, args.by.block_m, args.m),
              Clip(Col() * args.by.block_n, args.by.block_n, args.n), args.k);
}

static uint32_t ReaderRow(void) { return Col() % Rows(); }

// The reader asks DRAM for step `step`, to the block `ahead` of the one that
// is handed on next.
static void FetchRight(const struct MatmulArgs* args, const struct Tensor* b,
                       uint32_t step, uint32_t ahead) {
  const uint32_t first = ahead * args->by.block_k * args->by.block_n;
  const uint32_t k = step * args->by.block_k;
  const uint32_t col = Col() * args->by.block_n;
  for (uint32_t i = 0; i < Clip(k, args->by.block_k, args->k); ++i) {
    ReadPages(b, (k + i) * args->n + col, Clip(col, args->by.block_n, args->n),
              PageAt(kRight, first + i * args->by.block_n));
  }
}

static void SendRight(const struct MatmulArgs* args) {
  const struct Tensor b = TensorAt(args->b, args->formats.b);
  const uint32_t pages = args->by.block_k * args->by.block_n;
  const uint32_t rows = Rows(), depth = args->by.depth;
  const uint32_t steps = CeilDiv(args->k, args->by.block_k);
  const uint32_t others = ColOfTiles(Col());
  const struct Lane lane = shared->col;
  struct Step fetch = {0}, now = {0};
  uint32_t ready = 0;  // what the words of this round of slots will be
  while (now.number < steps) {
    // All wait for their first step: nobody's second gets in its way.
    const uint32_t most = now.number == 0 ? 1 : depth;
    while (fetch.number < steps && fetch.number - now.number < most) {
      const uint32_t ahead = fetch.number - now.number;
      if (ahead == 0) Reserve(kRight, pages);
      // What has come is sent before more is asked for.
      if (ahead > 0 && (!HasRoom(kRight, (ahead + 1) * pages) ||
                        NocGroupArrived(now.slot))) {
        break;
      }
      NocGroup(fetch.slot);
      FetchRight(args, &b, fetch.number, ahead);
      NextStep(&fetch, depth, steps);
    }
    NocGroupBarrier(now.slot);
    if (rows > 1) {
      if (now.slot == 0) ready += rows - 1;
      WaitAtLeast(Word(lane.ready + now.slot * kLine), ready);
      NocMulticastOthers(PageAt(kRight, 0), others, PageAt(kRight, 0),
                         pages * TileBytes(args->formats.b));
      NocStoreOthers(others, lane.sent + now.slot * kLine, now.number + 1);
    }
    Push(kRight, pages);
    NextStep(&now, depth, steps);
  }
  NocWriteBarrier();
}

static void ReceiveRight(const struct MatmulArgs* args) {
  const uint32_t pages = args->by.block_k * args->by.block_n;
  const uint32_t reader = TileAt(Col(), ReaderRow()), depth = args->by.depth;
  const uint32_t steps = CeilDiv(args->k, args->by.block_k);
  const struct Lane lane = shared->col;
  struct Step ask = {0}, now = {0};
  while (now.number < steps) {
    while (ask.number < steps && ask.number - now.number < depth) {
      const uint32_t ahead = ask.number - now.number;
      if (ahead == 0) Reserve(kRight, pages);
      if (!HasRoom(kRight, (ahead + 1) * pages)) break;
      NocIncrement(reader, lane.ready + ask.slot * kLine, 1);
      NextStep(&ask, depth, steps);
    }
    WaitAtLeast(Word(lane.sent + now.slot * kLine), now.number + 1);
    Push(kRight, pages);
    NextStep(&now, depth, steps);
  }
  NocWriteBarrier();
}

static void MoveRight(void) {
  const struct MatmulArgs args = ARGS(MatmulArgs);
  if (Row() == ReaderRow()) {
    SendRight(&args);
  } else {
    ReceiveRight(&args);
  }
}

// Whether NC and B change places in this column.
static bool Swapped(void) { return ARGS(MatmulArgs).by.swaps && Col() % 2; }
static void Reader(void) { Swapped() ? MoveRight() : MoveLeft(); }
static void Writer(void) { Swapped() ? MoveLeft() : MoveRight(); }

TILE_PROGRAM(Setup, Reader, Compute, Writer)
