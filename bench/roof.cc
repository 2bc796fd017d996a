// SPDX-License-Identifier: Apache-2.0
#include "bench/roof.h"

#include <algorithm>
#include <iterator>

#include "kernels/roofline/roofline.h"

namespace triptych::bench {

FlopsPerSecond Roof::Peak(DType dtype, int threads) {
  const auto [at, is_new] = peaks_.try_emplace({dtype, threads});
  if (is_new) at->second = MeasurePeak(dtype, threads);
  return at->second;
}

BytesPerSecond Roof::Bandwidth(Bytes set, int threads) {
  // A level, by the set it is measured with and the largest it stands for
  // (both for one thread). Sizes of current server and laptop cores; on the
  // machine this was tuned on, L3 falls off between 12 and 16 MiB.
  struct Level {
    size_t set, holds;
  };
  constexpr Level kLevels[] = {
      {16 << 10, 32 << 10},
      {256 << 10, 1 << 20},
      {4 << 20, 12 << 20},
      {256 << 20, SIZE_MAX},
  };
  const size_t each = set.value / static_cast<size_t>(std::max(threads, 1));
  const Level& level = *std::ranges::find_if(
      kLevels, [each](const Level& l) { return each <= l.holds; });
  const auto [at, is_new] = bandwidths_.try_emplace({level.set, threads});
  if (is_new) {
    at->second = MeasureBandwidth(
        level.set * static_cast<size_t>(std::max(threads, 1)), threads);
  }
  return at->second;
}

double Roof::LeastSeconds(const ProblemWork& work, DType dtype, int threads) {
  const double compute =
      static_cast<double>(work.flops.value) / Peak(dtype, threads).value;
  const double memory = static_cast<double>(work.bytes.value) /
                        Bandwidth(work.bytes, threads).value;
  return std::max(compute, memory);
}

}  // namespace triptych::bench
