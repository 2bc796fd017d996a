// SPDX-License-Identifier: Apache-2.0
#include "kernels/base/aligned.h"

#include <sys/mman.h>

#include <new>

namespace triptych {
namespace {

constexpr size_t kHugePage = size_t{1} << 21;  // x86-64, and Arm with 4 KiB

std::align_val_t AlignmentFor(size_t bytes) {
  return std::align_val_t(bytes >= 2 * kHugePage ? kHugePage : kCacheLine);
}

}  // namespace

void* AllocateAligned(size_t bytes) {
  void* p = ::operator new(bytes, AlignmentFor(bytes));
  // Only advice: without it, or without such pages, all is as it was. The end
  // of the block, less than a page, stays as it is.
  if (bytes >= 2 * kHugePage) {
    madvise(p, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);
  }
  return p;
}

void FreeAligned(void* p, size_t bytes) {
  ::operator delete(p, AlignmentFor(bytes));
}

}  // namespace triptych
