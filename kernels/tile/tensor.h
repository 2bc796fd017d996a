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

struct Page {
  uint32_t place, address;
};
static inline struct Page PageOf(const struct Tensor* t, uint32_t page) {
  const uint32_t row = page / t->banks;
  return (struct Page){BankAt(page - row * t->banks),
                       t->address + row * t->page_bytes};
}

static inline void ReadPage(const struct Tensor* t, uint32_t page,
                            uint32_t to) {
  const struct Page from = PageOf(t, page);
  NocRead(from.place, from.address, to, t->page_bytes);
}
static inline void WritePage(uint32_t from, const struct Tensor* t,
                             uint32_t page) {
  const struct Page to = PageOf(t, page);
  NocWrite(from, to.place, to.address, t->page_bytes);
}

#endif  // TRIPTYCH_KERNELS_TILE_TENSOR_H_
