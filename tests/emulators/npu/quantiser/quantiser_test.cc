// Scales and codes against plain searches and solutions in f64.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/quantiser/quantiser.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <vector>

#include "emulators/npu/quantiser/compensation.h"
#include "emulators/npu/quantiser/input_moments.h"
#include "kernels/base/formats.h"
#include "kernels/base/rng.h"

namespace triptych::npu {
namespace {

const QuantiserParams kSearch{.scale = "search"};
const QuantiserParams kCompensated{
    .scale = "search", .rounding = "compensated", .calibration_tokens = 1};

std::vector<float> Normals(size_t n, Rng& rng) {
  std::vector<float> x(n);
  for (float& each : x) each = static_cast<float>(rng.Normal());
  return x;
}

// Squared error of codes under `scale`, each the nearest in reach.
double ErrorAt(std::span<const float> w, std::span<const float> importance,
               double scale, int bits) {
  const double qmax = QMax(bits);
  double error = 0;
  for (size_t i = 0; i < w.size(); ++i) {
    const double code =
        std::clamp(std::nearbyint(w[i] / scale), -qmax - 1, qmax);
    const double d = w[i] - code * scale;
    error += (importance.empty() ? 1.0 : importance[i]) * d * d;
  }
  return error;
}

// The least of 4000 scales of both signs.
double LeastError(std::span<const float> w, std::span<const float> importance,
                  int bits) {
  double most = 0;
  for (const float x : w) most = std::max(most, std::abs(double{x}));
  double least = std::numeric_limits<double>::infinity();
  for (int i = 1; i <= 2000; ++i) {
    const double scale = most / QMax(bits) * i / 1500;
    for (const double s : {scale, -scale}) {
      least = std::min(least, ErrorAt(w, importance, s, bits));
    }
  }
  return least;
}

TEST_CASE("a searched scale is close to the best of thousands") {
  Rng rng(1);
  double found = 0, best = 0, symmetric = 0;
  for (const int bits : {2, 3, 4, 8}) {
    for (const size_t n : {2, 7, 8, 31, 64, 172}) {
      for (int weighted = 0; weighted < 2; ++weighted) {
        const auto w = Normals(n, rng);
        std::vector<float> importance;
        for (size_t i = 0; weighted != 0 && i < n; ++i) {
          importance.push_back(static_cast<float>(rng.Uniform()));
        }
        const float scale = SearchScale(w, importance, bits);
        const double error = ErrorAt(w, importance, scale, bits);
        CAPTURE(bits);
        CAPTURE(n);
        std::vector<int8_t> codes(n);
        const float plain = QuantizeRowInt<int8_t>(w, bits, codes);
        CHECK(error <= ErrorAt(w, importance, plain, bits) * (1 + 1e-3));
        if (bits <= 4 && n >= 31) {
          CHECK(error <= 1.2 * LeastError(w, importance, bits));
        }
        if (bits == 4 && n >= 31) {
          found += error;
          best += LeastError(w, importance, bits);
          symmetric += ErrorAt(w, importance, plain, bits);
        }
      }
    }
  }
  // What matters, groups of 4 bits: as good as the long search, and the error
  // of a symmetric code up to the largest weight is half as much again.
  CHECK(found < 1.05 * best);
  CHECK(symmetric > 1.3 * found);
}

TEST_CASE("scales of what has none") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  const std::vector<float> none;
  CHECK(SearchScale(std::vector<float>(5, 0.0f), none, 4) == 0);
  CHECK(SearchScale(std::vector<float>(5, 1e-45f), none, 4) == 0);
  CHECK(std::isnan(SearchScale(std::vector<float>{1, nan, 2}, none, 4)));
  CHECK(std::isnan(SearchScale(std::vector<float>{1, -inf, 2}, none, 4)));
  // The largest numbers keep their scale.
  const float most = std::numeric_limits<float>::max();
  CHECK(std::isfinite(SearchScale(std::vector<float>{most, -most}, none, 4)));
  // Inputs that are always 0: any scale, but a scale.
  const std::vector<float> nothing(3, 0.0f);
  CHECK(std::isfinite(SearchScale(std::vector<float>{1, 2, 3}, nothing, 4)));

