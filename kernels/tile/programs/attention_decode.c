// Attention of one token: the queries that share a head of K and V are the
// rows of one tile, and the head's keys are split over several tiles, whose
// results are merged in a tree.
//
// In round r, those whose number is a multiple of 2^(r+1) take what the one
// 2^r further has, if there is one; that one is done then. Each round has a
// place of its own in the inbox, so nobody waits for room.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/tile/programs/attention.h"
#include "kernels/tile/programs/flash.h"
#include "kernels/tile/tile.h"

enum { kRounds = 8 };  // 256 splits
struct Shared {
  volatile uint32_t* arrived[kRounds];
};
static struct Shared* const shared =
    (struct Shared*)(TILE_LOCAL + sizeof(struct Context));

// Tiles of what is sent: kMost, kTotal, kMixed.
static uint32_t StateTiles(const struct AttentionArgs* args) {
  return 2 + args->dim;
}

// This tile's head and part of its keys.
struct Part {
  uint32_t head, number;
};
static bool PartOf(const struct AttentionArgs* args, struct Part* part) {
  const uint32_t index = TileIndex();
  part->head = index / args->splits;
  part->number = index - part->head * args->splits;
  return part->head < args->heads;
}

static void Setup(void) {
  const struct AttentionArgs args = ARGS(AttentionArgs);
  if (args.queries != 1 || args.causal || args.splits == 0 ||
      args.splits > 1 << kRounds || args.splits > args.keys ||
      args.heads != args.kv_heads || args.heads * args.splits > TileCount()) {
    Fail(kBadArguments);
  }
  FlashMake(&args);
  BufferMake(kInbox, TILE_F32, kRounds * StateTiles(&args));
  for (uint32_t r = 0; r < kRounds; ++r) shared->arrived[r] = WordMake();
  // Last, because it is not the same everywhere: a result, or a state.
  struct Part part;
  PartOf(&args, &part);
  BufferMake(kOut, part.number == 0 ? args.format : TILE_F32,
             StateTiles(&args));
}
static struct Keys KeysOf(const struct AttentionArgs* args,
                          const struct Part* part) {
  const struct Share share = ShareOf(args->keys, part->number, args->splits);
  // No key counts twice where there is no tail: that mask is of zeros.
  return (struct Keys){share.first, share.end, args->keys - 1};
}
static bool Receives(const struct AttentionArgs* args, uint32_t number,
                     uint32_t round) {
  return number % (2u << round) == 0 && number + (1u << round) < args->splits;
}
// The first round in which the part sends; number > 0.
static uint32_t RoundOfSending(uint32_t number) {
  uint32_t round = 0;
  while (number % (2u << round) == 0) ++round;
  return round;
}

static void Reader(void) {
  const struct AttentionArgs args = ARGS(AttentionArgs);
  struct Part part;
  if (!PartOf(&args, &part)) return;
  ReadQueries(&args, part.head);
  ReadKeys(&args, part.head, KeysOf(&args, &part), kK);
  for (uint32_t r = 0; Receives(&args, part.number, r); ++r) {
    WaitAtLeast(shared->arrived[r], 1);
    Push(kInbox, StateTiles(&args));
  }
}

// kMost, kTotal and kMixed become those of this tile's and the inbox' keys.
static void Merge(const struct AttentionArgs* args) {
  Wait(kInbox, StateTiles(args));
  Wait(kMost, 1);
  DstAcquire();
  Copy(TilesAt(kMost, 0), 1, 0);
  Copy(TilesAt(kInbox, 0), 1, 1);
  CombineDst(kDstMax, kWhole, 1, 0, 1);
  DstCommit();
  PackOut(kMost, 1);

  Wait(kMost, 2);
  Fade(args, TilesAt(kMost, 0), kFade);
  Fade(args, TilesAt(kInbox, 0), kOtherFade);
  Pop(kMost, 1);
  Wait(kFade, 1);
  Wait(kOtherFade, 1);

  Wait(kTotal, 1);
  DstAcquire();
  Combine(kMul, TilesAt(kTotal, 0), TilesAt(kFade, 0), kWhole, 0, 1, 0);
  Combine(kMul, TilesAt(kInbox, 1), TilesAt(kOtherFade, 0), kWhole, kAccumulate,
          1, 0);
  DstCommit();
  Pop(kTotal, 1);
  PackOut(kTotal, 1);

  for (uint32_t d = 0; d < args->dim; d += kStep) {
    const uint32_t cols = Min(kStep, args->dim - d);
    Wait(kMixed, cols);
    DstAcquire();
    Combine(kMul, TilesAt(kMixed, 0), TilesAt(kFade, 0), kColumn0, kOneRight,
            cols, 0);
    Combine(kMul, TilesAt(kInbox, 2 + d), TilesAt(kOtherFade, 0), kColumn0,
            kOneRight | kAccumulate, cols, 0);
    DstCommit();
    Pop(kMixed, cols);
    PackOut(kMixed, cols);
  }
  Pop(kFade, 1);
  Pop(kOtherFade, 1);
  Pop(kInbox, StateTiles(args));
}

static void CopyOut(uint32_t from, uint32_t n) {
  Wait(from, n);
  DstAcquire();
  Copy(TilesAt(from, 0), n, 0);
  DstCommit();
  Pop(from, n);
  PackOut(kOut, n);
}

static void Compute(void) {
  const struct AttentionArgs args = ARGS(AttentionArgs);
  struct Part part;
  if (!PartOf(&args, &part)) return;
  Flash(&args, KeysOf(&args, &part));
  for (uint32_t r = 0; Receives(&args, part.number, r); ++r) Merge(&args);
  if (part.number == 0) {
    Divide(&args);
    return;
  }
  CopyOut(kMost, 1);
  CopyOut(kTotal, 1);
  for (uint32_t d = 0; d < args.dim; d += kStep) {
    CopyOut(kMixed, Min(kStep, args.dim - d));
  }
}

static void SendState(const struct AttentionArgs* args,
                      const struct Part* part) {
  const uint32_t round = RoundOfSending(part->number);
  const uint32_t to = TileNumber(TileIndex() - (1u << round));
  const uint32_t tiles = StateTiles(args);
  Wait(kOut, tiles);
  NocWrite(PageAt(kOut, 0), to, PageAt(kInbox, round * tiles),
           tiles * TileBytes(TILE_F32));
  NocIncrement(to, (uint32_t)(uintptr_t)shared->arrived[round], 1);
}

static void Writer(void) {
  const struct AttentionArgs args = ARGS(AttentionArgs);
  struct Part part;
  if (!PartOf(&args, &part)) return;
  MakeMask(&args);
  ReadKeys(&args, part.head, KeysOf(&args, &part), kV);
  if (part.number == 0) {
    WriteOut(&args, part.head);
  } else {
    SendState(&args, &part);
  }
  NocWriteBarrier();
}

TILE_PROGRAM(Setup, Reader, Compute, Writer)
