// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cmath>
#include <set>

#include "tools/analysis/sobol_sequence.h"

namespace triptych::analysis {
namespace {

std::vector<double> PointOf(const SobolSequence& sequence, uint64_t index) {
  std::vector<double> x(static_cast<size_t>(sequence.dimensions()));
  sequence.Point(index, x);
  return x;
}

TEST_CASE("The first points are those that Joe and Kuo's program prints") {
  const SobolSequence sequence(3);
  // Worked by hand from m = {1, 1, 1}, {1, 3, 5} and {1, 3, 3}.
  const std::vector<std::vector<double>> want = {{0, 0, 0},
                                                 {0.5, 0.5, 0.5},
                                                 {0.75, 0.25, 0.25},
                                                 {0.25, 0.75, 0.75},
                                                 {0.375, 0.375, 0.625},
                                                 {0.875, 0.875, 0.125},
                                                 {0.625, 0.125, 0.875},
                                                 {0.125, 0.625, 0.375}};
  for (size_t i = 0; i < want.size(); ++i) {
    CHECK(PointOf(sequence, i) == want[i]);
  }
}

// The defining property: of 2^b points in a row, aligned, one falls into each
// interval of length 2^-b, in every dimension. A wrong or even direction
// number breaks it.
TEST_CASE("Every dimension is stratified at every power of two") {
  for (const uint64_t seed : {uint64_t{0}, uint64_t{7}}) {
    const SobolSequence sequence(SobolSequence::kMaxDimensions, seed);
    for (int b = 0; b <= 10; ++b) {
      const uint64_t count = uint64_t{1} << b;
      for (const uint64_t block : {uint64_t{0}, uint64_t{5}}) {
        std::vector<std::set<int>> hit(SobolSequence::kMaxDimensions);
        for (uint64_t i = 0; i < count; ++i) {
          const auto x = PointOf(sequence, block * count + i);
          for (size_t d = 0; d < x.size(); ++d) {
            hit[d].insert(static_cast<int>(x[d] * static_cast<double>(count)));
          }
        }
        for (const auto& cells : hit) CHECK(cells.size() == count);
      }
    }
  }
}

// Sobol's property A, which Joe and Kuo's numbers have in all dimensions used
// here: 2^d points, one in each corner's half of the cube.
TEST_CASE("Property A: the first 2^d points fall into 2^d orthants") {
  for (int d = 1; d <= 14; ++d) {
    const SobolSequence sequence(d);
    std::set<uint32_t> orthants;
    for (uint64_t i = 0; i < uint64_t{1} << d; ++i) {
      uint32_t code = 0;
      for (const double x : PointOf(sequence, i)) code = 2 * code + (x >= 0.5);
      orthants.insert(code);
    }
    CHECK(orthants.size() == size_t{1} << d);
  }
}

// Points of a wrong polynomial are still stratified one by one; they pair up
// badly. The error of a product integral shows it: random points would be off
// by about 1 / sqrt(N) = 0.0078.
TEST_CASE("All pairs of dimensions integrate a product closely") {
  const SobolSequence sequence(SobolSequence::kMaxDimensions);
  constexpr size_t kN = 1 << 14;
  constexpr size_t kD = SobolSequence::kMaxDimensions;
  std::vector<double> sums(kD * kD);
  for (size_t i = 0; i < kN; ++i) {
    const auto x = PointOf(sequence, i);
    for (size_t a = 0; a < kD; ++a) {
      for (size_t b = 0; b < a; ++b) {
        sums[a * kD + b] += 12 * (x[a] - 0.5) * (x[b] - 0.5);
      }
    }
  }
  double worst = 0;
  for (const double sum : sums) worst = std::max(worst, std::abs(sum / kN));
  MESSAGE("largest correlation of two dimensions: ", worst);
  CHECK(worst < 0.002);
}

TEST_CASE("A seed shifts the points and changes nothing else") {
  const SobolSequence plain(5), shifted(5, 1), other(5, 2);
  CHECK(PointOf(shifted, 0) != PointOf(plain, 0));
  CHECK(PointOf(shifted, 0) != PointOf(other, 0));
  CHECK(PointOf(SobolSequence(5, 1), 77) == PointOf(shifted, 77));
  // An exclusive or with one number: the same for every index.
  const auto bits = [](double x) { return static_cast<uint64_t>(x * 0x1p52); };
  for (size_t d = 0; d < 5; ++d) {
    const auto shift =
        bits(PointOf(shifted, 0)[d]) ^ bits(PointOf(plain, 0)[d]);
    CHECK((bits(PointOf(shifted, 9)[d]) ^ bits(PointOf(plain, 9)[d])) == shift);
  }
}

TEST_CASE("Fewer dimensions are the first of more") {
  const auto few = PointOf(SobolSequence(4), 12345);
  const auto many = PointOf(SobolSequence(37), 12345);
  CHECK(std::equal(few.begin(), few.end(), many.begin()));
}

}  // namespace
}  // namespace triptych::analysis
