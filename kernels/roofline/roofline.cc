// SPDX-License-Identifier: Apache-2.0
#include "kernels/roofline/roofline.h"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <vector>

#include "hwy/base.h"
#include "hwy/targets.h"
#include "kernels/base/aligned.h"
#include "kernels/base/check.h"
#include "kernels/base/parallel.h"
#include "kernels/roofline/slices.h"

namespace triptych {
namespace {

using Clock = std::chrono::steady_clock;

// A slice is long against the clock's resolution and short against a
// scheduler quantum (a few ms); fifty give a busy machine chances enough.
constexpr int kSlices = 50;
constexpr double kSliceSeconds = 0.4e-3;

// A large set is gone over a window at a time, round and round: a slice stays
// short, and by the time a window comes again it has left the caches that are
// smaller than the set.
constexpr size_t kWindowWords = size_t{1} << 20;

double SecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// The best work / second of `slice(repeats)`, which returns the work it did.
// Finds the repeats that fill a slice first.
template <class Slice>
double BestRate(const Slice& slice) {
  size_t repeats = 1;
  double best = 0;
  for (int i = 0; i < kSlices;) {
    const Clock::time_point begin = Clock::now();
    const double work = slice(repeats);
    const double seconds = SecondsSince(begin);
    best = std::max(best, work / std::max(seconds, 1e-9));
    if (seconds < kSliceSeconds / 2) {
      repeats *= 2;
    } else {
      ++i;
    }
  }
  return best;
}

// The sum of rate(thread) over threads that all measure at the same time.
template <class Rate>
double OnAllThreads(int threads, const Rate& rate) {
  std::vector<double> rates(static_cast<size_t>(std::max(threads, 1)));
  ForEachThread(static_cast<int>(rates.size()), [&](size_t thread) {
    rates[thread] = rate(thread);
  });
  return std::accumulate(rates.begin(), rates.end(), 0.0);
}

roofline::SpinFunction SpinOf(DType dtype) {
  switch (dtype) {
    case DType::kF32: return roofline::SpinF32();
    case DType::kBf16: return roofline::SpinBf16();
    case DType::kI8: return roofline::SpinI8();
    default: TRIPTYCH_CHECK(false, "no arithmetic in", InfoOf(dtype).name);
  }
  return nullptr;
}

// Highway chooses its target in the first call of a kernel. A pointer taken
// before that chooses anew in every call: an f32 peak of 41 GFLOP/s where 118
// are there, if nothing else ran before.
void ChooseTarget() {
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

}  // namespace

FlopsPerSecond MeasurePeak(DType dtype, int threads) {
  ChooseTarget();
  const roofline::SpinFunction spin = SpinOf(dtype);
  return FlopsPerSecond(OnAllThreads(threads, [spin](size_t) {
    return BestRate([spin](size_t repeats) {
      // Sums of ones stay exact in f32 up to 2^24.
      constexpr size_t kSteps = 4096;
      double flops = 0;
      for (size_t i = 0; i < repeats; ++i) {
        const roofline::Spun spun = spin(kSteps);
        TRIPTYCH_CHECK(spun.right);
        flops += static_cast<double>(spun.flops);
      }
      return flops;
    });
  }));
}

BytesPerSecond MeasureBandwidth(size_t bytes, int threads, StreamMix mix) {
  const size_t step_words = (mix.reads + mix.writes) * roofline::kStepWords;
  const size_t steps =
      bytes / static_cast<size_t>(std::max(threads, 1)) / 4 / step_words;
  TRIPTYCH_CHECK(steps > 0, "bytes", bytes, "threads", threads);
  ChooseTarget();
  const roofline::StreamFunction stream = roofline::StreamOf(mix);
  return BytesPerSecond(OnAllThreads(threads, [=](size_t) {
    const size_t read = mix.reads * roofline::kStepWords;
    const size_t written = mix.writes * roofline::kStepWords;
    // Touched by their thread.
    const AlignedVector<uint32_t> from(steps * read, 1);
    AlignedVector<uint32_t> to(steps * written, 0);
    const size_t window = std::min(steps, kWindowWords / step_words);
    size_t at = 0;
    const double rate = BestRate([&](size_t repeats) {
      uint32_t sum = 0;
      for (size_t i = 0; i < repeats; ++i) {
        if (at + window > steps) at = 0;
        sum +=
            stream(from.data() + at * read, to.data() + at * written, window);
        at += window;
      }
      TRIPTYCH_CHECK(sum == static_cast<uint32_t>(repeats * window * read));
      return static_cast<double>(repeats * window * step_words) *
             sizeof(uint32_t);
    });
    const auto whole = to.begin() + static_cast<ptrdiff_t>(window * written);
    TRIPTYCH_CHECK(std::all_of(to.begin(), whole,
                               [](uint32_t word) { return word == 1; }));
    return rate;
  }));
}

Hertz MeasureClock() {
  return Hertz(BestRate([](size_t repeats) {
    constexpr size_t kChain = 4096;
    uint64_t x = 0;
    for (size_t i = 0; i < repeats * kChain / 8; ++i) {
      // The empty asm hides x: eight additions stay eight.
      HWY_UNROLL(8)
      for (int j = 0; j < 8; ++j) {
        x += i | 1;
        asm volatile("" : "+r"(x));
      }
    }
    return static_cast<double>(repeats * kChain);
  }));
}

std::string_view SimdTargetName() {
  const int64_t supported = hwy::SupportedTargets();
  return hwy::TargetName(supported & -supported);  // the lowest bit is best
}

}  // namespace triptych
