// What a tile program stands on: which of the five cores this is, its place
// on the chip, its arguments, waiting, and the end.
//
// A program is one C file, compiled once per core with TILE_CORE set: what
// the other cores do is dead code, so nobody asks at run time who he is.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_TILE_CORE_H_
#define TRIPTYCH_KERNELS_TILE_CORE_H_

#include <stdbool.h>
#include <stdint.h>

#include "kernels/tile/abi.h"

// In the order of the machine: B and NC move data, T0 unpacks, T1 calculates,
// T2 packs.
enum Core { kCoreB, kCoreT0, kCoreT1, kCoreT2, kCoreNc };

#ifndef TILE_CORE
#error "TILE_CORE: the build compiles a program once for each of 0..4"
#endif

enum {
  kUnpacks = TILE_CORE == kCoreT0,
  kCalculates = TILE_CORE == kCoreT1,
  kPacks = TILE_CORE == kCoreT2,
  kMovesData = TILE_CORE == kCoreB || TILE_CORE == kCoreNc,
};

// Codes of Fail(); the report of a run prints them.
enum Failure {
  kL1Overflow = 1,   // the buffers of Setup() do not fit into L1
  kBadArguments = 2  // a block larger than Dst, a tensor without tiles, ..
};

static inline volatile uint32_t* Word(uint32_t address) {
  return (volatile uint32_t*)(uintptr_t)address;
}

// The program's arguments: a struct of words that its header shares with
// whoever starts it. Take a copy: the compiler cannot know that a command of
// the engine does not change what is in L1.
#define ARGS(type) (*(const struct type*)TILE_ARGS)

// Ends this core with an error.
__attribute__((noreturn)) static inline void Fail(enum Failure why) {
  *Word(TILE_EXIT) = (uint32_t)why << 1 | 1;
  for (;;) {
  }
}

// ---- The grid ----

static inline uint32_t Col(void) { return *Word(TILE_INFO_COL); }
static inline uint32_t Row(void) { return *Word(TILE_INFO_ROW); }
static inline uint32_t Cols(void) { return *Word(TILE_INFO_COLS); }
static inline uint32_t Rows(void) { return *Word(TILE_INFO_ROWS); }
// Row by row.
static inline uint32_t TileIndex(void) { return Row() * Cols() + Col(); }
static inline uint32_t TileCount(void) { return Cols() * Rows(); }

// ---- Waiting for a word of L1 that another core, the engine or another tile
// counts up. Counts wrap, so "at least" is a difference. ----

static inline void WaitAtLeast(volatile uint32_t* word, uint32_t count) {
  *Word(TILE_WAIT_ADDRESS) = (uint32_t)(uintptr_t)word;
  *Word(TILE_WAIT_VALUE) = count;
  (void)*Word(TILE_WAIT_GE);
}

// ---- Arithmetic ----

static inline uint32_t Min(uint32_t a, uint32_t b) { return a < b ? a : b; }
static inline uint32_t CeilDiv(uint32_t a, uint32_t b) {
  return (a + b - 1) / b;
}

// [first, end) of `items`, spread over `parts` so that none has two more than
// another.
struct Share {
  uint32_t first, end;
};
static inline struct Share ShareOf(uint32_t items, uint32_t part,
                                   uint32_t parts) {
  const uint32_t each = items / parts, rest = items - each * parts;
  const uint32_t first = part * each + Min(part, rest);
  return (struct Share){first, first + each + (part < rest)};
}
static inline struct Share MyShare(uint32_t items) {
  return ShareOf(items, TileIndex(), TileCount());
}

#endif  // TRIPTYCH_KERNELS_TILE_CORE_H_
