// Asking memory for what a loop will read later.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_SIMD_PREFETCH_H_
#define TRIPTYCH_KERNELS_SIMD_PREFETCH_H_

#include <cstddef>
#include <cstdint>

#include "hwy/cache_control.h"

namespace triptych::simd {

// Fetches the cache line `bytes` behind `at`, which may lie behind the
// allocation: nothing comes of it then. The address is a number for that
// reason; a pointer out there must not even be formed.
HWY_INLINE void PrefetchAhead(const void* at, size_t bytes) {
  hwy::Prefetch(
      reinterpret_cast<const void*>(reinterpret_cast<uintptr_t>(at) + bytes));
}

}  // namespace triptych::simd

#endif  // TRIPTYCH_KERNELS_SIMD_PREFETCH_H_
