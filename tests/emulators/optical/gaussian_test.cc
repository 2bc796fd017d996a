// Normal deviates: the construction against its plain twin, their moments,
// every SIMD target.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/optical/gaussian.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "kernels/base/rng.h"
#include "tests/kernels/simd_targets.h"

namespace triptych::optical {
namespace {

// The word of output j and which of its two normals is its own, as
// gaussian-inl.h says it; in double.
double PlainNormal(const NoiseKey& key, size_t j) {
  const size_t lane = j % 16;
  const auto counter = static_cast<uint32_t>(
      16 * (j / kNoiseBlock) + (lane % 2 == 0 ? lane / 2 : 8 + lane / 2));
  const auto words =
      Philox({counter, key.vector, key.tile_pass, key.node}, key.run);
  const uint32_t word = words[j % kNoiseBlock / 32];
  const double u = ((word >> 11) + 0.5) / (1 << 21);
  const double turns = ((word >> 1 & 1023) + 0.5) / 1024 - 0.5;
  const double radius = std::sqrt(-2 * std::log(u));
  const double angle = std::numbers::pi * turns;
  if (j % 32 < 16) return radius * std::sin(angle);
  return radius * std::cos(angle) * (word & 1 ? -1 : 1);
}

std::vector<float> Draw(const NoiseKey& key, size_t count) {
  const std::vector<float> sigma(count, 1.0f);
  std::vector<float> values(count, 0.0f);
  AddNoise(key, sigma, values);
  return values;
}

TEST_CASE("Every output gets the normal that its plain twin gives it") {
  const NoiseKey key{MakeRunKey(9, 3), 0xFFFFFFFF, 5, 0x80000001};
  const std::vector<float> values = Draw(key, 1000);
  double worst = 0;
  for (size_t j = 0; j < values.size(); ++j) {
    worst = std::max(worst, std::abs(values[j] - PlainNormal(key, j)));
  }
  // Polynomials: 7e-6 of a radius of at most 5.5, and 6e-6 in its square.
  CHECK(worst < 5e-5);
}

TEST_CASE("The same bits from every SIMD target of this machine") {
  const NoiseKey key{MakeRunKey(4, 1), 7, 8, 9};
  const std::vector<float> best = Draw(key, 700);
  int targets = 0;
  ForEachSimdTarget([&](int64_t target) {
    CAPTURE(hwy::TargetName(target));
    CHECK(Draw(key, 700) == best);
    ++targets;
  });
  CHECK(targets >= 1);
}

TEST_CASE("A million draws have the mean and variance they should") {
  constexpr size_t kOutputs = 1000, kVectors = 1000;
  const std::vector<float> sigma(kOutputs, 0.5f);
  NoiseKey key{MakeRunKey(1, 2), 3, 4, 0};
  double sum = 0, squares = 0, fourth = 0, neighbours = 0;
  for (size_t i = 0; i < kVectors; ++i) {
    std::vector<float> values(kOutputs, 0.0f);
    key.vector = static_cast<uint32_t>(i);
    AddNoise(key, sigma, values);
    for (size_t j = 0; j < kOutputs; ++j) {
      const double v = values[j];
      sum += v;
      squares += v * v;
      fourth += v * v * v * v;
      if (j > 0) neighbours += v * values[j - 1];
    }
  }
  constexpr double kCount = kOutputs * kVectors;
  const double variance = squares / kCount;
  CHECK(std::abs(sum / kCount) < 4 * 0.5 / std::sqrt(kCount));
  CHECK(variance == doctest::Approx(0.25).epsilon(0.01));
  CHECK(fourth / kCount / (variance * variance) ==
        doctest::Approx(3).epsilon(0.02));
  CHECK(std::abs(neighbours / kCount) < 4 * 0.25 / std::sqrt(kCount));
}

TEST_CASE("Every part of the key names other noise") {
  const NoiseKey base{MakeRunKey(1, 0), 1, 1, 1};
  const auto draw = [](const NoiseKey& key) {
    const std::vector<float> sigma(4, 1.0f);
    std::vector<float> values(4, 0.0f);
    AddNoise(key, sigma, values);
    return values;
  };
  CHECK(draw(base) == draw(base));
  NoiseKey other = base;
  other.vector = 2;
  CHECK(draw(other) != draw(base));
  other = base;
  other.tile_pass = 2;
  CHECK(draw(other) != draw(base));
  other = base;
  other.node = 2;
  CHECK(draw(other) != draw(base));
  other = base;
  other.run = MakeRunKey(1, 1);
  CHECK(draw(other) != draw(base));
  other.run = MakeRunKey(2, 0);
  CHECK(draw(other) != draw(base));
}

}  // namespace
}  // namespace triptych::optical
