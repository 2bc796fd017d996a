// Programs that take whole rows of tiles, one after the other: who has which,
// how they come and go.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_TILE_PROGRAMS_ROWS_H_
#define TRIPTYCH_KERNELS_TILE_PROGRAMS_ROWS_H_

#include "kernels/tile/tile.h"

// Tiles that Dst holds of sums in single precision; rows go in such steps.
enum { kStep = 4 };

static inline void WriteRow(uint32_t buffer, const struct Tensor* t,
                            uint32_t page, uint32_t n) {
  for (uint32_t i = 0; i < n; i += kStep) {
    const uint32_t step = Min(kStep, n - i);
    Wait(buffer, step);
    WritePages(PageAt(buffer, 0), t, page + i, step);
    NocSentBarrier();
    Pop(buffer, step);
  }
}

#endif  // TRIPTYCH_KERNELS_TILE_PROGRAMS_ROWS_H_
