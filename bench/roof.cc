// SPDX-License-Identifier: Apache-2.0
#include "bench/roof.h"

#include <algorithm>

#include "bench/machine.h"
#include "kernels/roofline/roofline.h"

namespace triptych::bench {

namespace {

constexpr size_t kKiB = 1 << 10, kMiB = 1 << 20;

// The sizes of current server and laptop cores.
constexpr size_t kL1 = 32 * kKiB, kL2 = kMiB;

}  // namespace

Roof::Set Roof::SetFor(size_t bytes, int threads) {
  const size_t bytes_each = bytes / static_cast<size_t>(threads);
  if (bytes_each <= kL1) return {"L1", kL1 / 2};
  if (bytes_each <= kL2) return {"L2", kL2 / 4};
  // Beyond, the rate depends on how much of the last level is ours today, so
  // the set is as large as what it stands for, to the nearest step of those
  // that MeasureBandwidth() reads. (At first everything over 12 MiB stood under
  // the roof of 256 MiB: 12.6 MiB reached 338 % of that.)
  constexpr size_t kStep = 4 * kMiB, kFar = 64 * kMiB;
  if (bytes_each > kFar) return {"DRAM", 4 * kFar};
  return {bytes <= LastLevelCache().value ? "L3" : "DRAM",
          std::max((bytes_each + kStep / 2) / kStep, size_t{1}) * kStep};
}

FlopsPerSecond Roof::Peak(DType dtype, int threads) {
  const auto [at, is_new] = peaks_.try_emplace({dtype, threads});
  if (is_new) at->second = MeasurePeak(dtype, threads);
  return at->second;
}

BytesPerSecond Roof::Bandwidth(const Set& set, int threads) {
  const auto [at, is_new] = bandwidths_.try_emplace({set, threads});
  if (is_new) {
    at->second =
        MeasureBandwidth(set.bytes * static_cast<size_t>(threads), threads);
  }
  return at->second;
}

Ceiling Roof::Over(const ProblemWork& work, DType dtype, int threads,
                   Bytes set) {
  const Set read = SetFor(set.value, threads);
  Ceiling ceiling = {.level = read.level,
                     .peak = Peak(dtype, threads),
                     .bandwidth = Bandwidth(read, threads)};
  const double compute =
      static_cast<double>(work.flops.value) / ceiling.peak.value;
  const double memory =
      static_cast<double>(work.bytes.value) / ceiling.bandwidth.value;
  ceiling.seconds = std::max(compute, memory);
  ceiling.bound = compute >= memory ? "compute" : read.level;
  return ceiling;
}

std::vector<Recheck> Roof::MeasureShared() const {
  std::vector<Recheck> again;
  for (const std::string_view level : {"L3", "DRAM"}) {
    // The last one is the largest.
    const auto of_level = [level](const auto& entry) {
      return entry.first.first.level == level;
    };
    const auto at =
        std::find_if(bandwidths_.rbegin(), bandwidths_.rend(), of_level);
    if (at == bandwidths_.rend()) continue;
    const auto& [key, before] = *at;
    const size_t bytes = key.first.bytes * static_cast<size_t>(key.second);
    again.push_back(
        {level, Bytes(bytes), before, MeasureBandwidth(bytes, key.second)});
  }
  return again;
}

}  // namespace triptych::bench
