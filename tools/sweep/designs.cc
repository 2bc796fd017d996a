// SPDX-License-Identifier: Apache-2.0
#include "tools/sweep/designs.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "kernels/base/check.h"
#include "kernels/base/rng.h"
#include "tools/analysis/sobol_sequence.h"

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

class SobolSampler final : public Sampler {
 public:
  SobolSampler(size_t dimensions, uint64_t seed)
      : sequence_(static_cast<int>(std::max<size_t>(dimensions, 1)), seed) {}
  double At(uint64_t point, size_t dimension) const override {
    return sequence_.At(point, static_cast<int>(dimension));
  }

 private:
  analysis::SobolSequence sequence_;
};

class SaltelliSampler final : public Sampler {
 public:
  SaltelliSampler(size_t dimensions, uint64_t seed)
      : dimensions_(std::max<size_t>(dimensions, 1)),
        base_(2 * dimensions_, seed) {}
  // Row 0 of a base point is A, row 1 B, row 2 + i is A with B's input i.
  double At(uint64_t point, size_t dimension) const override {
    const uint64_t row = point % (dimensions_ + 2);
    const bool b = row == 1 || row == dimension + 2;
    return base_.At(point / (dimensions_ + 2),
                    b ? dimensions_ + dimension : dimension);
  }

 private:
  size_t dimensions_;
  SobolSampler base_;
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
  if (kind == DesignKind::kSaltelli) {
    return std::make_unique<SaltelliSampler>(dimensions, seed);
  }
  return std::make_unique<SobolSampler>(dimensions, seed);
}

}  // namespace triptych::sweep
