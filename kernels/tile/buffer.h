// Circular buffers: how the cores of a tile hand tiles to each other.
//
// A buffer is a piece of L1 that one core fills and one empties, and two
// words that count its pages: those that were pushed, those that were popped.
// Setup() makes the same buffers on every core of every tile, so all agree on
// addresses without being told, and a multicast finds a buffer at the same
// place everywhere.
//
// A block that is reserved, pushed, waited for or popped lies in one piece:
// block sizes of one buffer divide its pages.
//
// T0 and T2 count through their engine: pages are popped when they have been
// unpacked, pushed when they have been packed, and the core goes on. T1 sees
// no buffers; the calls do nothing there.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_TILE_BUFFER_H_
#define TRIPTYCH_KERNELS_TILE_BUFFER_H_

#include "kernels/tile/core.h"

enum { kBuffers = 16 };

struct Buffer {
  uint32_t page_bytes, pages, format;
  uint32_t base, end, next;  // addresses; `next` is this core's own
  uint32_t count;            // pages that this core has pushed or popped
  volatile uint32_t *pushed, *popped;
};

// What a core keeps at the bottom of its own RAM, which is zero at first.
struct Context {
  struct Buffer buffers[kBuffers];
  uint32_t l1_next;  // free from here on
};
static inline struct Context* Mine(void) { return (struct Context*)TILE_LOCAL; }
static inline struct Buffer* BufferOf(uint32_t b) {
  return &Mine()->buffers[b];
}

// Bytes of a tile: f32, bf16, bfp8, bfp4.
static inline uint32_t TileBytes(uint32_t format) {
  return format == TILE_F32    ? 4096
         : format == TILE_BF16 ? 2048
         : format == TILE_BFP8 ? 1088
                               : 576;
}

// ---- For Setup() ----

// A piece of L1, zero at first, at the same address on every tile.
static inline uint32_t L1Make(uint32_t bytes) {
  struct Context* mine = Mine();
  if (mine->l1_next == 0) mine->l1_next = *Word(TILE_INFO_FREE);
  const uint32_t address = mine->l1_next;
  if (bytes > *Word(TILE_INFO_L1_BYTES) - address) Fail(kL1Overflow);
  // 64 bytes, the widest flit: nobody shares a line with a word that others
  // write.
  mine->l1_next += (bytes + 63) & ~UINT32_C(63);
  return address;
}
static inline volatile uint32_t* WordMake(void) { return Word(L1Make(4)); }

// A buffer at a place of its own, e.g. a shard that others find there.
static inline void BufferAt(uint32_t b, uint32_t address, uint32_t format,
                            uint32_t pages) {
  struct Buffer* buffer = BufferOf(b);
  buffer->format = format;
  buffer->page_bytes = TileBytes(format);
  buffer->pages = pages;
  buffer->base = buffer->next = address;
  buffer->end = address + pages * buffer->page_bytes;
  buffer->pushed = WordMake();
  buffer->popped = WordMake();
}
static inline void BufferMake(uint32_t b, uint32_t format, uint32_t pages) {
  // So that the product below is no more than 32 bits hold.
  if (pages > UINT32_MAX / TileBytes(TILE_F32)) Fail(kL1Overflow);
  BufferAt(b, L1Make(pages * TileBytes(format)), format, pages);
}

// ---- Use ----

// The address of page i of those that were reserved or waited for.
static inline uint32_t PageAt(uint32_t b, uint32_t i) {
  const struct Buffer* buffer = BufferOf(b);
  const uint32_t address = buffer->next + i * buffer->page_bytes;
  return address < buffer->end ? address
                               : address - (buffer->end - buffer->base);
}

// On T0 and T2 when the engine has done all commands before, else now.
static inline void StoreInTurn(volatile uint32_t* word, uint32_t value) {
  if (kMovesData) {
    *word = value;
    return;
  }
  *Word(TILE_ENGINE + TILE_SIGNAL_ADDRESS) = (uint32_t)(uintptr_t)word;
  *Word(TILE_ENGINE + TILE_SIGNAL_VALUE) = value;
  *Word(TILE_ENGINE_COMMAND) = (uint32_t)TILE_OP_SIGNAL << 24;
}
static inline void BufferStep(struct Buffer* buffer, uint32_t pages) {
  buffer->count += pages;
  buffer->next += pages * buffer->page_bytes;
  if (buffer->next >= buffer->end) buffer->next = buffer->base;
}

// The core that fills: waits until `pages` are free ..
static inline void Reserve(uint32_t b, uint32_t pages) {
  if (!kPacks && !kMovesData) return;
  const struct Buffer* buffer = BufferOf(b);
  WaitAtLeast(buffer->popped, buffer->count + pages - buffer->pages);
}
// Whether it would not have to wait.
static inline bool HasRoom(uint32_t b, uint32_t pages) {
  const struct Buffer* buffer = BufferOf(b);
  return buffer->count + pages - *buffer->popped <= buffer->pages;
}
// .. and hands them on.
static inline void Push(uint32_t b, uint32_t pages) {
  if (!kPacks && !kMovesData) return;
  struct Buffer* buffer = BufferOf(b);
  BufferStep(buffer, pages);
  StoreInTurn(buffer->pushed, buffer->count);
}

// The core that empties: waits until `pages` are there ..
static inline void Wait(uint32_t b, uint32_t pages) {
  if (!kUnpacks && !kMovesData) return;
  const struct Buffer* buffer = BufferOf(b);
  WaitAtLeast(buffer->pushed, buffer->count + pages);
}
// .. and gives them back.
static inline void Pop(uint32_t b, uint32_t pages) {
  if (!kUnpacks && !kMovesData) return;
  struct Buffer* buffer = BufferOf(b);
  BufferStep(buffer, pages);
  StoreInTurn(buffer->popped, buffer->count);
}

#endif  // TRIPTYCH_KERNELS_TILE_BUFFER_H_