  std::vector<int8_t> codes(6);
  std::vector<float> scales(2);
  const std::vector<float> row = {1, nan, 2, 0, 0, 0};
  for (const QuantiserParams& params : {QuantiserParams(), kSearch}) {
    Quantiser(params, 4, 3).Quantise(row, codes, scales);
    CHECK(std::isnan(scales[0]));
    CHECK(scales[1] == 0);
    for (const int8_t code : codes) CHECK(code == 0);
  }
}

TEST_CASE("all codes are in reach, and in use") {
  Rng rng(2);
  for (const int bits : {2, 4, 8}) {
    const auto row = Normals(256, rng);
    std::vector<int8_t> codes(row.size());
    std::vector<float> scales(4);
    Quantiser(kSearch, bits, 64).Quantise(row, codes, scales);
    const auto [least, most] = std::ranges::minmax(codes);
    CHECK(most == QMax(bits));
    CHECK(least == -QMax(bits) - 1);
    Quantiser({}, bits, 64).Quantise(row, codes, scales);
    CHECK(std::ranges::min(codes) >= -QMax(bits));
  }
}

// Inputs of which neighbours are alike: x[i] = a x[i - 1] + noise.
InputMoments Correlated(size_t cols, size_t rows, Rng& rng) {
  InputMoments moments(cols);
  std::vector<float> x(cols);
  for (size_t r = 0; r < rows; ++r) {
    float last = 0;
    for (float& each : x) {
      last = 0.9f * last + static_cast<float>(rng.Normal());
      each = last;
    }
    moments.Add({x.data(), 1, cols});
  }
  return moments;
}

TEST_CASE("moments are means of products, of pairs in a block") {
  Rng rng(3);
  constexpr size_t kCols = InputMoments::kBlock + 5;
  InputMoments moments(kCols);
  const auto x = Normals(3 * kCols, rng);
  moments.Add({x.data(), 2, kCols});
  moments.Add({x.data() + 2 * kCols, 1, kCols});
  CHECK(moments.count() == 3);
  REQUIRE(moments.blocks() == 2);
  CHECK(moments.BlockCols(1) == 5);
  for (size_t b = 0; b < 2; ++b) {
    for (size_t i = 0; i < moments.BlockCols(b); ++i) {
      for (size_t j = 0; j < moments.BlockCols(b); ++j) {
        double sum = 0;
        for (size_t r = 0; r < 3; ++r) {
          const float* row = x.data() + r * kCols + b * InputMoments::kBlock;
          sum += double{row[i]} * row[j];
        }
        CHECK(moments.Mean(b, i, j) == sum / 3);
      }
    }
  }
  CHECK(moments.MeanSquare(kCols - 1) == moments.Mean(1, 4, 4));
  CHECK(InputMoments(4).Mean(0, 1, 2) == 0);
}

// What the weights after `i` should change by if it is off by 1, from the
// normal equations of the damped moments, by elimination.
std::vector<double> BestChange(const InputMoments& moments, size_t block,
                               size_t i) {
  const size_t n = moments.BlockCols(block);
  double trace = 0;
  for (size_t c = 0; c < n; ++c) trace += moments.Mean(block, c, c);
  const size_t rest = n - i - 1;
  std::vector<std::vector<double>> a(rest, std::vector<double>(rest + 1));
  for (size_t r = 0; r < rest; ++r) {
    for (size_t c = 0; c < rest; ++c) {
      a[r][c] = moments.Mean(block, i + 1 + r, i + 1 + c);
    }
    a[r][r] += Compensation::kDamping * trace / static_cast<double>(n);
    a[r][rest] = moments.Mean(block, i + 1 + r, i);
  }
  for (size_t p = 0; p < rest; ++p) {
    for (size_t r = 0; r < rest; ++r) {
      if (r == p) continue;
      const double factor = a[r][p] / a[p][p];
      for (size_t c = p; c <= rest; ++c) a[r][c] -= factor * a[p][c];
    }
  }
  std::vector<double> change;
  for (size_t r = 0; r < rest; ++r) change.push_back(-a[r][rest] / a[r][r]);
  return change;
}

TEST_CASE("factors solve the normal equations of what is left") {
  Rng rng(4);
  for (const size_t cols : {1, 2, 13, 64, 270}) {
    const InputMoments moments = Correlated(cols, 100, rng);
    const Compensation compensation(moments);
    for (size_t col = 0; col < cols; col += col < 3 ? 1 : 37) {
      const size_t block = col / InputMoments::kBlock;
      const auto factors = compensation.Factors(col);
      const auto twin = BestChange(moments, block, col % InputMoments::kBlock);
      REQUIRE(factors.size() == twin.size());
      for (size_t j = 0; j < twin.size(); ++j) {
        CHECK(std::abs(factors[j] - twin[j]) < 1e-5);
      }
    }
  }
}

// d' M d over the blocks of a row that is off by d.
double OutputError(std::span<const float> row, std::span<const int8_t> codes,
                   std::span<const float> scales, size_t group,
                   const InputMoments& moments) {
  std::vector<double> d;
  for (size_t c = 0; c < row.size(); ++c) {
    d.push_back(row[c] - double{codes[c] * scales[c / group]});
  }
  double error = 0;
  for (size_t b = 0; b < moments.blocks(); ++b) {
    const double* part = d.data() + b * InputMoments::kBlock;
    for (size_t i = 0; i < moments.BlockCols(b); ++i) {
      for (size_t j = 0; j < moments.BlockCols(b); ++j) {
        error += part[i] * part[j] * moments.Mean(b, i, j);
      }
    }
  }
  return error;
}

TEST_CASE("compensated codes give products with less error") {
  Rng rng(5);
  for (const size_t group : {32, 64, 320}) {
    const InputMoments moments = Correlated(320, 2000, rng);
    const Quantiser plain({}, 4, group), searched(kSearch, 4, group, &moments),
        compensated(kCompensated, 4, group, &moments);
    double errors[3] = {};
    for (int r = 0; r < 20; ++r) {
      const auto row = Normals(320, rng);
      std::vector<int8_t> codes(row.size());
      std::vector<float> scales(row.size() / group);
      int i = 0;
      for (const Quantiser* q : {&plain, &searched, &compensated}) {
        q->Quantise(row, codes, scales);
        errors[i++] += OutputError(row, codes, scales, group, moments);
      }
    }
    CAPTURE(group);
    MESSAGE("group ", group, ": errors ", errors[0], " ", errors[1], " ",
            errors[2]);
    CHECK(errors[1] < errors[0]);
    CHECK(errors[2] < 0.5 * errors[1]);
  }
}

TEST_CASE("without correlation there is nothing to make good") {
  Rng rng(6);
  InputMoments moments(64);
  std::vector<float> x(64);
  for (size_t i = 0; i < 64; ++i) {
    std::ranges::fill(x, 0.0f);
    x[i] = 1;
    moments.Add({x.data(), 1, 64});
  }
  const auto row = Normals(64, rng);
  std::vector<int8_t> one(64), other(64);
  std::vector<float> one_scale(1), other_scale(1);
  Quantiser(kSearch, 4, 64, &moments).Quantise(row, one, one_scale);
  Quantiser(kCompensated, 4, 64, &moments).Quantise(row, other, other_scale);
  CHECK(one == other);
  CHECK(one_scale == other_scale);
}

}  // namespace
}  // namespace triptych::npu
