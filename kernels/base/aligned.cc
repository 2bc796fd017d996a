// SPDX-License-Identifier: Apache-2.0
#include "kernels/base/aligned.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <new>

#include "kernels/base/units.h"

namespace triptych {
namespace {

constexpr size_t kHugePage = size_t{1} << 21;  // x86-64, and Arm with 4 KiB

// Whether a block is mapped by itself. A sanitizer guards only what comes from
// operator new.
bool IsMapped(size_t bytes) {
#if defined(__SANITIZE_ADDRESS__)
  return false;
#else
  return bytes >= 2 * kHugePage;
#endif
}

// `bytes` from a huge page on. Not through malloc, which from the second large
// block on takes them from its heap, and keeps what lies between aligned
// blocks: packing 100 M weights then peaked at 410 or at 570 MB, as the threads
// happened to meet.
void* Map(size_t bytes) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t size = RoundUp(bytes, page);
  const size_t room = size + kHugePage;
  void* const start = mmap(nullptr, room, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED) throw std::bad_alloc();
  auto* const first = static_cast<std::byte*>(start);
  const size_t before = -reinterpret_cast<uintptr_t>(first) % kHugePage;
  std::byte* const block = first + before;
  if (before > 0) munmap(first, before);
  munmap(block + size, kHugePage - before);
  // Only advice: without it, or without such pages, all is as it was. The end
  // of the block, less than a huge page, stays as it is.
  madvise(block, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);
  return block;
}

}  // namespace

void* AllocateAligned(size_t bytes) {
  if (IsMapped(bytes)) return Map(bytes);
  return ::operator new(bytes, std::align_val_t(kCacheLine));
}

void FreeAligned(void* p, size_t bytes) {
  if (IsMapped(bytes)) {
    munmap(p, bytes);
  } else {
    ::operator delete(p, std::align_val_t(kCacheLine));
  }
}

}  // namespace triptych
