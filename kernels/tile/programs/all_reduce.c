// Every tile has n chunks and gets their sums over all tiles.
//
// First a chunk goes once round the ring, and each tile adds its own: after
// n - 1 steps, tile i has the sum of chunk i + 1. Then the sums go round. B
// sends to the next tile, NC receives from the one before: it tells that one
// when there is room, and the engine when there is something to add.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/tile/programs/collective.h"
#include "kernels/tile/ring.h"
#include "kernels/tile/tile.h"

// kOwn is all chunks, in place; kDone counts chunks that have been added to.
enum { kOwn, kInbox, kDone };
enum { kStep = 4 };

struct Shared {
  volatile uint32_t* room;  // chunks that the next tile has had room for
  volatile uint32_t* came;  // chunks from the one before, to be added
  volatile uint32_t* sums;  // and sums
};
static struct Shared* const shared =
    (struct Shared*)(TILE_LOCAL + sizeof(struct Context));

static void Setup(void) {
  const struct CollectiveArgs args = ARGS(CollectiveArgs);
  const uint32_t n = TileCount();
  BufferMake(kOwn, args.format, n * args.tiles);
  BufferMake(kInbox, args.format, 2 * args.tiles);
  BufferAt(kDone, 0, args.format, n);
  shared->room = WordMake();
  shared->came = WordMake();
  shared->sums = WordMake();
  EngineMake(TILE_F32, 4);
}

static uint32_t AddressOf(volatile uint32_t* word) {
  return (uint32_t)(uintptr_t)word;
}

static void Receive(void) {
  const struct CollectiveArgs args = ARGS(CollectiveArgs);
  const uint32_t n = TileCount(), me = RingNumber();
  const uint32_t from = RingAt(RingStep(me, n - 1, n));
  for (uint32_t step = 0; step + 1 < n; ++step) {
    Reserve(kInbox, args.tiles);
    NocIncrement(from, AddressOf(shared->room), 1);
    WaitAtLeast(shared->came, step + 1);
    Push(kInbox, args.tiles);
  }
  WaitAtLeast(shared->sums, n - 1);
  NocWriteBarrier();
}

// Chunk `chunk` of kOwn += what is in the inbox.
static void AddChunk(const struct CollectiveArgs* args, uint32_t chunk) {
  Wait(kInbox, args->tiles);
  for (uint32_t i = 0; i < args->tiles; i += kStep) {
    const uint32_t at = chunk * args->tiles + i;
    const uint32_t tiles = Min(kStep, args->tiles - i);
    DstAcquire();
    Combine(kAdd, TilesAt(kOwn, at), TilesAt(kInbox, i), kWhole, 0, tiles, 0);
    DstCommit();
    DstWait();
    Pack(0, TilesAt(kOwn, at), tiles);
    DstRelease();
  }
  Pop(kInbox, args->tiles);
  Push(kDone, 1);
}

static void Compute(void) {
  const struct CollectiveArgs args = ARGS(CollectiveArgs);
  const uint32_t n = TileCount();
  uint32_t chunk = RingNumber();
  for (uint32_t step = 0; step + 1 < n; ++step) {
    chunk = RingStep(chunk, n - 1, n);
    AddChunk(&args, chunk);
  }
}

static void Send(void) {
  const struct CollectiveArgs args = ARGS(CollectiveArgs);
  const uint32_t n = TileCount(), me = RingNumber();
  const uint32_t to = RingAt(RingStep(me, 1 % n, n));
  const uint32_t bytes = args.tiles * TileBytes(args.format);
  const uint32_t own = PageAt(kOwn, 0), inbox = PageAt(kInbox, 0);
  uint32_t chunk = me;
  for (uint32_t step = 0; step + 1 < n; ++step) {
    if (step > 0) {
      Wait(kDone, 1);
      Pop(kDone, 1);
    }
    WaitAtLeast(shared->room, step + 1);
    NocWrite(own + chunk * bytes, to, inbox + step % 2 * bytes, bytes);
    NocIncrement(to, AddressOf(shared->came), 1);
    chunk = RingStep(chunk, n - 1, n);
  }
  // `chunk` is the one that has been all the way; nobody adds to it anymore.
  for (uint32_t step = 0; step + 1 < n; ++step) {
    if (step == 0) Wait(kDone, 1);
    WaitAtLeast(shared->sums, step);
    NocWrite(own + chunk * bytes, to, own + chunk * bytes, bytes);
    NocIncrement(to, AddressOf(shared->sums), 1);
    chunk = RingStep(chunk, n - 1, n);
  }
  NocWriteBarrier();
}

TILE_PROGRAM(Setup, Receive, Compute, Send)
