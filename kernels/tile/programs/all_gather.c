// Every tile has one chunk, the one of its number in the ring, and gets all.
// In each step a tile hands on what it got in the step before, in both
// directions at once: NC sends the first half of each chunk up the ring on
// NoC 0, B the second half down on NoC 1.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/tile/programs/collective.h"
#include "kernels/tile/ring.h"
#include "kernels/tile/tile.h"

struct Shared {
  uint32_t chunks;
  volatile uint32_t *came_up, *came_down;  // chunks from either side
};
static struct Shared* const shared =
    (struct Shared*)(TILE_LOCAL + sizeof(struct Context));

static void Setup(void) {
  const struct CollectiveArgs args = ARGS(CollectiveArgs);
  shared->chunks = L1Make(TileCount() * args.tiles * TileBytes(args.format));
  shared->came_up = WordMake();
  shared->came_down = WordMake();
}

// Tiles [first, end) of each chunk go to the neighbour `by` further.
static void HandOn(uint32_t first, uint32_t end, uint32_t by,
                   volatile uint32_t* came) {
  const struct CollectiveArgs args = ARGS(CollectiveArgs);
  const uint32_t n = TileCount(), me = RingNumber();
  const uint32_t to = RingAt(RingStep(me, by, n));
  const uint32_t bytes = TileBytes(args.format);
  uint32_t chunk = me;
  for (uint32_t step = 0; step + 1 < n; ++step) {
    WaitAtLeast(came, step);
    const uint32_t at = shared->chunks + (chunk * args.tiles + first) * bytes;
    NocWrite(at, to, at, (end - first) * bytes);
    NocIncrement(to, (uint32_t)(uintptr_t)came, 1);
    chunk = RingStep(chunk, n - by, n);
  }
  // The last one to come is not handed on.
  WaitAtLeast(came, n - 1);
  NocWriteBarrier();
}

static void Up(void) {
  if (TileCount() == 1) return;
  HandOn(0, CeilDiv(ARGS(CollectiveArgs).tiles, 2), 1, shared->came_up);
}
static void Down(void) {
  const uint32_t tiles = ARGS(CollectiveArgs).tiles;
  if (TileCount() == 1) return;
  HandOn(CeilDiv(tiles, 2), tiles, TileCount() - 1, shared->came_down);
}
static void Compute(void) {}

TILE_PROGRAM(Setup, Up, Compute, Down)
