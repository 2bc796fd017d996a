// SPDX-License-Identifier: Apache-2.0
#include "tools/sweep/designs.h"

#include <numeric>
#include <utility>

#include "kernels/base/check.h"
#include "kernels/base/rng.h"

namespace triptych::sweep {
namespace {

class RandomSampler final : public Sampler {
 public:
  explicit RandomSampler(uint64_t seed) : seed_(seed) {}
  // Four dimensions a call of the generator.
  double At(uint64_t point, size_t dimension) const override {
    return ToUnit(Rng(seed_, dimension / 4).At(point)[dimension % 4]);
  }

 private:
  uint64_t seed_;
};

class LhsSampler final : public Sampler {
 public:
  LhsSampler(uint64_t points, size_t dimensions, uint64_t seed)
      : points_(points), within_(seed), stratum_(dimensions) {
    for (size_t d = 0; d < dimensions; ++d) {
      // Streams of the places within a stratum come first.
      Rng rng(seed, dimensions + d);
      std::vector<uint32_t>& order = stratum_[d];
      order.resize(points);
      std::iota(order.begin(), order.end(), 0u);
      for (uint64_t i = points; i > 1; --i) {  // Fisher, Yates
        std::swap(order[i - 1], order[rng.Below(static_cast<uint32_t>(i))]);
      }
    }
  }
  double At(uint64_t point, size_t dimension) const override {
    return (stratum_[dimension][point] + within_.At(point, dimension)) /
           static_cast<double>(points_);
  }

 private:
  uint64_t points_;
  RandomSampler within_;
  std::vector<std::vector<uint32_t>> stratum_;
};

// Dimensions 2.. of new-joe-kuo-6: degree and coefficients of the primitive
// polynomial, and the first direction numbers. Dimension 1 is van der
// Corput's sequence.
struct Direction {
  unsigned degree, coefficients;
  std::array<uint32_t, 7> first;
};
constexpr Direction kDirections[] = {
    {1, 0, {1}},
    {2, 1, {1, 3}},
    {3, 1, {1, 3, 1}},
    {3, 2, {1, 1, 1}},
    {4, 1, {1, 1, 3, 3}},
    {4, 4, {1, 3, 5, 13}},
    {5, 2, {1, 1, 5, 5, 17}},
    {5, 4, {1, 1, 5, 5, 5}},
    {5, 7, {1, 1, 7, 11, 19}},
    {5, 11, {1, 1, 5, 1, 1}},
    {5, 13, {1, 1, 1, 3, 11}},
    {5, 14, {1, 3, 5, 5, 31}},
    {6, 1, {1, 3, 3, 9, 7, 49}},
    {6, 13, {1, 1, 1, 15, 21, 21}},
    {6, 16, {1, 3, 1, 13, 27, 49}},
    {6, 19, {1, 1, 1, 15, 7, 5}},
    {6, 22, {1, 3, 1, 15, 13, 25}},
    {6, 25, {1, 1, 5, 5, 19, 61}},
    {7, 1, {1, 3, 7, 11, 23, 15, 103}},
    {7, 4, {1, 3, 7, 13, 13, 15, 69}},
    {7, 7, {1, 1, 3, 13, 7, 35, 63}},
    {7, 8, {1, 3, 5, 9, 1, 25, 53}},
    {7, 14, {1, 3, 1, 13, 9, 35, 107}},
    {7, 19, {1, 3, 1, 5, 27, 61, 31}},
    {7, 21, {1, 1, 5, 11, 19, 41, 61}},
    {7, 28, {1, 3, 5, 3, 3, 13, 69}},
    {7, 31, {1, 1, 7, 13, 1, 19, 1}},
    {7, 32, {1, 3, 7, 5, 13, 19, 59}},
    {7, 37, {1, 1, 3, 9, 25, 29, 41}},
    {7, 41, {1, 3, 5, 13, 23, 1, 55}},
};
static_assert(std::size(kDirections) + 1 == kSobolDimensions);

class SobolSampler final : public Sampler {
 public:
  SobolSampler(size_t dimensions, uint64_t seed) : directions_(dimensions) {
    for (size_t d = 0; d < dimensions; ++d) {
      directions_[d] = DirectionsOf(d);
      shift_.push_back(seed == 0 ? 0 : Rng(seed, d).Next());
    }
  }
  double At(uint64_t point, size_t dimension) const override {
    uint32_t bits = shift_[dimension];
    uint64_t gray = point ^ (point >> 1);
    for (size_t i = 0; gray != 0; ++i, gray >>= 1) {
      if (gray & 1) bits ^= directions_[dimension][i];
    }
    return static_cast<double>(bits) * 0x1p-32;
  }

 private:
  using Words = std::array<uint32_t, 32>;

  static Words DirectionsOf(size_t dimension) {
    Words v{};
    if (dimension == 0) {
      for (size_t i = 0; i < v.size(); ++i) v[i] = uint32_t{1} << (31 - i);
      return v;
    }
    const auto& [degree, coefficients, first] = kDirections[dimension - 1];
    for (size_t i = 0; i < degree; ++i) v[i] = first[i] << (31 - i);
    for (size_t i = degree; i < v.size(); ++i) {
      v[i] = v[i - degree] ^ (v[i - degree] >> degree);
      for (unsigned k = 1; k < degree; ++k) {
        if ((coefficients >> (degree - 1 - k)) & 1) v[i] ^= v[i - k];
      }
    }
    return v;
  }

  std::vector<Words> directions_;
  std::vector<uint32_t> shift_;
};

}  // namespace

std::unique_ptr<Sampler> MakeSampler(DesignKind kind, uint64_t points,
                                     size_t dimensions, uint64_t seed) {
  TRIPTYCH_CHECK(kind != DesignKind::kGrid && points < uint64_t{1} << 32,
                 "points", points);
  if (kind == DesignKind::kRandom) return std::make_unique<RandomSampler>(seed);
  if (kind == DesignKind::kLhs) {
    return std::make_unique<LhsSampler>(points, dimensions, seed);
  }
  TRIPTYCH_CHECK(dimensions <= kSobolDimensions, "dimensions", dimensions);
  return std::make_unique<SobolSampler>(dimensions, seed);
}

}  // namespace triptych::sweep
