// SPDX-License-Identifier: Apache-2.0
#include "kernels/base/rng.h"

#include <doctest/doctest.h>

#include <array>
#include <cstdint>

namespace triptych {
namespace {

using Words = std::array<uint32_t, 4>;

TEST_CASE("Philox4x32-10 gives its authors' known answers") {
  // Random123's vectors: all zeros, all ones, the digits of pi.
  CHECK(Philox({0, 0, 0, 0}, {0, 0}) ==
        Words{0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8});
  const uint32_t ones = 0xFFFFFFFF;
  CHECK(Philox({ones, ones, ones, ones}, {ones, ones}) ==
        Words{0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD});
  CHECK(Philox({0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344},
               {0xA4093822, 0x299F31D0}) ==
        Words{0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1});
}

TEST_CASE("Sequential draws are the random-access draws in order") {
  Rng rng(7, 11);
  for (uint64_t index = 0; index < 5; ++index) {
    for (uint32_t word : Rng(7, 11).At(index)) CHECK(rng.Next() == word);
  }
}

TEST_CASE("Seeds, streams and indices each change the draws") {
  const Words base = Rng(1, 2).At(3);
  CHECK(base != Rng(2, 2).At(3));
  CHECK(base != Rng(1, 3).At(3));
  CHECK(base != Rng(1, 2).At(4));
  const uint64_t high = uint64_t{1} << 40;
  CHECK(base != Rng(1 + high, 2).At(3));
  CHECK(base != Rng(1, 2 + high).At(3));
  CHECK(base != Rng(1, 2).At(3 + high));
}

TEST_CASE("Uniform draws stay inside the open interval") {
  CHECK(ToUnit(0) > 0.0);
  CHECK(ToUnit(0xFFFFFFFF) < 1.0);
}

TEST_CASE("Moments are those of the distribution, within five sigma") {
  constexpr int kDraws = 200000;
  Rng rng(42);
  double mean = 0, square = 0, normal_mean = 0, normal_square = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double u = rng.Uniform(), z = rng.Normal();
    mean += u / kDraws;
    square += u * u / kDraws;
    normal_mean += z / kDraws;
    normal_square += z * z / kDraws;
  }
  const double root = std::sqrt(double{kDraws});
  CHECK(std::abs(mean - 0.5) < 5 * std::sqrt(1.0 / 12) / root);
  CHECK(std::abs(square - 1.0 / 3) < 5 * std::sqrt(4.0 / 45) / root);
  CHECK(std::abs(normal_mean) < 5 / root);
  CHECK(std::abs(normal_square - 1) < 5 * std::sqrt(2.0) / root);
}

TEST_CASE("Below reaches every value and none beyond") {
  Rng rng(3);
  std::array<int, 7> seen{};
  for (int i = 0; i < 700; ++i) ++seen.at(rng.Below(7));
  for (int count : seen) CHECK(count > 50);  // expected 100, sigma 9.3
}

}  // namespace
}  // namespace triptych
