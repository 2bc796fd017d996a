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

double SecondsOf(Bytes bytes, BytesPerSecond rate) {
  return static_cast<double>(bytes.value) / rate.value;
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
  const Set moved = SetFor(set, MixOf(work.written, work.bytes), threads);
  Ceiling ceiling = {.seconds = 0,
                     .bound = moved.level,
                     .level = moved.level,
                     .peak = Peak(dtype, threads),
                     .bandwidth = Bandwidth(moved),
                     .mix = moved.mix};
  ceiling.seconds = SecondsOf(work.bytes, ceiling.bandwidth);
  const auto at_least = [&ceiling](double seconds, std::string_view bound) {
    if (seconds < ceiling.seconds) return;
    ceiling.seconds = seconds;
    ceiling.bound = bound;
  };
  if (work.again.value > 0) {
    const Bytes all = work.bytes + work.again;
    const StreamMix mix = MixOf(work.written + work.again_written, all);
    const Set near = SetFor(Bytes(0), mix, threads);
    at_least(SecondsOf(all, Bandwidth(near)), near.level);
  }
  at_least(static_cast<double>(work.flops.value) / ceiling.peak.value,
           "compute");
  return ceiling;
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
