// Loops over threads. Everything in Triptych gives the same result for any
// thread count: split over outputs, never over a sum.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_BASE_PARALLEL_H_
#define TRIPTYCH_KERNELS_BASE_PARALLEL_H_

#include <omp.h>

#include <cstddef>

namespace triptych {

// Calls body(i) for i in [0, count) on up to `threads` threads, dynamically
// scheduled. The body must not throw. Never call it inside a Highway
// per-target function: clang outlines the loop without the target attributes
// (measured 45x slower, silently). Take the dispatched pointer first.
template <class Body>
void ParallelFor(size_t count, int threads, const Body& body) {
  if (threads <= 1 || count <= 1) {
    for (size_t i = 0; i < count; ++i) body(i);
    return;
  }
#pragma omp parallel for schedule(dynamic) num_threads(threads)
  for (size_t i = 0; i < count; ++i) body(i);
}

// What OMP_NUM_THREADS or the machine allows.
inline int MaxThreads() { return omp_get_max_threads(); }

}  // namespace triptych

#endif  // TRIPTYCH_KERNELS_BASE_PARALLEL_H_
