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

constexpr Dem kDems[] = {Dem::kOff, Dem::kRotate, Dem::kRandom};

DacLane StartingAt(int element) {
  DacLane lane;
  lane.first = static_cast<uint8_t>(element);
  return lane;
}

TEST_CASE("Ideal elements give every code its own level, from any start") {
  const DacElements ideal;
  for (int code = 0; code < kCodes; ++code) {
    for (int start = 0; start < kDacElements; ++start) {
      DacLane first = StartingAt(start), again = first;
      const DacSwitches switches =
          DacEncode(static_cast<uint16_t>(code), Dem::kRotate, first);
      REQUIRE(std::popcount(switches.unary) == code >> kDacBinaryBits);
      REQUIRE(ideal.Level(switches) == code * kDacLevelsPerLsb);
      REQUIRE(ideal.Level(static_cast<uint16_t>(code), Dem::kRotate, again) ==
              code * kDacLevelsPerLsb);
      REQUIRE(first == again);
    }
  }
}

TEST_CASE("The short sum is the sum over the switches, mismatch or not") {
  for (int lane = 0; lane < 4; ++lane) {
    const DacElements elements(0.02, 5, static_cast<uint64_t>(lane));
    for (const Dem dem : kDems) {
      DacLane first(lane), again(lane);
      for (int code = 0; code < kCodes; ++code) {
        const auto c = static_cast<uint16_t>(code * 37 % kCodes);
        REQUIRE(elements.Level(DacEncode(c, dem, first)) ==
                elements.Level(c, dem, again));
        REQUIRE(first == again);
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
    DacLane first;
    const double middle = elements.Level(kCodes / 2, Dem::kOff, first);
    const double top = elements.Level(kCodes - 1, Dem::kOff, first);
    const double inl = middle - top * (kCodes / 2) / (kCodes - 1);
    squares += inl * inl;
  }
  const double measured = std::sqrt(squares / kLanes) / kDacLevelsPerLsb;
  const double predicted = kSigma * std::sqrt(kCodes) / 2;
  // A variance of n draws is uncertain by sqrt(2/n): 1.1 % of sigma here.
  CHECK(measured == doctest::Approx(predicted).epsilon(0.04));
}

// All elements once: what a unary element is worth on average, times 32.
double Ring(const DacElements& elements) {
  DacLane lane;
  double ring = 0;
  for (int e = 0; e < kDacElements; ++e) {
    ring += elements.Level(1 << kDacBinaryBits, Dem::kRotate, lane);
  }
  return ring;
}

// The point of rotation: the error of a constant code averages out, where
// without it is there for ever.
TEST_CASE("Rotation averages a constant code's error away") {
  for (uint64_t i = 0; i < 8; ++i) {
    const DacElements elements(0.05, 21, i);
    const uint16_t code = 13 << kDacBinaryBits;
    DacLane still, turning;
    double fixed = 0, rotated = 0;
    for (int n = 0; n < kDacElements; ++n) {
      fixed += elements.Level(code, Dem::kOff, still);
      rotated += elements.Level(code, Dem::kRotate, turning);
    }
    // After 32 conversions every element was used 13 times: what remains is
    // the mean of all elements, that is gain.
    const double ring = Ring(elements);
    CHECK(rotated == doctest::Approx(13 * ring).epsilon(1e-12));
    CHECK(std::abs(fixed - 13 * ring) > 1);
  }
}

TEST_CASE("Random rotation: every start alike, errors average as 1/sqrt(n)") {
  constexpr int kDraws = 1 << 16;  // a period, and one more
  const DacElements elements(0.05, 21, 3);
  const uint16_t code = 13 << kDacBinaryBits;
  DacLane lane(17);
  std::array<int, kDacElements> starts{};
  double sum = 0;
  for (int i = 0; i < kDraws; ++i) {
    ++starts[lane.lfsr & (kDacElements - 1)];
    sum += elements.Level(code, Dem::kRandom, lane);
  }
  // Over a period each of 2^16 - 1 states comes once: all starts 2048 times,
  // but the one that 0 would have been.
  for (const int count : starts) CHECK(std::abs(count - kDraws / 32) <= 1);
  const double mean = 13 * Ring(elements) / kDacElements;
  CHECK(sum / kDraws == doctest::Approx(mean).epsilon(1e-4));
}

// Mean square INL of a lane, LSB^2, from the line through its ends.
double SquareInl(const DacElements& elements, const DacKnots& knots) {
  DacLane lane;
  std::array<double, kCodes> level;
  for (int code = 0; code < kCodes; ++code) {
    level[code] = elements.Level(DacCorrect(static_cast<uint16_t>(code), knots),
                                 Dem::kOff, lane);
  }
  const double lsb = (level[kCodes - 1] - level[0]) / (kCodes - 1);
  double squares = 0;
  for (int code = 0; code < kCodes; ++code) {
    const double inl = (level[code] - level[0]) / lsb - code;
    squares += inl * inl / kCodes;
  }
  return squares;
}

// INL is a random walk of unit errors, tied at both ends: a bridge, whose mean
// square over n units is sigma^2 * n / 6. The knots tie it 16 times as often.
// Untied are the binary elements: c units of them differ from the part of the
// unary element that they stand in for; 31 / 2 on average.
TEST_CASE("Correction leaves the INL between its knots, and rounding") {
  constexpr double kSigma = 0.3;
  constexpr int kLanes = 256;
  double before = 0, after = 0;
  for (uint64_t lane = 0; lane < kLanes; ++lane) {
    const DacElements elements(kSigma, 31, lane);
    before += SquareInl(elements, DacKnots{}) / kLanes;
    after += SquareInl(elements, MeasureKnots(elements)) / kLanes;
  }
  CHECK(before == doctest::Approx(kSigma * kSigma * kCodes / 6).epsilon(0.2));
  const double left = kSigma * kSigma * (kCodes / 16 / 6.0 + 31 / 2.0);
  // Codes round. And a corrected code may lie beyond the knot that it is tied
  // to, on elements that nobody measured: a tenth more.
  CHECK(after < 1.1 * left + 1.0 / 12);
}

TEST_CASE("Correction: zeros change nothing, the ends clip") {
  for (int code = 0; code < kCodes; ++code) {
    const auto c = static_cast<uint16_t>(code);
    DacKnots knots{};
    CHECK(DacCorrect(c, knots) == c);
    knots.fill(8);  // 2 LSB up
    CHECK(DacCorrect(c, knots) == std::min(code + 2, kCodes - 1));
    knots.fill(-128);
    CHECK(DacCorrect(c, knots) == std::max(code - 32, 0));
  }
}

using Codes = std::array<uint16_t, kDacLanes>;
using Tables = std::array<DacKnots, kDacLanes>;

// A slice by both; counts switches that differ.
class Pair {
 public:
  explicit Pair(Dem dem) : dem_(dem), rtl_(dem) {
    for (int lane = 0; lane < kDacLanes; ++lane) lanes_[lane] = DacLane(lane);
  }
  void SetKnots(const Tables& knots) {
    knots_ = knots;
    for (int lane = 0; lane < kDacLanes; ++lane) {
      rtl_.SetKnots(lane, knots[lane]);
    }
  }
  void Convert(const Codes& code) {
    std::array<DacSwitches, kDacLanes> switches;
    rtl_.Convert(code.data(), switches.data());
    for (int lane = 0; lane < kDacLanes; ++lane) {
      const uint16_t corrected = DacCorrect(code[lane], knots_[lane]);
      differ_ += switches[lane] != DacEncode(corrected, dem_, lanes_[lane]);
    }
  }
  int first(int lane) const { return lanes_[lane].first; }
  int differ() const { return differ_; }
  uint64_t cycles() const { return rtl_.cycles(); }

 private:
  Dem dem_;
  DacRtl rtl_;
  std::array<DacLane, kDacLanes> lanes_;
  Tables knots_{};
  int differ_ = 0;
};

Tables RandomTables(uint64_t seed) {
  Rng rng(seed);
  Tables tables;
  for (DacKnots& knots : tables) {
    for (int8_t& knot : knots) knot = static_cast<int8_t>(rng.Below(256));
  }
  return tables;
}

TEST_CASE("RTL == model: every code on every lane, in every mode") {
  for (const Dem dem : kDems) {
    for (const bool corrected : {false, true}) {
      Pair pair(dem);
      if (corrected) pair.SetKnots(RandomTables(7));
      const uint64_t before = pair.cycles();
      for (int step = 0; step < kCodes; ++step) {
        Codes code;
        for (int lane = 0; lane < kDacLanes; ++lane) {
          code[lane] = static_cast<uint16_t>((step * 41 + lane * 17) % kCodes);
        }
        pair.Convert(code);
      }
      CHECK(pair.differ() == 0);
      CHECK(pair.cycles() - before == 2 * kCodes);
    }
  }
}

// Random codes under random tables; `conversions` at least.
int RandomDifferences(Dem dem, uint64_t seed, int conversions) {
  Pair pair(dem);
  Rng rng(seed);
  for (int done = 0; done < conversions;) {
    pair.SetKnots(RandomTables(rng.Next()));
    for (int i = 0; i < 400; ++i, done += kDacLanes) {
      Codes codes;
      for (uint16_t& code : codes) {
        code = static_cast<uint16_t>(rng.Below(kCodes));
      }
      pair.Convert(codes);
    }
  }
  return pair.differ();
}

TEST_CASE("RTL == model: 1e5 random conversions in each mode") {
  for (const Dem dem : kDems) CHECK(RandomDifferences(dem, 99, 100'000) == 0);
}

TEST_CASE("slow: RTL == model: 1e7 random DAC conversions") {
  for (const Dem dem : kDems) CHECK(RandomDifferences(dem, 9, 3'400'000) == 0);
}

TEST_CASE("RTL == model: every code from every starting element") {
  Pair pair(Dem::kRotate);
  std::vector<bool> seen(kCodes * kDacElements);
  Rng rng(3);
  const auto convert = [&](auto&& code_of) {
    Codes code;
    for (int lane = 0; lane < kDacLanes; ++lane) {
      code[lane] = code_of(lane);
      seen[pair.first(lane) * kCodes + code[lane]] = true;
    }
    pair.Convert(code);
  };
  // Alternately go to the wanted start, then convert the wanted code there.
  for (int start = 0; start < kCodes * kDacElements; start += kDacLanes) {
    const auto wanted_start = [&](int lane) { return (start + lane) / kCodes; };
    convert([&](int lane) {
      const int steps = wanted_start(lane) - pair.first(lane) + kDacElements;
      return static_cast<uint16_t>(steps % kDacElements << kDacBinaryBits |
                                   rng.Below(1 << kDacBinaryBits));
    });
    convert([&](int lane) {
      return static_cast<uint16_t>((start + lane) % kCodes);
    });
  }
  CHECK(pair.differ() == 0);
  CHECK(std::count(seen.begin(), seen.end(), false) == 0);
}

}  // namespace
}  // namespace triptych::rtl
