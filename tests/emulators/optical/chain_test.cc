// The blocks of the chain, each against its formula.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "emulators/optical/detect.h"
#include "emulators/optical/drift.h"
#include "emulators/optical/encode.h"
#include "emulators/optical/params.h"
#include "emulators/optical/post.h"
#include "emulators/optical/receiver.h"
#include "emulators/optical/source.h"
#include "emulators/optical/transfer.h"
#include "kernels/base/aligned.h"
#include "tests/emulators/optical/product.h"
#include "tests/kernels/simd_targets.h"

namespace triptych::optical {
namespace {

// ---- Codes and digits ----

TEST_CASE("Codes and digits are those of the plain twin, on every target") {
  constexpr size_t kCount = 77;  // no whole number of vectors
  constexpr float kFactor = 127.0f;
  constexpr float kScale = 128;
  constexpr int kMiddle = 128, kTop = 255, kZero = kMiddle * 128;
  Rng rng(2);
  std::vector<float> x(kCount), levels(kCount);
  for (float& value : x) value = static_cast<float>(1.2 * rng.Normal());
  // Some beyond either end: -40 to 560 of at most 512.
  for (float& level : levels) {
    level = static_cast<float>(600 * rng.Uniform() - 40);
  }
  ForEachSimdTarget([&](int64_t target) {
    CAPTURE(hwy::TargetName(target));
    std::vector<uint16_t> codes(kCount);
    RoundToDacCodes(x.data(), kCount, kFactor, kMiddle, kTop, codes.data());
    std::vector<uint8_t> high(kCount), low(kCount), byte(kCount);
    const CodeSums sums = LevelsToDigits(levels.data(), kCount, kScale, kZero,
                                         high.data(), low.data());
    LevelsToDigits(levels.data(), kCount, 1, kMiddle, byte.data(), nullptr);
    CodeSums expected;
    for (size_t i = 0; i < kCount; ++i) {
      const float code = std::rint(x[i] * kFactor) + kMiddle;
      CHECK(codes[i] == std::clamp<float>(code, 0, kTop));
      const auto whole = static_cast<int64_t>(
          std::rint(std::clamp(levels[i] * kScale, 0.0f, 65535.0f)));
      CHECK(256 * high[i] + low[i] == whole);
      CHECK(byte[i] == std::rint(std::clamp(levels[i], 0.0f, 255.0f)));
      expected.sum += whole - kZero;
      expected.squares += (whole - kZero) * (whole - kZero);
    }
    CHECK(sums.sum == expected.sum);
    CHECK(sums.squares == expected.squares);
  });
}

// Numbers that are no code, in vectors and in the rest behind them.
TEST_CASE("what is beyond every code ends at the nearest, on every target") {
  constexpr int kMiddle = 128, kTop = 255;
  const float inf = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const struct {
    float x;
    int code;
  } cases[] = {{inf, kTop},   {-inf, 0},    {nan, kMiddle},
               {1e38f, kTop}, {-1e38f, 0},  {2e7f, kTop},
               {-2e7f, 0},    {0, kMiddle}, {1e-45f, kMiddle}};
  constexpr float kFactor = 127;  // 2e7 of it are more than 2^31
  ForEachSimdTarget([&](int64_t target) {
    CAPTURE(hwy::TargetName(target));
    for (const auto& [x, code] : cases) {
      CAPTURE(x);
      for (size_t at = 0; at < 19; ++at) {
        std::vector<float> row(19, 0);
        row[at] = x;
        std::vector<uint16_t> codes(row.size());
        RoundToDacCodes(row.data(), row.size(), kFactor, kMiddle, kTop,
                        codes.data());
        std::vector<uint8_t> bytes(row.size());
        const CodeSums sums =
            EncodeBytes(row.data(), row.size(), kFactor, kMiddle, bytes.data());
        const int from_zero = code - kMiddle;
        REQUIRE(codes[at] == code);
        REQUIRE(bytes[at] == code);
        REQUIRE(sums.sum == from_zero);
        REQUIRE(sums.squares == from_zero * from_zero);
      }
    }
    for (size_t at = 0; at < 19; ++at) {
      std::vector<float> row(19, -3);
      row[at] = -inf;
      REQUIRE(LargestOf(row.data(), row.size()) == inf);
      row[(at + 7) % 19] = nan;
      REQUIRE(std::isnan(LargestOf(row.data(), row.size())));
    }
  });
}

TEST_CASE("a row without codes has none") {
  const float inf = std::numeric_limits<float>::infinity();
  CHECK(CodesOfOne(255, 0.5f) == 510);
  for (const float largest : {0.0f, 1e-40f, 7e-37f, inf, std::nanf("")}) {
    CHECK(CodesOfOne(255, largest) == 0);
  }
}

// ---- Sources ----

TEST_CASE("The L-I curve: dark below threshold, bent by its cubic term") {
  Params p;
  CHECK(LightOfDrive(p, 0.3f) == doctest::Approx(0.3));
  p.source_threshold = 0.2;
  CHECK(LightOfDrive(p, 0.1f) == 0);
  CHECK(LightOfDrive(p, 0.6f) == doctest::Approx(0.5));
  p.source_cubic = 0.1;
  CHECK(LightOfDrive(p, 0.6f) == doctest::Approx(0.5 - 0.1 * 0.125));
}

TEST_CASE("A slow source remembers: a step arrives as 1 - m, 1 - m^2, ...") {
  Params p;
  p.source_bandwidth_ratio = 0.35;
  Sources sources(p, 1, 255, 0);
  const double memory = std::exp(-2 * std::numbers::pi * 0.35);
  for (int t = 1; t < 5; ++t) {
    std::vector<float> level{200};
    sources.Shine(level);
    CHECK(level[0] ==
          doctest::Approx(200 * (1 - std::pow(memory, t))).epsilon(1e-5));
  }
}

// ---- The plane ----

Tile OneTile(int64_t n, int64_t k) { return {.n = n, .k = k}; }

TEST_CASE("Complementary rails cancel the curve of a plane; split ones don't") {
  Params p;
  p.plane_bits = 0;
  p.plane_quadratic = 0.19;
  p.plane_calibrated = false;
  for (const char* rails : {"complementary", "split"}) {
    p.plane_rails = rails;
    std::vector<float> w{-1, -0.5, 0, 0.25, 1};
    const std::vector<float> asked = w;
    Transfer(p, OneTile(1, 5)).ApplyTo(w);
    for (size_t i = 0; i < w.size(); ++i) {
      const float r = std::abs(asked[i]);
      const float bent = std::copysign(r + 0.19f * r * (1 - r), asked[i]);
      const bool split = p.plane_rails == "split";
      CHECK(w[i] == doctest::Approx(split ? bent : asked[i]).epsilon(1e-5));
    }
  }
}

TEST_CASE("Calibration takes out curve and spread, down to the levels") {
  Params p;
  p.plane_rails = "split";
  p.plane_quadratic = 0.19;
  p.source_row_sigma = 0.26;
  const Tile tile = OneTile(1, 1000);
  std::vector<float> asked(1000);
  Rng rng(3);
  for (float& w : asked) w = static_cast<float>(2 * rng.Uniform() - 1);
  const auto error = [&](bool calibrated) {
    p.plane_calibrated = calibrated;
    std::vector<float> w = asked;
    Transfer(p, tile).ApplyTo(w);
    double squares = 0;
    for (size_t i = 0; i < w.size(); ++i)
      squares += std::pow(w[i] - asked[i], 2);
    return std::sqrt(squares / 1000);
  };
  const auto sources = SourceSpread(p, 0, 1000);
  const float weakest = *std::ranges::min_element(sources);
  // A level is 1 / 127 of the source; of the weakest, that is up to so much.
  CHECK(error(true) < 1.19 * 2.0 / weakest / 127 / std::sqrt(12.0));
  CHECK(error(false) > 0.1);
}

TEST_CASE("Neighbours get their part, and only within a tile") {
  Params p;
  p.optics_neighbour_1 = 0.06;
  p.optics_neighbour_2 = 0.01;
  const Transfer transfer(p, OneTile(5, 1));
  std::vector<float> rows{0, 0, 1, 0, 0}, mixed(5);
  for (size_t r = 0; r < 5; ++r) {
    transfer.Mix({rows.data(), 5, 1}, r, std::span(&mixed[r], 1));
  }
  const float expected[] = {0.01f, 0.06f, 0.86f, 0.06f, 0.01f};
  for (size_t r = 0; r < 5; ++r)
    CHECK(mixed[r] == doctest::Approx(expected[r]));
}

// ---- Drift ----

TEST_CASE("A walk is Brownian: variances of moments and of increments") {
  constexpr int kWalks = 20000;
  double early = 0, end = 0, step = 0;
  for (uint64_t walk = 0; walk < kWalks; ++walk) {
    const double a = WalkAt(1, walk, 0.25), b = WalkAt(1, walk, 0.375);
    early += a * a;
    step += (b - a) * (b - a);
    end += std::pow(WalkAt(1, walk, 1), 2);
  }
  CHECK(early / kWalks == doctest::Approx(0.25).epsilon(0.04));
  CHECK(step / kWalks == doctest::Approx(0.125).epsilon(0.04));
  CHECK(end / kWalks == doctest::Approx(1).epsilon(0.04));
}

TEST_CASE("Calibrations fall due, cost vectors, and reset the walk") {
  Params p;
  p.drift_gain_per_sqrt_s = 0.01;
  p.drift_recalibration_s = 1e-3;
  const Tile tile = OneTile(100, 64);
  CHECK(Recalibrations(p, FromSeconds(0.0005), FromSeconds(0.0035)) == 3);
  const auto gains = [&](double t) {
    return DriftOf(p, tile, 1, FromSeconds(t)).gain;
  };
  double young = 0, old = 0;
  for (const float g : gains(0.0020001)) young += std::pow(g - 1, 2);
  for (const float g : gains(0.0029)) old += std::pow(g - 1, 2);
  CHECK(young < 0.05 * old);
  CHECK(std::sqrt(old / 100) ==
        doctest::Approx(0.01 * std::sqrt(0.0009)).epsilon(0.2));
}

// ---- Correction ----

TEST_CASE("Lanes are corrected for what their chip does to them") {
  Params p;
  p.adc_bits = 10;
  p.rx_gain_sigma = 0.05;
  p.rx_offset_sigma = 0.01;
  p.optics_neighbour_1 = 0.05;
  p.post_correction = "crosstalk";
  constexpr size_t kOutputs = 130;
  const Tile tile = OneTile(kOutputs, 64);
  const std::vector<float> ones(kOutputs, 1.0f);
  const PostCorrection post(p, tile, ones);
  const auto spread = ReceiverSpread(p, 0, kOutputs);
  const auto offset = ReceiverOffsets(p, 0, kOutputs);
  // True values of each output, and the codes that a chip makes of them.
  std::vector<double> truth(kOutputs);
  Rng rng(5);
  for (double& t : truth) t = 60 * rng.Normal();
  std::vector<uint16_t> codes(kOutputs);
  double raw = 0, corrected = 0;
  for (size_t j = 0; j < kOutputs; ++j) {
    double light = 0.9 * truth[j];
    if (j > 0) light += 0.05 * truth[j - 1];
    if (j + 1 < kOutputs) light += 0.05 * truth[j + 1];
    const double code = 512 + spread[j] * light + offset[j] * 511;
    codes[j] = static_cast<uint16_t>(std::lround(code));
    raw += std::pow(codes[j] - 512 - truth[j], 2);
  }
  std::vector<int16_t> values(kOutputs);
  post.Apply(0, codes, values);
  for (size_t j = 0; j < kOutputs; ++j) {
    corrected += std::pow(values[j] / 16.0 - truth[j], 2);
  }
  // What is left: the second order of the taps, (c / own)^2 of twice the value
  // and of the next neighbours but one; and rounding of the value and, through
  // gains, of its neighbours.
  const double second = std::sqrt(6.0) * 60 * std::pow(0.05 / 0.9, 2);
  const double rounding = 1.15 / std::sqrt(12.0);
  CHECK(std::sqrt(corrected / kOutputs) < 1.1 * std::hypot(second, rounding));
  CHECK(corrected < raw / 100);
}

// ---- Noise, term by term ----

// Draws of one term alone, at the light of a real vector.
TEST_CASE("Each noise term: mean and variance of a million draws") {
  constexpr size_t kOutputs = 1024, kVectors = 1000;
  Params p;
  p.plane_cols = 1024;
  const NoiseBudget budget = MakeNoiseBudget(p, 1);
  const double mean_abs = 0.3, mean_sq = 0.12, x = 211, x2 = 95;
  const auto terms = budget.Variance(x, x2, mean_abs, mean_sq);
  const double units2 = 1 / (budget.signal_a * budget.signal_a);
  struct Term {
    const char* name;
    double expected;
    double constant, shot, rin;
  };
  const double c1 = budget.light_floor + budget.light_slope * mean_abs;
  const Term all[] = {
      {"thermal and dark", terms.thermal * units2, budget.thermal_a2 * units2,
       0, 0},
      {"shot", terms.shot * units2, 0, budget.shot_a2 * c1 * units2, 0},
      {"laser intensity", terms.rin * units2, 0, 0,
       budget.rin_a2 * mean_sq * units2},
  };
  for (const Term& term : all) {
    CAPTURE(std::string(term.name));
    const auto column = [&](double v) {
      return AlignedVector<float>(kOutputs, static_cast<float>(v));
    };
    const auto constant = column(term.constant), shot = column(term.shot),
               rin = column(term.rin);
    NoiseKey key{MakeRunKey(11, 0), 2, 0, 0};
    double sum = 0, squares = 0;
    for (size_t i = 0; i < kVectors; ++i) {
      key.vector = static_cast<uint32_t>(i);
      AlignedVector<float> y(kOutputs, 0.0f);
      AddLightNoise(
          key, 0, {constant.data(), shot.data(), rin.data()},
          {.light = static_cast<float>(x), .light2 = static_cast<float>(x2)},
          kOutputs, y.data());
      for (const float v : y) {
        sum += v;
        squares += double{v} * v;
      }
    }
    constexpr double kCount = kOutputs * kVectors;
    const double sigma = std::sqrt(term.expected);
    CHECK(std::abs(sum / kCount) < 0.01 * sigma);
    CHECK(squares / kCount == doctest::Approx(term.expected).epsilon(0.01));
  }
}

TEST_CASE("At one go or step by step: the same codes and levels") {
  constexpr size_t kCount = 200, kWidth = 256;
  AlignedVector<int32_t> sums(2 * kWidth), light_sums(2 * kWidth),
      correction(kWidth);
  AlignedVector<float> scale(kWidth, 1e-3f), constant(kWidth, 4.0f),
      shot(kWidth, 0.1f), rin(kWidth, 0.2f);
  Rng rng(8);
  for (int32_t& sum : sums) sum = static_cast<int32_t>(rng.Below(200)) - 100;
  for (int32_t& sum : light_sums) sum = static_cast<int32_t>(rng.Below(200));
  for (int32_t& c : correction) c = static_cast<int32_t>(rng.Below(10));
  const DigitValues light = {
      {light_sums.data(), 2, kWidth}, correction.data(), scale.data()};
  for (const bool exact_light : {false, true}) {
    const NoisyRow row = {
        .value = {{sums.data(), 2, kWidth}, correction.data(), scale.data()},
        .light_of = exact_light ? &light : nullptr,
        .key = {MakeRunKey(1, 1), 1, 1, 1},
        .first_block = 2,
        .columns = {constant.data(), shot.data(), rin.data()},
        .vector = {.light = 3, .light2 = 2, .extra = 0.5f},
        .count = kCount};
    AlignedVector<float> y(kWidth), light_of(kWidth);
    SumDigits(row.value, kCount, y.data());
    SumDigits(light, kCount, light_of.data());
    NoiseOfVector vector = row.vector;
    if (exact_light) vector.light_of = light_of.data();
    AddLightNoise(row.key, 2, row.columns, vector, kCount, y.data());
    const Scale codes(8, 6.0f);
    AlignedVector<float> plain(kWidth, 1.0f), fused(kWidth, 1.0f);
    RoundToCodes(y.data(), kCount, codes, -1, {plain.data()});
    NoisyToCodes(row, codes, -1, {fused.data()});
    CHECK(plain == fused);
    AlignedVector<int32_t> levels(kWidth), at_once(kWidth);
    ToLevels(y.data(), kCount, codes, levels.data());
    NoisyToLevels(row, codes, at_once.data());
    CHECK(std::equal(levels.begin(), levels.begin() + kCount, at_once.begin()));
  }
}

TEST_CASE("Sums: the first addition finds zeros, the last leaves numbers") {
  constexpr size_t kCount = 37, kWidth = 128;  // 37: no vector's multiple
  AlignedVector<float> y(kWidth), row_scale(kCount), bias(kCount);
  Rng rng(12);
  for (float& v : y) v = static_cast<float>(rng.Normal());
  for (float& v : row_scale) v = static_cast<float>(rng.Normal());
  for (float& v : bias) v = static_cast<float>(rng.Normal());
  for (int kind = 0; kind < 8; ++kind) {
    CAPTURE(kind);
    const bool first = kind & 1, last = kind & 2, biased = kind & 4;
    const float before = 3;
    AlignedVector<float> out(kWidth, before), expected(kWidth, before);
    for (size_t j = 0; j < kCount; ++j) {
      float sum = (first ? 0 : before) - y[j];
      if (last) sum *= 0.7f * row_scale[j];
      if (last && biased) sum += bias[j];
      expected[j] = sum;
    }
    AddValues(y.data(), kCount, -1,
              {.out = out.data(),
               .first = first,
               .row_scale = last ? row_scale.data() : nullptr,
               .scale = 0.7f,
               .bias = biased ? bias.data() : nullptr});
    CHECK(out == expected);
  }
}

// ---- Together ----

TEST_CASE("The measured machine: correction by lane earns its place") {
  const Product product(300, 256, false);
  const Overrides small = {"plane.rows=256", "plane.cols=512",
                           "plane.copies=1"};
  const auto make = [&](const Overrides& set) {
    const auto target =
        MakeTarget("optical:free-space-1024x2048-uncorrected", small + set);
    REQUIRE_MESSAGE(target.has_value(), target.error().message);
    return product.Run(**target, 30);
  };
  const auto exact = product.Run(**MakeTarget("cpu", {}), 30);
  const double corrected = RelativeError(make({}), exact);
  const double by_gain =
      RelativeError(make({"post.correction=gain_offset"}), exact);
  const double raw = RelativeError(make({"post.correction=none"}), exact);
  CHECK(corrected < 0.75 * by_gain);
  CHECK(by_gain < 0.6 * raw);
  // L1 has the same light, so much the same errors; L3 the same bits.
  CHECK(RelativeError(make({"fidelity=L1"}), exact) ==
        doctest::Approx(corrected).epsilon(0.15));
  CHECK(make({"fidelity=L3"}) == make({}));
}

}  // namespace
}  // namespace triptych::optical
