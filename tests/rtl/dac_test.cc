// The DAC slice: the model against arithmetic, the RTL against the model.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/base/rng.h"
#include "rtl/dac/dac_model.h"
#include "rtl/dac/dac_rtl.h"

namespace triptych::rtl {
namespace {

constexpr int kCodes = 1 << kDacBits;

TEST_CASE("Ideal elements give every code its own level, from any start") {
  const DacElements ideal;
  for (int code = 0; code < kCodes; ++code) {
    for (int start = 0; start < kDacElements; ++start) {
      auto first = static_cast<uint8_t>(start);
      auto again = first;
      const DacSwitches switches =
          DacEncode(static_cast<uint16_t>(code), true, first);
      REQUIRE(std::popcount(switches.unary) == code >> kDacBinaryBits);
      REQUIRE(ideal.Level(switches) == code * kDacLevelsPerLsb);
      REQUIRE(ideal.Level(static_cast<uint16_t>(code), true, again) ==
              code * kDacLevelsPerLsb);
      REQUIRE(first == again);
    }
  }
}

TEST_CASE("The short sum is the sum over the switches, mismatch or not") {
  for (uint64_t lane = 0; lane < 4; ++lane) {
    const DacElements elements(0.02, 5, lane);
    for (const bool rotate : {false, true}) {
      uint8_t first = 0, again = 0;
      for (int code = 0; code < kCodes; ++code) {
        const auto c = static_cast<uint16_t>(code * 37 % kCodes);
        REQUIRE(elements.Level(DacEncode(c, rotate, first)) ==
                elements.Level(c, rotate, again));
      }
    }
  }
}

// A code's error is the sum of `code` independent unit errors; with the line
// through both ends taken out (INL), the middle of the scale is off by
// sigma * sqrt(2^bits) / 2 LSB.
TEST_CASE("INL at mid-scale is sigma_unit * sqrt(2^bits) / 2") {
  constexpr double kSigma = 0.05;
  constexpr int kLanes = 4000;
  double squares = 0;
  for (int lane = 0; lane < kLanes; ++lane) {
    const DacElements elements(kSigma, 11, static_cast<uint64_t>(lane));
    uint8_t first = 0;
    const double middle = elements.Level(kCodes / 2, false, first);
    const double top = elements.Level(kCodes - 1, false, first);
    const double inl = middle - top * (kCodes / 2) / (kCodes - 1);
    squares += inl * inl;
  }
  const double measured = std::sqrt(squares / kLanes) / kDacLevelsPerLsb;
  const double predicted = kSigma * std::sqrt(kCodes) / 2;
  // A variance of n draws is uncertain by sqrt(2/n): 1.1 % of sigma here.
  CHECK(measured == doctest::Approx(predicted).epsilon(0.04));
}

// The point of rotation: the error of a constant code averages out, where
// without it is there for ever.
TEST_CASE("Rotation averages a constant code's error away") {
  for (uint64_t lane = 0; lane < 8; ++lane) {
    const DacElements elements(0.05, 21, lane);
    const uint16_t code = 13 << kDacBinaryBits;
    uint8_t still = 0, turning = 0;
    double fixed = 0, rotated = 0;
    for (int i = 0; i < kDacElements; ++i) {
      fixed += elements.Level(code, false, still);
      rotated += elements.Level(code, true, turning);
    }
    // After 32 conversions every element was used 13 times: what remains is
    // the mean of all elements, that is gain.
    uint8_t first = 0;
    double ring = 0;
    for (int e = 0; e < kDacElements; ++e) {
      ring += elements.Level(1 << kDacBinaryBits, true, first);
    }
    CHECK(rotated == doctest::Approx(13 * ring).epsilon(1e-12));
    CHECK(std::abs(fixed - 13 * ring) > 1);
  }
}

TEST_CASE("RTL == model: every code on every lane, still and rotating") {
  for (const bool rotate : {false, true}) {
    DacRtl rtl(rotate);
    std::array<uint8_t, kDacLanes> first{};
    int differ = 0;
    for (int step = 0; step < kCodes; ++step) {
      std::array<uint16_t, kDacLanes> code;
      for (int lane = 0; lane < kDacLanes; ++lane) {
        code[lane] = static_cast<uint16_t>((step * 41 + lane * 17) % kCodes);
      }
      std::array<DacSwitches, kDacLanes> switches;
      rtl.Convert(code.data(), switches.data());
      for (int lane = 0; lane < kDacLanes; ++lane) {
        differ += switches[lane] != DacEncode(code[lane], rotate, first[lane]);
      }
    }
    CHECK(differ == 0);
    CHECK(rtl.cycles() == kCodes);
  }
}

TEST_CASE("RTL == model: every code from every starting element") {
  DacRtl rtl(true);
  std::array<uint8_t, kDacLanes> first{};
  std::vector<bool> seen(kCodes * kDacElements);
  int differ = 0;
  Rng rng(3);
  const auto convert = [&](auto&& code_of) {
    std::array<uint16_t, kDacLanes> code;
    std::array<DacSwitches, kDacLanes> switches;
    for (int lane = 0; lane < kDacLanes; ++lane) code[lane] = code_of(lane);
    rtl.Convert(code.data(), switches.data());
    for (int lane = 0; lane < kDacLanes; ++lane) {
      seen[first[lane] * kCodes + code[lane]] = true;
      differ += switches[lane] != DacEncode(code[lane], true, first[lane]);
    }
  };
  // Alternately go to the wanted start, then convert the wanted code there.
  for (int pair = 0; pair < kCodes * kDacElements; pair += kDacLanes) {
    const auto wanted_start = [&](int lane) { return (pair + lane) / kCodes; };
    convert([&](int lane) {
      const int steps = wanted_start(lane) - first[lane] + kDacElements;
      return static_cast<uint16_t>(steps % kDacElements << kDacBinaryBits |
                                   rng.Below(1 << kDacBinaryBits));
    });
    convert([&](int lane) {
      return static_cast<uint16_t>((pair + lane) % kCodes);
    });
  }
  CHECK(differ == 0);
  CHECK(std::count(seen.begin(), seen.end(), false) == 0);
}

}  // namespace
}  // namespace triptych::rtl
