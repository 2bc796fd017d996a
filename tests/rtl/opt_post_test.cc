// Post-processing: the model against real arithmetic, the RTL against the
// model.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "kernels/base/rng.h"
#include "rtl/opt_post/opt_post_model.h"
#include "rtl/opt_post/opt_post_rtl.h"

namespace triptych::rtl {
namespace {

using Results = std::array<uint16_t, kSarLanes>;
using Values = std::array<int16_t, kSarLanes>;

Results RandomResults(Rng& rng) {
  Results results;
  for (uint16_t& r : results) r = static_cast<uint16_t>(rng.Below(1 << 14));
  return results;
}

// `wild`: any 16 bits; else what a calibrated receiver would hold.
PostCoefficients RandomCoefficients(Rng& rng, bool wild) {
  PostCoefficients c;
  for (int lane = 0; lane < kSarLanes; ++lane) {
    const auto draw = [&](double middle, double sigma) {
      return wild ? static_cast<uint16_t>(rng.Next())
                  : static_cast<uint16_t>(
                        std::lround(middle + sigma * rng.Normal()));
    };
    c.SetWord(kPostCoefficientOffset, lane, draw(0, 350));
    c.SetWord(kPostCoefficientGain, lane, draw(kPostUnityGain, 300));
    c.SetWord(kPostCoefficientLeft, lane, draw(-1950, 2300));
    c.SetWord(kPostCoefficientRight, lane, draw(-1950, 2300));
  }
  return c;
}

struct Model {
  PostCoefficients coefficients;
  bool rails = false;
  uint64_t saturated = 0;
  Values y{};

