// The outermost loops of every product: blocks of C, dealt out to threads.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_MATMUL_LOOPS_H_
#define TRIPTYCH_KERNELS_MATMUL_LOOPS_H_

#include <algorithm>
#include <cstddef>

#include "kernels/base/parallel.h"
#include "kernels/base/units.h"
#include "kernels/matmul/block.h"

namespace triptych::matmul {

// The threads a product is worth.
inline int UsefulThreads(size_t m, size_t n, size_t k, int threads) {
  const size_t worth = m * n * k / kMacsPerThread + 1;
  return static_cast<int>(
      std::min(worth, static_cast<size_t>(std::max(threads, 1))));
}

// Columns a task owns. Few rows make few tasks: then narrower ones, so that
// every thread has some to take. 64 is one column tile of the widest target.
inline size_t TaskColumns(size_t m, size_t n, int threads) {
  constexpr size_t kTile = 64, kTasksPerThread = 4;
  const size_t row_blocks = CeilDiv(m, kMc);
  size_t nc = kNc;
  while (nc > kTile && row_blocks * CeilDiv(n, nc) <
                           kTasksPerThread * static_cast<size_t>(threads)) {
    nc /= 2;
  }
  return nc;
}

// body(row, rows, col, cols) for blocks that together are all of C[m,n]; rows
// <= kMc, cols <= kNc, col a multiple of 64. m and n are not 0.
template <class Body>
void ForEachBlock(size_t m, size_t n, int threads, const Body& body) {
  const size_t row_blocks = CeilDiv(m, kMc);
  const size_t nc = TaskColumns(m, n, threads);
  ParallelFor(row_blocks * CeilDiv(n, nc), threads, [&](size_t task) {
    // Row blocks innermost: neighbours in time share their slice of W.
    const size_t row_block = task % row_blocks;
    const size_t row = row_block * m / row_blocks;
    const size_t rows = (row_block + 1) * m / row_blocks - row;
    const size_t col = task / row_blocks * nc;
    body(row, rows, col, std::min(nc, n - col));
  });
}

}  // namespace triptych::matmul

#endif  // TRIPTYCH_KERNELS_MATMUL_LOOPS_H_
