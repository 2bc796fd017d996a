// SPDX-License-Identifier: Apache-2.0
#include "emulators/optical/drift.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "kernels/base/rng.h"

namespace triptych::optical {
namespace {

constexpr int kHalvings = 10;

double NormalAt(const Rng& rng, uint64_t index) {
  const auto words = rng.At(index);
  return std::sqrt(-2 * std::log(ToUnit(words[0]))) *
         std::cos(2 * std::numbers::pi * ToUnit(words[1]));
}

}  // namespace

double WalkAt(uint64_t seed, uint64_t walk, double part) {
  const Rng rng(seed, walk);
  double value = part * NormalAt(rng, 0);
  for (int level = 0; level < kHalvings; ++level) {
    const double pieces = std::exp2(level);
    const double piece = std::min(std::floor(part * pieces), pieces - 1);
    const double along = part * pieces - piece;
    // Of the middle of an interval of length 1 / pieces, given its ends.
    const double sigma = 0.5 / std::sqrt(pieces);
    const double tent = 1 - std::abs(2 * along - 1);
    value +=
        sigma * tent * NormalAt(rng, static_cast<uint64_t>(pieces + piece));
  }
  return value;
}

Drift DriftOf(const Params& p, const Tile& tile, uint64_t seed, Picos now) {
  const double intervals = Seconds(now) / p.drift_recalibration_s;
  const double interval = std::floor(intervals);
  const double root = std::sqrt(p.drift_recalibration_s);
  const auto core = static_cast<uint64_t>(tile.plane % p.cores);
  Drift drift;
  for (int64_t j = 0; j < tile.n; ++j) {
    // 20 bits of receiver, 8 of core, 34 of interval, and which of two.
    const uint64_t walk = (static_cast<uint64_t>(interval) << 29) |
                          (core << 21) |
                          (static_cast<uint64_t>(tile.col + j) << 1);
    const auto at = [&](double sigma, uint64_t which) {
      if (sigma == 0) return 0.0;
      return sigma * root * WalkAt(seed, walk | which, intervals - interval);
    };
    drift.gain.push_back(
        static_cast<float>(1 + at(p.drift_gain_per_sqrt_s, 0)));
    drift.offset.push_back(
        static_cast<float>(at(p.drift_offset_per_sqrt_s, 1)));
  }
  return drift;
}

int64_t Recalibrations(const Params& p, Picos begin, Picos end) {
  if (!p.drifts()) return 0;
  const auto done = [&](Picos t) {
    return static_cast<int64_t>(
        std::floor(Seconds(t) / p.drift_recalibration_s));
  };
  return done(end) - done(begin);
}

}  // namespace triptych::optical
