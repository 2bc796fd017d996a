// Counter-based random numbers: the same key and counter give the same
// number on every machine, for any thread count and any order of evaluation.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_BASE_RNG_H_
#define TRIPTYCH_KERNELS_BASE_RNG_H_

#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>

namespace triptych {

// Philox4x32 with 10 rounds (Salmon, Moraes, Dror, Shaw: "Parallel random
// numbers: as easy as 1, 2, 3", SC 2011, table 2 for the constants).
inline std::array<uint32_t, 4> Philox(std::array<uint32_t, 4> counter,
                                      std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53} * counter[0];
    const uint64_t p1 = uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<uint32_t>(p1 >> 32) ^ counter[1] ^ key[0],
               static_cast<uint32_t>(p1),
               static_cast<uint32_t>(p0 >> 32) ^ counter[3] ^ key[1],
               static_cast<uint32_t>(p0)};
    key[0] += 0x9E3779B9;  // golden ratio
    key[1] += 0xBB67AE85;  // sqrt(3) - 1
  }
  return counter;
}

// Uniform in (0, 1): 32 bits, never 0 and never 1.
constexpr double ToUnit(uint32_t bits) {
  return (static_cast<double>(bits) + 0.5) * 0x1p-32;
}

// One stream of draws: a seed and a stream number name it, an index its draws.
// Copies are independent readers of the same stream.
class Rng {
 public:
  explicit Rng(uint64_t seed, uint64_t stream = 0)
      : key_{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)},
        stream_{static_cast<uint32_t>(stream),
                static_cast<uint32_t>(stream >> 32)} {}

  // Four words for one index: random access.
  std::array<uint32_t, 4> At(uint64_t index) const {
    return Philox({static_cast<uint32_t>(index),
                   static_cast<uint32_t>(index >> 32), stream_[0], stream_[1]},
                  key_);
  }

  // Sequential access.
  uint32_t Next() {
    if (used_ == 4) {
      block_ = At(index_++);
      used_ = 0;
    }
    return block_[used_++];
  }
  double Uniform() { return ToUnit(Next()); }  // in (0, 1)
  // Standard normal, by Box and Muller (1958); both halves used.
  double Normal() {
    if (has_spare_) {
      has_spare_ = false;
      return spare_;
    }
    const double radius = std::sqrt(-2.0 * std::log(Uniform()));
    const double angle = 2.0 * std::numbers::pi * Uniform();
    spare_ = radius * std::sin(angle);
    has_spare_ = true;
    return radius * std::cos(angle);
  }
  // Uniform in [0, n), n > 0; unbiased to 2^-32 relative.
  uint32_t Below(uint32_t n) {
    return static_cast<uint32_t>((uint64_t{Next()} * n) >> 32);
  }

 private:
  std::array<uint32_t, 2> key_, stream_;
  std::array<uint32_t, 4> block_{};
  uint64_t index_ = 0;
  int used_ = 4;
  bool has_spare_ = false;
  double spare_ = 0;
};

}  // namespace triptych

#endif  // TRIPTYCH_KERNELS_BASE_RNG_H_
