// Values of the matrix unit: exact cases, derived bounds, and independence
// of everything that must not matter.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/tile_matmul.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "kernels/base/formats.h"
#include "kernels/base/rng.h"
#include "kernels/ref/matmul.h"

namespace triptych::mesh {
namespace {

struct Matrix {
  Matrix(size_t rows, size_t cols)
      : data(rows * cols), view(data.data(), rows, cols) {}
  std::vector<float> data;
  MatView<float> view;
};

Matrix Normal(size_t rows, size_t cols, uint64_t seed) {
  Matrix m(rows, cols);
  Rng rng(seed);
  for (float& x : m.data) x = RoundToBf16(static_cast<float>(rng.Normal()));
  return m;
}

Matrix Integers(size_t rows, size_t cols, int most, uint64_t seed) {
  Matrix m(rows, cols);
  Rng rng(seed);
  const auto range = static_cast<uint32_t>(2 * most + 1);
  for (float& x : m.data) {
    x = static_cast<float>(static_cast<int>(rng.Below(range)) - most);
  }
  return m;
}

Matrix Product(const Matrix& a, const Matrix& w, DType format, FpuMode mode,
               int threads = 1) {
  Matrix c(a.view.rows(), w.view.rows());
  const TiledWeights tiled(ConstMatView<float>(w.view), format, threads);
  TileMatmul(a.view, tiled, mode, threads, c.view);
  return c;
}

Matrix Exact(const Matrix& a, const Matrix& w) {
  Matrix c(a.view.rows(), w.view.rows());
  ref::Matmul<float>(a.view, w.view, c.view);
  return c;
}

}  // namespace

TEST_CASE("mesh values: integers that fit one phase are exact") {
  // 5-bit weights, 7-bit activations, sums below 2^24.
  const Matrix a = Integers(5, 70, 127, 1), w = Integers(40, 70, 31, 2);
  const Matrix c = Product(a, w, DType::kBf16, {1, true});
  CHECK(c.data == Exact(a, w).data);
}

TEST_CASE("mesh values: four phases make 8-bit products exact") {
  const Matrix a = Integers(3, 64, 255, 3), w = Integers(33, 64, 255, 4);
  CHECK(Product(a, w, DType::kBf16, {4, true}).data == Exact(a, w).data);
}

TEST_CASE("mesh values: fewer phases cut significands off") {
  const Matrix a = Integers(3, 48, 255, 5), w = Integers(20, 48, 255, 6);
  Matrix cut_a = a, cut_w = w;
  cut_a.view = MatView<float>(cut_a.data.data(), 3, 48);
  cut_w.view = MatView<float>(cut_w.data.data(), 20, 48);
  for (float& x : cut_a.data) x = KeepBits(x, 7);
  CHECK(Product(a, w, DType::kBf16, {2, true}).data == Exact(cut_a, w).data);
  for (float& x : cut_w.data) x = KeepBits(x, 5);
  CHECK(Product(a, w, DType::kBf16, {1, true}).data ==
        Exact(cut_a, cut_w).data);
  CHECK(KeepBits(31.0f, 5) == 31.0f);
  CHECK(KeepBits(63.0f, 5) == 62.0f);
  CHECK(KeepBits(-255.0f, 7) == -254.0f);
}

TEST_CASE("mesh values: rounding stays within the bound of its order") {
  for (const size_t k : {1, 15, 16, 33, 172, 512}) {
    const Matrix a = Normal(4, k, 10 + k), w = Normal(37, k, 20 + k);
    for (const bool f32 : {false, true}) {
      for (const int phases : {1, 2, 3, 4}) {
        const Matrix c = Product(a, w, DType::kBf16, {phases, f32});
        // Additions into Dst, each rounded; a face's own sum in f32.
        const double adds = std::ceil(static_cast<double>(k) / 32) * 2 * phases;
        const double unit = f32 ? 0x1p-24 : 0x1p-9;
        const double gamma =
            adds * unit / (1 - adds * unit) + 16 * 0x1p-24 * 1.1;
        // What the phases left out: below 2^-4 of a weight, 2^-6 of an
        // activation.
        const double cut = (phases < 2 ? 0x1p-4 : 0.0) + (phases < 3   ? 0x1p-6
                                                          : phases < 4 ? 0x1p-10
                                                                       : 0.0);
        double worst = 0;
        for (size_t r = 0; r < c.view.rows(); ++r) {
          for (size_t n = 0; n < c.view.cols(); ++n) {
            double exact = 0, size = 0;
            for (size_t i = 0; i < k; ++i) {
              const double x = static_cast<double>(a.view(r, i)) * w.view(n, i);
              exact += x;
              size += std::abs(x);
            }
            worst = std::max(worst, std::abs(c.view(r, n) - exact) / size);
          }
        }
        CAPTURE(k);
        CAPTURE(phases);
        CAPTURE(f32);
        CHECK(worst <= gamma + cut);
        // The bound is not idle: what is cut off shows.
        if (phases == 1 && k >= 172) CHECK(worst > 1e-4);
      }
    }
  }
}

TEST_CASE("mesh values: bfp weights share exponents along the outputs") {
  const Matrix w = Normal(40, 7, 30);
  Matrix identity(7, 7);
  for (size_t i = 0; i < 7; ++i) identity.view(i, i) = 1;
  for (const DType format : {DType::kBfp8, DType::kBfp4}) {
    const Matrix c = Product(identity, w, format, {4, true});
    const int bits = format == DType::kBfp8 ? 7 : 3;
    for (size_t k = 0; k < 7; ++k) {
      std::vector<float> column(40);
      for (size_t n = 0; n < 40; ++n) column[n] = w.view(n, k);
      RoundRowToBfp(column, bits);
      for (size_t n = 0; n < 40; ++n) CHECK(c.view(k, n) == column[n]);
    }
    Matrix rounded = w;
    rounded.view = MatView<float>(rounded.data.data(), 40, 7);
    RoundWeights(format, rounded.view);
    CHECK(rounded.view(39, 6) == c.view(6, 39));
  }
}

TEST_CASE("mesh values: neither threads nor other rows change a bit") {
  const Matrix a = Normal(9, 100, 40), w = Normal(130, 100, 41);
  const FpuMode mode{2, false};
  const Matrix all = Product(a, w, DType::kBfp8, mode, 1);
  CHECK(Product(a, w, DType::kBfp8, mode, 3).data == all.data);
  for (const size_t r : {0, 8}) {
    Matrix one(1, 100);
    std::copy_n(a.view.row(r), 100, one.data.begin());
    const Matrix c = Product(one, w, DType::kBfp8, mode);
    for (size_t n = 0; n < 130; ++n) CHECK(c.view(0, n) == all.view(r, n));
  }
}

TEST_CASE("mesh values: what is not finite stays visible") {
  Matrix a = Normal(2, 20, 50);
  const Matrix w = Normal(4, 20, 51);
  a.view(0, 3) = INFINITY;
  a.view(1, 3) = NAN;
  const Matrix c = Product(a, w, DType::kBf16, {4, false});
  for (size_t n = 0; n < 4; ++n) {
    CHECK_FALSE(std::isfinite(c.view(0, n)));
    CHECK(std::isnan(c.view(1, n)));
  }
}

}  // namespace triptych::mesh
