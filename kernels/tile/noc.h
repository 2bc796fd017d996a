// Moving bytes between tiles and to DRAM. Addresses are of L1, or of a bank;
// a place is the router's x | y << 8.
//
// Calls return when the interface has the command. Reads have arrived after
// NocReadBarrier(), writes after NocWriteBarrier(). What a core writes to one
// tile arrives in order, words after data too, so a word tells that data are
// there. NC uses NoC 0 and B NoC 1; nothing orders the two.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_TILE_NOC_H_
#define TRIPTYCH_KERNELS_TILE_NOC_H_

#include "kernels/tile/core.h"

enum { kSmallestPayload = 8192 };  // of any machine; more is split
#define NOC_REGISTER(offset) \
  (*Word(TILE_NOC0 + (TILE_CORE == kCoreB ? TILE_NOC_STRIDE : 0) + (offset)))

// ---- Places ----

static inline uint32_t TileAt(uint32_t col, uint32_t row) {
  const volatile uint8_t* x = (volatile uint8_t*)TILE_INFO_ROUTER_X;
  const volatile uint8_t* y = (volatile uint8_t*)TILE_INFO_ROUTER_Y;
  return x[col] | (uint32_t)y[row] << 8;
}
static inline uint32_t TileNumber(uint32_t index) {
  const uint32_t cols = Cols(), row = index / cols;
  return TileAt(index - row * cols, row);
}
static inline uint32_t BankAt(uint32_t bank) {
  return Word(TILE_INFO_BANK_XY)[bank];
}
// A rectangle of tiles, corners included; its first corner is the lesser.
static inline uint32_t Rectangle(uint32_t first, uint32_t last) {
  return first | last << 16;
}
static inline uint32_t RowOfTiles(uint32_t row) {
  return Rectangle(TileAt(0, row), TileAt(Cols() - 1, row));
}
static inline uint32_t ColOfTiles(uint32_t col) {
  return Rectangle(TileAt(col, 0), TileAt(col, Rows() - 1));
}

// ---- Data ----

// At most kSmallestPayload bytes.
static inline void NocPacket(uint32_t command, uint32_t local, uint32_t place,
                             uint32_t remote, uint32_t bytes) {
  NOC_REGISTER(TILE_NOC_XY) = place;
  NOC_REGISTER(TILE_NOC_LOCAL) = local;
  NOC_REGISTER(TILE_NOC_REMOTE) = remote;
  NOC_REGISTER(TILE_NOC_LENGTH) = bytes;
  NOC_REGISTER(TILE_NOC_COMMAND) = command;
}
static inline void NocTransfer(uint32_t command, uint32_t local, uint32_t place,
                               uint32_t remote, uint32_t bytes) {
  NOC_REGISTER(TILE_NOC_XY) = place;
  while (bytes > 0) {
    const uint32_t packet = Min(
        bytes, bytes <= kSmallestPayload ? bytes : *Word(TILE_INFO_PAYLOAD));
    NOC_REGISTER(TILE_NOC_LOCAL) = local;
    NOC_REGISTER(TILE_NOC_REMOTE) = remote;
    NOC_REGISTER(TILE_NOC_LENGTH) = packet;
    NOC_REGISTER(TILE_NOC_COMMAND) = command;
    local += packet;
    remote += packet;
    bytes -= packet;
  }
}

// These move tensor data, which no core looks at: a run for timing alone
// moves none of it.
static inline void NocRead(uint32_t place, uint32_t remote, uint32_t local,
                           uint32_t bytes) {
  NocTransfer(TILE_NOC_READ | TILE_NOC_BULK, local, place, remote, bytes);
}
static inline void NocWrite(uint32_t local, uint32_t place, uint32_t remote,
                            uint32_t bytes) {
  NocTransfer(TILE_NOC_WRITE | TILE_NOC_BULK, local, place, remote, bytes);
}
// To the same address of all tiles of a rectangle, this one included if it is
// there; or of all but this one.
static inline void NocMulticast(uint32_t local, uint32_t tiles, uint32_t remote,
                                uint32_t bytes) {
  NocTransfer(
      TILE_NOC_WRITE | TILE_NOC_BULK | TILE_NOC_MULTICAST | TILE_NOC_SELF,
      local, tiles, remote, bytes);
}
static inline void NocMulticastOthers(uint32_t local, uint32_t tiles,
                                      uint32_t remote, uint32_t bytes) {
  NocTransfer(TILE_NOC_WRITE | TILE_NOC_BULK | TILE_NOC_MULTICAST, local, tiles,
              remote, bytes);
}

static inline void NocReadBarrier(void) {
  (void)NOC_REGISTER(TILE_NOC_BARRIER_READ);
}
static inline void NocWriteBarrier(void) {
  (void)NOC_REGISTER(TILE_NOC_BARRIER_WRITE);
}
// Sources may be used again; the data need not have arrived.
static inline void NocSentBarrier(void) {
  (void)NOC_REGISTER(TILE_NOC_BARRIER_SENT);
}

// Reads that follow belong to group `id`, 0..15, which can be waited for
// while others are under way.
static inline void NocGroup(uint32_t id) { NOC_REGISTER(TILE_NOC_TRID) = id; }
static inline void NocGroupBarrier(uint32_t id) {
  (void)NOC_REGISTER(TILE_NOC_BARRIER_ID + 4 * id);
}
static inline bool NocGroupArrived(uint32_t id) {
  return NOC_REGISTER(TILE_NOC_UNDER_WAY + 4 * id) == 0;
}

// ---- Words that are waited for ----

static inline void NocWord(uint32_t command, uint32_t place, uint32_t remote,
                           uint32_t value) {
  NOC_REGISTER(TILE_NOC_XY) = place;
  NOC_REGISTER(TILE_NOC_REMOTE) = remote;
  NOC_REGISTER(TILE_NOC_VALUE) = value;
  NOC_REGISTER(TILE_NOC_COMMAND) = command;
}
static inline void NocStore(uint32_t place, uint32_t remote, uint32_t value) {
  NocWord(TILE_NOC_INLINE, place, remote, value);
}
static inline void NocStoreAll(uint32_t tiles, uint32_t remote,
                               uint32_t value) {
  NocWord(TILE_NOC_INLINE | TILE_NOC_MULTICAST | TILE_NOC_SELF, tiles, remote,
          value);
}
static inline void NocStoreOthers(uint32_t tiles, uint32_t remote,
                                  uint32_t value) {
  NocWord(TILE_NOC_INLINE | TILE_NOC_MULTICAST, tiles, remote, value);
}
static inline void NocIncrement(uint32_t place, uint32_t remote, uint32_t by) {
  NocWord(TILE_NOC_INCREMENT, place, remote, by);
}

#endif  // TRIPTYCH_KERNELS_TILE_NOC_H_
