// Tensors in DRAM: pages of one tile, one bank after the other, so that page
// p is in bank p % banks.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_TILE_TENSOR_H_
#define TRIPTYCH_KERNELS_TILE_TENSOR_H_

#include "kernels/tile/buffer.h"
#include "kernels/tile/core.h"
#include "kernels/tile/noc.h"

struct Tensor {
  uint32_t address;  // the same in every bank
  uint32_t page_bytes;
  uint32_t banks;
};

static inline struct Tensor TensorAt(uint32_t address, uint32_t format) {
  return (struct Tensor){address, TileBytes(format),
                         *Word(TILE_INFO_DRAM_BANKS)};
}

// Pages [page, page + n) of a tensor, and in L1 as many that begin `apart`
// bytes from one another. One division for all of them.
static inline void MovePages(uint32_t command, const struct Tensor* t,
                             uint32_t page, uint32_t n, uint32_t local,
                             uint32_t apart) {
  const uint32_t row = page / t->banks, bytes = t->page_bytes;
  uint32_t bank = page - row * t->banks;
  uint32_t address = t->address + row * bytes;
  for (; n > 0; --n) {
    NocPacket(command | TILE_NOC_BULK, local, BankAt(bank), address, bytes);
    local += apart;
    if (++bank < t->banks) continue;
    bank = 0;
    address += bytes;
  }
}
static inline void ReadPages(const struct Tensor* t, uint32_t page, uint32_t n,
                             uint32_t to) {
  MovePages(TILE_NOC_READ, t, page, n, to, t->page_bytes);
}
static inline void WritePages(uint32_t from, const struct Tensor* t,
                              uint32_t page, uint32_t n) {
  MovePages(TILE_NOC_WRITE, t, page, n, from, t->page_bytes);
}
static inline void ReadPage(const struct Tensor* t, uint32_t page,
                            uint32_t to) {
  ReadPages(t, page, 1, to);
}
static inline void WritePage(uint32_t from, const struct Tensor* t,
                             uint32_t page) {
  WritePages(from, t, page, 1);
}

#endif  // TRIPTYCH_KERNELS_TILE_TENSOR_H_
