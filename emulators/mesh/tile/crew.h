// Threads that go through short lists together, many thousand times a second:
// too often to wake anybody, so they look for work without sleeping.
//
// One leads, the others help, and a list does not wait for them: who leads
// starts at its front, the others come from its back as soon as they see it.
// So places of a list that is much like the last one stay with their thread,
// whose caches have them, and a helper without a processor delays nobody.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_TILE_CREW_H_
#define TRIPTYCH_EMULATORS_MESH_TILE_CREW_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>

#include "kernels/base/parallel.h"

namespace triptych::mesh::tile {

class Crew {
 public:
  // Runs `body` on this thread, which leads, with threads - 1 others to help.
  template <class Body>
  void Lead(int threads, const Body& body) {
    dismissed_.store(false, std::memory_order_relaxed);
    ForEachThread(threads, [&](size_t thread) {
      if (thread != 0) return Help();
      body();
      dismissed_.store(true, std::memory_order_release);
    });
  }

  // Within Lead(): calls work(i) for each i below `count` (< 2^32), on any of
  // the threads; all have returned by then.
  template <class Work>
  void ForEach(size_t count, const Work& work) {
    work_ = &work;
    call_ = [](const void* w, size_t i) { (*static_cast<const Work*>(w))(i); };
    done_.store(0, std::memory_order_relaxed);
    range_.store({0, static_cast<uint32_t>(count)}, std::memory_order_release);
    size_t here = 0;
    for (Range taken; (taken = Take(/*front=*/true)).size() != 0;) {
      Do(taken);
      here += taken.size();
    }
    for (int tries = 0; done_.load(std::memory_order_acquire) + here < count;) {
      Pause(&tries);
    }
  }

 private:
  // Places that nobody has taken.
  struct Range {
    uint32_t begin = 0, end = 0;
    uint32_t size() const { return end - begin; }
  };
  static constexpr size_t kLine = 64;  // bytes that processors pass on as one
  // A thread takes this part of what is left, so that few take it in turns.
  static constexpr uint32_t kShares = 8;
  // Looks before a thread offers its processor to others.
  static constexpr int kPatience = 1 << 12;

  void Help() {
    for (int tries = 0; !dismissed_.load(std::memory_order_acquire);) {
      const Range taken = Take(/*front=*/false);
      if (taken.size() == 0) {
        Pause(&tries);
        continue;
      }
      Do(taken);
      done_.fetch_add(taken.size(), std::memory_order_release);
      tries = 0;
    }
  }

  void Do(const Range& range) const {
    for (size_t i = range.begin; i < range.end; ++i) call_(work_, i);
  }

  // Some of what is left, fewer towards the end; none if nothing is. Whoever
  // takes has also what was written before the list was published.
  Range Take(bool front) {
    Range was = range_.load(std::memory_order_acquire);
    while (was.size() != 0) {
      const uint32_t n = (was.size() + kShares - 1) / kShares;
      const Range mine =
          front ? Range{was.begin, was.begin + n} : Range{was.end - n, was.end};
      const Range left =
          front ? Range{mine.end, was.end} : Range{was.begin, mine.begin};
      if (range_.compare_exchange_weak(was, left, std::memory_order_acquire)) {
        return mine;
      }
    }
    return {};
  }

  static void Pause(int* tries) {
    if (++*tries < kPatience) {
#if defined(__x86_64__)
      __builtin_ia32_pause();
#endif
    } else {
      std::this_thread::yield();
    }
  }

  const void* work_ = nullptr;
  void (*call_)(const void*, size_t) = nullptr;
  alignas(kLine) std::atomic<Range> range_{};
  alignas(kLine) std::atomic<size_t> done_ = 0;  // by helpers
  alignas(kLine) std::atomic<bool> dismissed_ = false;
};

}  // namespace triptych::mesh::tile

#endif  // TRIPTYCH_EMULATORS_MESH_TILE_CREW_H_
