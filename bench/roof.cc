// SPDX-License-Identifier: Apache-2.0
#include "bench/roof.h"

#include <algorithm>
#include <iterator>

#include "kernels/roofline/roofline.h"

namespace triptych::bench {

// A level, by the set it is measured with and the largest it stands for (both
// for one thread). Sizes of current server and laptop cores; on the machine
// this was tuned on, L3 falls off between 12 and 16 MiB.
struct Roof::Level {
  std::string_view name;
  size_t set, holds;
  bool shared;  // with other cores
};

const Roof::Level& Roof::LevelOf(size_t bytes_each) {
  static constexpr Level kLevels[] = {
      {"L1", 16 << 10, 32 << 10, false},
      {"L2", 256 << 10, 1 << 20, false},
      {"L3", 4 << 20, 12 << 20, true},
      {"DRAM", 256 << 20, SIZE_MAX, true},
  };
  return *std::ranges::find_if(kLevels, [bytes_each](const Level& level) {
    return bytes_each <= level.holds;
  });
}

FlopsPerSecond Roof::Peak(DType dtype, int threads) {
  const auto [at, is_new] = peaks_.try_emplace({dtype, threads});
  if (is_new) at->second = MeasurePeak(dtype, threads);
  return at->second;
}

BytesPerSecond Roof::Bandwidth(const Level& level, int threads) {
  const auto [at, is_new] = bandwidths_.try_emplace({&level, threads});
  if (is_new) {
    at->second =
        MeasureBandwidth(level.set * static_cast<size_t>(threads), threads);
  }
  return at->second;
}

Ceiling Roof::Over(const ProblemWork& work, DType dtype, int threads,
                   Bytes set) {
  const Level& level = LevelOf(set.value / static_cast<size_t>(threads));
  Ceiling ceiling = {.level = level.name,
                     .peak = Peak(dtype, threads),
                     .bandwidth = Bandwidth(level, threads)};
  const double compute =
      static_cast<double>(work.flops.value) / ceiling.peak.value;
  const double memory =
      static_cast<double>(work.bytes.value) / ceiling.bandwidth.value;
  ceiling.seconds = std::max(compute, memory);
  ceiling.bound = compute >= memory ? "compute" : level.name;
  return ceiling;
}

std::vector<Recheck> Roof::MeasureShared() const {
  std::vector<Recheck> again;
  for (const auto& [key, before] : bandwidths_) {
    const auto& [level, threads] = key;
    if (!level->shared) continue;
    again.push_back(
        {level->name, before,
         MeasureBandwidth(level->set * static_cast<size_t>(threads), threads)});
  }
  return again;
}

}  // namespace triptych::bench
