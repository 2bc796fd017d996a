// SPDX-License-Identifier: Apache-2.0
#include "bench/interleave.h"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <utility>

#include "kernels/base/rng.h"

namespace triptych::bench {
namespace {

// Seconds of one call, averaged over `calls`.
double TimeCalls(const Side& side, size_t calls, const Protocol& protocol) {
  const double begin = protocol.now();
  for (size_t i = 0; i < calls; ++i) side();
  return (protocol.now() - begin) / static_cast<double>(calls);
}

// The best of three calls, or of what fits into 50 ms: they also warm up.
double RoughSeconds(const Side& side, const Protocol& protocol) {
  const double begin = protocol.now();
  double best = TimeCalls(side, 1, protocol);
  for (int i = 0; i < 2 && protocol.now() - begin < 0.05; ++i) {
    best = std::min(best, TimeCalls(side, 1, protocol));
  }
  return std::max(best, 1e-9);
}

// What a side does in a round.
struct Slice {
  size_t warm, calls;  // untimed, timed
  double seconds;      // about, of the timed ones
};

Slice SliceOf(const Side& side, const Protocol& protocol) {
  // Longer calls than this read their operands once from wherever they are,
  // and compute for long: the caches' state at the start is no matter.
  constexpr double kLong = 5e-3;
  const double call = RoughSeconds(side, protocol);
  const auto calls =
      static_cast<size_t>(std::max(1.0, protocol.slice_s / call));
  const size_t warm =
      protocol.warm && call < kLong ? std::min<size_t>(calls, 2) : 0;
  return {warm, calls, static_cast<double>(calls) * call};
}

size_t LeastRounds(std::span<const Slice> slices, const Protocol& protocol) {
  constexpr size_t kFew = 5;
  const double longest = std::ranges::max(slices, {}, &Slice::seconds).seconds;
  const auto affordable = static_cast<size_t>(2 * protocol.seconds / longest);
  return std::clamp(affordable, std::min(kFew, protocol.rounds),
                    protocol.rounds);
}

}  // namespace

double SteadySeconds() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::vector<std::vector<double>> Interleave(std::span<const Side> sides,
                                            const Protocol& protocol) {
  std::vector<std::vector<double>> times(sides.size());
  if (sides.empty()) return times;
  std::vector<Slice> slices;
  for (const Side& side : sides) slices.push_back(SliceOf(side, protocol));
  const size_t least = LeastRounds(slices, protocol);
  std::vector<size_t> order(sides.size());
  std::iota(order.begin(), order.end(), size_t{0});
  Rng rng(protocol.seed);
  std::vector<double> spent(sides.size());
  const auto enough = [&] {
    return times[0].size() >= least &&
           std::ranges::min(spent) >= protocol.seconds;
  };
  // The slowest side alone may take twice the seconds: no longer.
  const auto too_much = [&] {
    return times[0].size() >= least &&
           std::ranges::max(spent) >= 2 * protocol.seconds;
  };
  while (!enough() && !too_much()) {
    for (size_t i = order.size(); i > 1; --i) {  // Fisher and Yates
      std::swap(order[i - 1], order[rng.Below(static_cast<uint32_t>(i))]);
    }
    for (const size_t s : order) {
      for (size_t i = 0; i < slices[s].warm; ++i) sides[s]();
      const double call = TimeCalls(sides[s], slices[s].calls, protocol);
      times[s].push_back(call);
      spent[s] += call * static_cast<double>(slices[s].calls);
    }
  }
  return times;
}

}  // namespace triptych::bench
