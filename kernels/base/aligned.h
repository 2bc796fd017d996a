// A vector whose storage starts on a cache line, as SIMD loads like it.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_BASE_ALIGNED_H_
#define TRIPTYCH_KERNELS_BASE_ALIGNED_H_

#include <cstddef>
#include <new>
#include <vector>

namespace triptych {

inline constexpr size_t kCacheLine = 64;

template <class T>
struct AlignedAllocator {
  using value_type = T;
  AlignedAllocator() = default;
  template <class U>
  AlignedAllocator(const AlignedAllocator<U>&) {}
  T* allocate(size_t n) {
    return static_cast<T*>(
        ::operator new(n * sizeof(T), std::align_val_t(kCacheLine)));
  }
  void deallocate(T* p, size_t n) {
    ::operator delete(p, n * sizeof(T), std::align_val_t(kCacheLine));
  }
  friend bool operator==(AlignedAllocator, AlignedAllocator) { return true; }
};

template <class T>
using AlignedVector = std::vector<T, AlignedAllocator<T>>;

}  // namespace triptych

#endif  // TRIPTYCH_KERNELS_BASE_ALIGNED_H_