  Values Apply(const Results& results, int16_t left, int16_t right) {
    Values value;
    PostScale(coefficients, results.data(), y.data(), &saturated);
    PostFinish(coefficients, rails, y.data(), left, right, value.data(),
               &saturated);
    return value;
  }
};

TEST_CASE("After a reset, codes pass unchanged") {
  Rng rng(1);
  Model model;
  const Results results = RandomResults(rng);
  const Values values = model.Apply(results, 0, 0);
  for (int lane = 0; lane < kSarLanes; ++lane) {
    CHECK(values[lane] == results[lane]);
  }
  CHECK(model.saturated == 0);
}

// In double, nothing rounded on the way: what the registers stand for.
TEST_CASE("The fixed point follows the formula to its roundings") {
  Rng rng(2);
  Model model;
  model.coefficients = RandomCoefficients(rng, false);
  for (const bool rails : {false, true}) {
    model.rails = rails;
    for (int repeat = 0; repeat < 20; ++repeat) {
      const Results results = RandomResults(rng);
      const Values values = model.Apply(results, 100, -200);
      std::array<double, kSarLanes + 2> y;
      y.front() = 100;
      y.back() = -200;
      const PostCoefficients& c = model.coefficients;
      for (int lane = 0; lane < kSarLanes; ++lane) {
        y[lane + 1] = (results[lane] - c.offset[lane]) * c.gain[lane] /
                      std::exp2(kPostGainFracBits);
      }
      std::array<double, kSarLanes> z;
      for (int lane = 0; lane < kSarLanes; ++lane) {
        z[lane] = y[lane + 1] +
                  (c.left[lane] * y[lane] + c.right[lane] * y[lane + 2]) /
                      std::exp2(kPostTapFracBits);
      }
      for (int lane = 0; lane < kSarLanes; ++lane) {
        double wanted = z[lane];
        if (rails) wanted = lane % 2 ? 0 : z[lane] - z[lane + 1];
        // Half a unit each: y, what leaks of two neighbours' halves, z; and
        // twice that from two rails.
        CHECK(std::abs(values[lane] - wanted) <= (rails ? 2.4 : 1.2));
      }
    }
  }
  CHECK(model.saturated == 0);
}

TEST_CASE("Taps of minus the crosstalk leave its square") {
  Rng rng(3);
  constexpr double kLeak = 0.06;  // to each side
  Model model;
  for (int lane = 0; lane < kSarLanes; ++lane) {
    const auto tap = static_cast<int16_t>(std::lround(-kLeak * 32768));
    model.coefficients.left[lane] = model.coefficients.right[lane] = tap;
  }
  std::array<double, kSarLanes> clean;
  for (double& x : clean) x = 12000 * rng.Uniform();
  Results leaked;
  for (int lane = 0; lane < kSarLanes; ++lane) {
    const double below = lane > 0 ? clean[lane - 1] : 0;
    const double above = lane + 1 < kSarLanes ? clean[lane + 1] : 0;
    leaked[lane] = static_cast<uint16_t>(
        std::lround(clean[lane] + kLeak * (below + above)));
  }
  const Values values = model.Apply(leaked, 0, 0);
  double before = 0, after = 0;
  for (int lane = 0; lane < kSarLanes; ++lane) {
    before = std::max(before, std::abs(leaked[lane] - clean[lane]));
    after = std::max(after, std::abs(values[lane] - clean[lane]));
  }
  // What is left leaked twice: 2 a^2 of itself, a^2 of those two lanes on.
  CHECK(before > 600);
  CHECK(after <= 4 * kLeak * kLeak * 12000 + 2);
}

TEST_CASE("What does not fit is clipped and flagged") {
  Model model;
  model.coefficients.gain[5] = UINT16_MAX;
  model.coefficients.offset[9] = INT16_MAX;
  model.coefficients.gain[9] = UINT16_MAX;
  Results results{};
  results[5] = (1 << 14) - 1;
  const Values values = model.Apply(results, 0, 0);
  CHECK(values[5] == INT16_MAX);
  CHECK(values[9] == INT16_MIN);
  CHECK(model.saturated == (uint64_t{1} << 5 | uint64_t{1} << 9));
}

// Both, over `vectors` vectors of each kind of coefficients; what differs.
int Differences(uint64_t seed, int vectors) {
  Rng rng(seed);
  int differ = 0;
  for (const bool wild : {false, true}) {
    for (const bool rails : {false, true}) {
      PostRtl rtl;
      Model model;
      model.rails = rails;
      rtl.SetRails(rails);
      for (int i = 0; i < vectors; ++i) {
        if (i % 500 == 0) {
          model.coefficients = RandomCoefficients(rng, wild);
          rtl.Write(model.coefficients);
          differ += !(rtl.Read() == model.coefficients);
          rtl.ClearSaturated();
          model.saturated = 0;
        }
        const Results results = RandomResults(rng);
        const auto left = static_cast<int16_t>(rng.Next());
        const auto right = static_cast<int16_t>(rng.Next());
        Values values;
        rtl.Apply(results.data(), left, right, values.data());
        differ += values != model.Apply(results, left, right);
        differ += rtl.first() != model.y.front();
        differ += rtl.last() != model.y.back();
        if (i % 7 == 0) differ += rtl.Saturated() != model.saturated;
      }
    }
  }
  return differ;
}

TEST_CASE("RTL == model: 1e5 random post-processed codes, and registers") {
  CHECK(Differences(4, 400) == 0);
}

TEST_CASE("slow: RTL == model: 1e7 random post-processed codes") {
  CHECK(Differences(5, 40'000) == 0);
}

TEST_CASE("RTL == model: every input, at unity and at odd coefficients") {
  PostRtl rtl;
  Model model;
  int differ = 0;
  for (const int gain : {1 << 14, 17001, 9000}) {
    for (int lane = 0; lane < kSarLanes; ++lane) {
      model.coefficients.gain[lane] = static_cast<uint16_t>(gain);
      model.coefficients.offset[lane] = static_cast<int16_t>(gain & 0xFF);
    }
    rtl.Write(model.coefficients);
    for (int first = 0; first < 1 << 14; first += kSarLanes) {
      Results results;
      for (int lane = 0; lane < kSarLanes; ++lane) {
        results[lane] = static_cast<uint16_t>(first + lane);
      }
      Values values;
      rtl.Apply(results.data(), 0, 0, values.data());
      differ += values != model.Apply(results, 0, 0);
    }
  }
  CHECK(differ == 0);
}

}  // namespace
}  // namespace triptych::rtl
