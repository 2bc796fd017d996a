// Designs: Sobol' points against published ones, stratification, repetition.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <set>
#include <utility>
#include <vector>

#include "tools/analysis/sobol.h"
#include "tools/analysis/sobol_sequence.h"
#include "tools/sweep/designs.h"

namespace triptych::sweep {
namespace {

// Rows of bits; the rank over the field of two elements.
size_t RankOf(std::vector<uint64_t> rows) {
  size_t rank = 0;
  for (size_t bit = 0; bit < 64 && rank < rows.size(); ++bit) {
    for (size_t i = rank; i < rows.size(); ++i) {
      if (!((rows[i] >> bit) & 1)) continue;
      std::swap(rows[i], rows[rank]);
      for (size_t j = rank + 1; j < rows.size(); ++j) {
        if ((rows[j] >> bit) & 1) rows[j] ^= rows[rank];
      }
      ++rank;
      break;
    }
  }
  return rank;
}

// Property A of Sobol' (1976), which Joe and Kuo's numbers have: the first
// 2^d points put one into each half-cube of d dimensions. That is so if the
// first bits of the first d direction numbers are independent; the point
// whose Gray code is 2^i shows the i-th.
TEST_CASE("Sobol' points have property A in all dimensions") {
  const auto sobol = MakeSampler(DesignKind::kSobol, (uint64_t{1} << 32) - 1,
                                 kSobolDimensions, 0);
  for (size_t dimensions = 1; dimensions <= kSobolDimensions; ++dimensions) {
    std::vector<uint64_t> rows;
    for (size_t i = 0; i < dimensions; ++i) {
      uint64_t row = 0;
      for (size_t d = 0; d < dimensions; ++d) {
        const double at = sobol->At((uint64_t{2} << i) - 1, d);
        row |= uint64_t{at >= 0.5} << d;
      }
      rows.push_back(row);
    }
    CAPTURE(dimensions);
    CHECK(RankOf(rows) == dimensions);
  }
}

TEST_CASE("Saltelli's points are those of his design, by number") {
  constexpr size_t kInputs = 3, kBases = 16;
  std::vector<double> base;
  const analysis::SobolSequence sequence(2 * kInputs, 5);
  for (uint64_t i = 0; i < kBases; ++i) {
    for (int d = 0; d < static_cast<int>(2 * kInputs); ++d) {
      base.push_back(sequence.At(i, d));
    }
  }
  const std::vector<double> design = analysis::SaltelliDesign(base, kInputs);
  const auto sampler = MakeSampler(DesignKind::kSaltelli, kBases, kInputs, 5);
  REQUIRE(design.size() == kBases * (kInputs + 2) * kInputs);
  for (size_t i = 0; i < design.size(); ++i) {
    CHECK(sampler->At(i / kInputs, i % kInputs) == design[i]);
  }
}

TEST_CASE("a Latin hypercube has one point in each stratum") {
  constexpr uint64_t kPoints = 500;
  const auto lhs = MakeSampler(DesignKind::kLhs, kPoints, 4, 3);
  std::vector<std::vector<int>> orders;
  for (size_t d = 0; d < 4; ++d) {
    std::vector<int> order;
    for (uint64_t i = 0; i < kPoints; ++i) {
      CHECK(lhs->At(i, d) < 1);
      order.push_back(static_cast<int>(lhs->At(i, d) * kPoints));
    }
    CHECK(std::set<int>(order.begin(), order.end()).size() == kPoints);
    for (const auto& other : orders) CHECK(order != other);
    orders.push_back(std::move(order));
  }
}

TEST_CASE("a seed names a design, and another seed another one") {
  for (const DesignKind kind :
       {DesignKind::kRandom, DesignKind::kLhs, DesignKind::kSobol}) {
    const auto a = MakeSampler(kind, 64, 6, 1);
    const auto b = MakeSampler(kind, 64, 6, 1);
    const auto c = MakeSampler(kind, 64, 6, 2);
    int equal = 0;
    double sum = 0;
    for (uint64_t i = 0; i < 64; ++i) {
      for (size_t d = 0; d < 6; ++d) {
        CHECK(a->At(i, d) == b->At(i, d));
        CHECK(a->At(i, d) >= 0);
        CHECK(a->At(i, d) < 1);
        equal += a->At(i, d) == c->At(i, d);
        sum += a->At(i, d);
      }
    }
    CHECK(equal < 8);
    CHECK(sum / (64 * 6) == doctest::Approx(0.5).epsilon(0.1));
  }
}

}  // namespace
}  // namespace triptych::sweep
