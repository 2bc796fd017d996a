// Products on the array against arithmetic in f64, and their noise against
// its formula.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/optical/array/values.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "emulators/optical/array/cost.h"
#include "kernels/base/rng.h"
#include "tests/kernels/simd_targets.h"

namespace triptych::optical::array {
namespace {

struct Matrix {
  Matrix(size_t rows, size_t cols, uint64_t seed) : data(rows * cols) {
    Rng rng(seed);
    for (float& x : data) x = static_cast<float>(rng.Normal());
    view = MatView<float>(data.data(), rows, cols);
  }
  AlignedVector<float> data;
  MatView<float> view;
};

Params Quiet() {
  Params p;
  p.round_sums = false;
  return p;
}

// Codes of a row, and what one stands for.
struct Codes {
  std::vector<double> codes;
  double step = 0;
};
Codes CodesOf(std::span<const float> row, double steps) {
  float largest = 0;
  for (const float x : row) largest = std::max(largest, std::abs(x));
  Codes out;
  for (const float x : row) {
    out.codes.push_back(std::rint(x * (static_cast<float>(steps) / largest)));
  }
  out.step = double{largest} / steps;
  return out;
}

// The slow twin: one output after the other, a conversion at a time.
double Slow(const Params& p, ConstMatView<float> a, size_t i,
            ConstMatView<float> w, size_t j) {
  const double steps = std::exp2(static_cast<double>(p.bits - 1)) - 1;
  const auto terms = static_cast<size_t>(TermsOfSample(p));
  const Codes x = CodesOf(a.row_span(i), steps);
  std::vector<Codes> rows;
  for (size_t r = 0; r < w.rows(); ++r) {
    rows.push_back(CodesOf(w.row_span(r), steps));
  }
  double total = 0;
  for (size_t k0 = 0; k0 < a.cols(); k0 += terms) {
    const size_t k1 = std::min(a.cols(), k0 + terms);
    double sum = 0, norm2 = 0, square = 0;
    for (size_t k = k0; k < k1; ++k) {
      sum += x.codes[k] * rows[j].codes[k];
      norm2 += x.codes[k] * x.codes[k];
      for (const Codes& r : rows) square += r.codes[k] * r.codes[k];
    }
    const double rms =
        std::sqrt(square / static_cast<double>(w.rows() * (k1 - k0)));
    const double full = p.adc_clip_sigma * rms * std::sqrt(norm2);
    if (p.round_sums && full > 0) {
      sum = std::clamp(std::rint(sum / full * steps), -steps, steps) * full /
            steps;
    }
    total += sum;
  }
  return total * x.step * rows[j].step;
}

TEST_CASE("products are those of the slow twin, rounded sums or not") {
  for (const bool round : {false, true}) {
    for (const int64_t bits : {2, 4, 8}) {
      Params p = Quiet();
      p.round_sums = round;
      p.bits = bits;
      const Matrix a(5, 173, 1), w(19, 173, 2);
      Matrix c(5, 19, 3);
      Multiply(p, a.view, Encode(p, w.view), {}, 2, c.view);
      for (size_t i = 0; i < 5; ++i) {
        for (size_t j = 0; j < 19; ++j) {
          CHECK(c.view(i, j) ==
                doctest::Approx(Slow(p, a.view, i, w.view, j)).epsilon(1e-5));
        }
      }
    }
  }
}

// One million draws of the same sum.
struct Moments {
  double mean = 0, variance = 0;
};
Moments MomentsOf(const Params& p, double& s, double& q) {
  constexpr size_t kSide = 1000, kTerms = 60;
  const Matrix one_a(1, kTerms, 5), one_w(1, kTerms, 6);
  Matrix a(kSide, kTerms, 0), w(kSide, kTerms, 0), c(kSide, kSide, 0);
  for (size_t i = 0; i < kSide; ++i) {
    std::ranges::copy(one_a.view.row_span(0), a.view.row(i));
    std::ranges::copy(one_w.view.row_span(0), w.view.row(i));
  }
  const double steps = std::exp2(static_cast<double>(p.bits - 1)) - 1;
  const Codes x = CodesOf(one_a.view.row_span(0), steps);
  const Codes y = CodesOf(one_w.view.row_span(0), steps);
  s = q = 0;
  for (size_t k = 0; k < kTerms; ++k) {
    const double term = x.codes[k] * y.codes[k] * x.step * y.step;
    s += term;
    q += term * term;
  }
  Multiply(p, a.view, Encode(p, w.view), {{7, 8}, 9, 10}, 2, c.view);
  Moments m;
  for (const float v : c.data) m.mean += v / 1e6;
  for (const float v : c.data) m.variance += (v - m.mean) * (v - m.mean) / 1e6;
  return m;
}

TEST_CASE("a million draws have the mean and the variance of the formula") {
  double s = 0, q = 0;
  SUBCASE("input noise") {
    Params p = Quiet();
    p.input_noise = 0.2;
    const Moments m = MomentsOf(p, s, q);
    // (1 + s g)(1 + s g') - 1 has the variance 2 s^2 + s^4.
    const double variance = q * (2 * 0.04 + 0.0016);
    CHECK(m.variance == doctest::Approx(variance).epsilon(0.01));
    CHECK(std::abs(m.mean - s) < 5 * std::sqrt(variance / 1e6));
  }
  SUBCASE("phase noise") {
    Params p = Quiet();
    p.phase_noise_deg = 20;
    const double phase2 = std::pow(20 * std::numbers::pi / 180, 2);
    const Moments m = MomentsOf(p, s, q);
    const double mean = std::exp(-phase2 / 2);
    const double variance = q * ((1 + std::exp(-2 * phase2)) / 2 - mean * mean);
    CHECK(m.variance == doctest::Approx(variance).epsilon(0.01));
    CHECK(std::abs(m.mean - s * mean) < 5 * std::sqrt(variance / 1e6));
  }
  SUBCASE("output noise") {
    Params p = Quiet();
    p.output_noise = 0.05;
    const Moments m = MomentsOf(p, s, q);
    CHECK(m.variance == doctest::Approx(s * s * 0.0025).epsilon(0.01));
  }
}

// The formula itself, by drawing the factors it is the variance of.
TEST_CASE("the variance of one product is that of its factors") {
  Params p = Quiet();
  p.input_noise = 0.1;
  p.phase_noise_deg = 15;
  const ProductNoise noise = NoiseOf(p);
  Rng rng(3);
  double sum = 0, squares = 0;
  constexpr int kDraws = 1000000;
  for (int i = 0; i < kDraws; ++i) {
    const double phase = 15 * std::numbers::pi / 180 * rng.Normal();
    const double x =
        (1 + 0.1 * rng.Normal()) * (1 + 0.1 * rng.Normal()) * std::cos(phase);
    sum += x;
    squares += x * x;
  }
  const double mean = sum / kDraws;
  CHECK(noise.mean == doctest::Approx(mean).epsilon(0.001));
  CHECK(noise.variance ==
        doctest::Approx(squares / kDraws - mean * mean).epsilon(0.01));
}

TEST_CASE("noise depends on neither threads nor SIMD target, but on product") {
  Params p = Quiet();
  p.input_noise = 0.1;
  const Matrix a(33, 100, 1), w(17, 100, 2);
  Matrix one(33, 17, 0), two(33, 17, 0), other(33, 17, 0);
  const Encoded encoded = Encode(p, w.view);
  Multiply(p, a.view, encoded, {{1, 2}, 3, 4}, 1, one.view);
  Multiply(p, a.view, encoded, {{1, 2}, 3, 4}, 2, two.view);
  Multiply(p, a.view, encoded, {{1, 2}, 3, 5}, 1, other.view);
  CHECK(one.data == two.data);
  CHECK(one.data != other.data);
  ForEachSimdTarget([&](int64_t target) {
    // Sums of floats need fused multiply-add.
    if (target > HWY_AVX2) return;
    CAPTURE(hwy::TargetName(target));
    Matrix again(33, 17, 0);
    Multiply(p, a.view, Encode(p, w.view), {{1, 2}, 3, 4}, 1, again.view);
    CHECK(one.data == again.data);
  });
}

}  // namespace
}  // namespace triptych::optical::array
