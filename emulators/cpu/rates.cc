// SPDX-License-Identifier: Apache-2.0
#include "emulators/cpu/rates.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/base/aligned.h"
#include "kernels/base/parallel.h"
#include "kernels/matmul/matmul.h"

namespace triptych::cpu {
namespace {

// The best of several runs: whatever else the machine does only adds time.
template <class F>
double BestSeconds(int runs, const F& run) {
  double best = 1e30;
  for (int i = 0; i < runs; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    run();
    const std::chrono::duration<double> spent =
        std::chrono::steady_clock::now() - begin;
    best = std::min(best, spent.count());
  }
  return best;
}

// 192^3 stays in L2 (442 KiB) and is whole tiles in every direction.
FlopsPerSecond MatmulRate(DType dtype) {
  constexpr size_t kSize = 192;
  const AlignedVector<float> a(kSize * kSize, 1.0f);
  AlignedVector<float> c(kSize * kSize);
  const ConstMatView<float> view(a.data(), kSize, kSize);
  const PackedWeights packed = Pack(view, dtype);
  const double seconds = BestSeconds(40, [&] {
    Matmul(view, packed, MatView<float>(c.data(), kSize, kSize));
  });
  return FlopsPerSecond(2.0 * kSize * kSize * kSize / seconds);
}

// A read of 256 MiB, far more than any cache here keeps.
BytesPerSecond ReadRate() {
  constexpr size_t kBytes = size_t{256} << 20;
  constexpr size_t kPart = size_t{1} << 20;
  const AlignedVector<uint64_t> data(kBytes / 8, 1);
  std::vector<uint64_t> sums(kBytes / kPart);
  const double seconds = BestSeconds(4, [&] {
    ParallelFor(sums.size(), MaxThreads(), [&](size_t part) {
      const uint64_t* from = data.data() + part * kPart / 8;
      uint64_t sum = 0;
      for (size_t i = 0; i < kPart / 8; ++i) sum += from[i];
      sums[part] = sum;
    });
  });
  return BytesPerSecond(static_cast<double>(kBytes) / seconds);
}

}  // namespace

const Rates& MeasuredRates() {
  static const Rates rates{MatmulRate(DType::kF32), MatmulRate(DType::kBf16),
                           ReadRate()};
  return rates;
}

}  // namespace triptych::cpu
