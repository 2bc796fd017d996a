// Normal deviates that a key and an output's number name: the same for any
// number of threads, order of evaluation and SIMD target. gaussian-inl.h has
// the construction.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_OPTICAL_GAUSSIAN_H_
#define TRIPTYCH_EMULATORS_OPTICAL_GAUSSIAN_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace triptych::optical {

// Names the noise of one vector on one tile; never reused within a run.
struct NoiseKey {
  std::array<uint32_t, 2> run{};  // from seed and position: MakeRunKey
  uint32_t node = 0;
  uint32_t tile_pass = 0;  // tile * 2 + pass
  uint32_t vector = 0;
};
std::array<uint32_t, 2> MakeRunKey(uint64_t seed, uint64_t position);

// Outputs that are drawn together. Arrays that AddLightNoise (detect.h) works
// on are whole blocks long.
inline constexpr size_t kNoiseBlock = 128;

// values[j] += sigma[j] * g(key, j), g standard normal.
void AddNoise(const NoiseKey& key, std::span<const float> sigma,
              std::span<float> values);

}  // namespace triptych::optical

#endif  // TRIPTYCH_EMULATORS_OPTICAL_GAUSSIAN_H_
