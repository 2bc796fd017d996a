// SPDX-License-Identifier: Apache-2.0
#include "bench/roof.h"

#include <algorithm>
#include <cmath>

#include "bench/machine.h"

namespace triptych::bench {
namespace {

// The measured mix that writes most nearly the same share.
StreamMix MixOf(Bytes written, Bytes all) {
  const double share = all.value == 0 ? 0 : written / all;
  const auto distance = [share](StreamMix mix) {
    return std::abs(mix.written() - share);
  };
  return *std::ranges::min_element(kStreamMixes, {}, distance);
}

}  // namespace

Roof::Set Roof::SetFor(Bytes bytes, StreamMix mix, int threads) {
  const uint64_t each = bytes.value / static_cast<uint64_t>(threads);
  const uint64_t l1 = CacheSize(1).value, l2 = CacheSize(2).value;
  if (each <= l1) return {l1 / 2, "L1", mix, threads};
  if (each <= l2) return {l2 / 4, "L2", mix, threads};
  // Beyond, the rate depends on how much of the last level is ours today, so
  // the set is as large as what it stands for, to the nearest step of those
  // that MeasureBandwidth() takes. (At first everything over 12 MiB stood under
  // the roof of 256 MiB: 12.6 MiB reached 338 % of that.)
  constexpr size_t kMiB = 1 << 20, kStep = 4 * kMiB, kFar = 64 * kMiB;
  if (each > kFar) return {4 * kFar, "DRAM", mix, threads};
  return {std::max((each + kStep / 2) / kStep, uint64_t{1}) * kStep,
          bytes <= CacheSize(3) ? "L3" : "DRAM", mix, threads};
}

FlopsPerSecond Roof::Peak(DType dtype, int threads) {
  const auto [at, is_new] = peaks_.try_emplace({dtype, threads});
  if (is_new) at->second = MeasurePeak(dtype, threads);
  return at->second;
}

BytesPerSecond Roof::Bandwidth(const Set& set) {
  const auto [at, is_new] = bandwidths_.try_emplace(set);
  if (is_new) {
    at->second = MeasureBandwidth(set.bytes * static_cast<size_t>(set.threads),
                                  set.threads, set.mix);
  }
  return at->second;
}

Ceiling Roof::Over(const ProblemWork& work, DType dtype, int threads,
                   Bytes set) {
  const auto traffic_in = [this](const Set& at, Bytes bytes) {
    return Traffic{at.level, bytes, at.mix, Bandwidth(at)};
  };
  const Set home = SetFor(set, MixOf(work.written, work.bytes), threads);
  Traffic slowest = traffic_in(home, work.bytes);
  if (work.again.value > 0) {
    const Bytes all = work.bytes + work.again;
    const StreamMix mix = MixOf(work.written + work.again_written, all);
    const Traffic near = traffic_in(SetFor(Bytes(0), mix, threads), all);
    if (near.seconds() >= slowest.seconds()) slowest = near;
  }
  const FlopsPerSecond peak = Peak(dtype, threads);
  const double compute = static_cast<double>(work.flops.value) / peak.value;
  const bool computes = compute >= slowest.seconds();
  return {.seconds = computes ? compute : slowest.seconds(),
          .bound = computes ? "compute" : slowest.level,
          .level = home.level,
          .peak = peak,
          .traffic = slowest};
}

std::vector<Recheck> Roof::MeasureShared() const {
  std::vector<Recheck> again;
  for (const std::string_view level : {"L3", "DRAM"}) {
    // The last one is the largest.
    const auto of_level = [level](const auto& entry) {
      return entry.first.level == level;
    };
    const auto at =
        std::find_if(bandwidths_.rbegin(), bandwidths_.rend(), of_level);
    if (at == bandwidths_.rend()) continue;
    const auto& [set, before] = *at;
    const size_t bytes = set.bytes * static_cast<size_t>(set.threads);
    again.push_back({level, Bytes(bytes), before,
                     MeasureBandwidth(bytes, set.threads, set.mix)});
  }
  return again;
}

}  // namespace triptych::bench
