// Reading ahead: a buffer is filled step by step with as many steps under way
// as it has room for, so that the latency of one hides behind the others.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_TILE_STREAM_H_
#define TRIPTYCH_KERNELS_TILE_STREAM_H_

#include "kernels/tile/buffer.h"
#include "kernels/tile/noc.h"
#include "kernels/tile/tensor.h"

enum { kGroups = 16 };  // of reads that an interface can tell apart

// Asks for step `step`, to the buffer's page `page` and those behind it.
typedef void Fetch(const void* self, uint32_t step, uint32_t page);

// `steps` steps of `pages` pages each.
__attribute__((always_inline)) static inline void Stream(uint32_t buffer,
                                                         uint32_t pages,
                                                         uint32_t steps,
                                                         Fetch* fetch,
                                                         const void* self) {
  uint32_t asked = 0;
  for (uint32_t step = 0; step < steps; ++step) {
    while (asked < steps && asked - step < kGroups) {
      const uint32_t ahead = asked - step;
      if (ahead == 0) Reserve(buffer, pages);
      // What has come is handed on before more is asked for.
      if (ahead > 0 && (!HasRoom(buffer, (ahead + 1) * pages) ||
                        NocGroupArrived(step % kGroups))) {
        break;
      }
      NocGroup(asked % kGroups);
      fetch(self, asked, ahead * pages);
      ++asked;
    }
    NocGroupBarrier(step % kGroups);
    Push(buffer, pages);
  }
}

struct PageStream {
  struct Tensor tensor;
  uint32_t first, buffer;
};
static inline void FetchPage(const void* self, uint32_t step, uint32_t page) {
  const struct PageStream* pages = (const struct PageStream*)self;
  ReadPage(&pages->tensor, pages->first + step, PageAt(pages->buffer, page));
}
// `n` pages of a tensor from `page` on, page by page.
static inline void StreamPages(const struct Tensor* t, uint32_t page,
                               uint32_t n, uint32_t buffer) {
  const struct PageStream pages = {*t, page, buffer};
  Stream(buffer, 1, n, FetchPage, &pages);
}

#endif  // TRIPTYCH_KERNELS_TILE_STREAM_H_
