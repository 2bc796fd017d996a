// Loops over threads. Everything in Triptych gives the same result for any
// thread count: split over outputs, never over a sum.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_BASE_PARALLEL_H_
#define TRIPTYCH_KERNELS_BASE_PARALLEL_H_

#include <omp.h>

#include <algorithm>
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

// Calls body(first, count) on runs of rows of a rows x cols matrix that
// together are all of it, with runs of about kParallelGrain elements: enough
// to be worth a thread's while, few enough to share out evenly.
inline constexpr size_t kParallelGrain = 16384;

template <class Body>
void ParallelForRows(size_t rows, size_t cols, int threads, const Body& body) {
  const size_t run =
      threads <= 1 ? rows : std::max<size_t>(1, kParallelGrain / (cols + 1));
  if (rows == 0) return;
  ParallelFor((rows + run - 1) / run, threads, [&](size_t i) {
    body(i * run, std::min(run, rows - i * run));
  });
}

// Calls body(t) once on each of `threads` threads, all at the same time.
template <class Body>
void ForEachThread(int threads, const Body& body) {
#pragma omp parallel num_threads(threads)
  body(static_cast<size_t>(omp_get_thread_num()));
}

// The number of the calling thread in the loop around it.
inline size_t ThisThread() {
  return static_cast<size_t>(omp_get_thread_num());
}

// What OMP_NUM_THREADS or the machine allows.
inline int MaxThreads() { return omp_get_max_threads(); }

}  // namespace triptych

#endif  // TRIPTYCH_KERNELS_BASE_PARALLEL_H_
