// What the matrix product promises beyond a right result.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/matmul/matmul.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include "kernels/base/formats.h"
#include "kernels/base/rng.h"
#include "kernels/matmul/variants.h"
#include "kernels/ref/matmul.h"
#include "tests/kernels/normal_matrix.h"
#include "tests/kernels/simd_targets.h"

namespace triptych {
namespace {

TEST_CASE("a row has the same bits alone and in a batch") {
  const size_t n = 83, k = 701;
  const Matrix a(131, k, 1), w(n, k, 2);
  for (const DType dtype : {DType::kF32, DType::kBf16}) {
    const PackedWeights packed = Pack(w.view(), dtype);
    ForEachSimdTarget([&](int64_t target) {
      INFO(hwy::TargetName(target), " ", InfoOf(dtype).name);
      Matrix batch(a.rows, n), alone(1, n);
      Matmul(a.view(), packed, batch.view(), {.threads = 2});
      size_t different = 0;
      for (size_t r = 0; r < a.rows; ++r) {
        Matmul(a.view().Rows(r, 1), packed, alone.view());
        different += !std::ranges::equal(batch.view().row_span(r), alone.data);
      }
      CHECK(different == 0);
    });
  }
}

TEST_CASE("weights set a few rows at a time are those packed at once") {
  // Tails of panels, of units of four bytes and of steps of k.
  for (const auto& [n, k] : {std::pair<size_t, size_t>{83, 701}, {16, 3000},
                             {5, 3}}) {
    const Matrix a(3, k, 1), w(n, k, 2);
    std::vector<int8_t> codes(n * k), a_codes(3 * k);
    for (size_t i = 0; i < codes.size(); ++i) {
      codes[i] = static_cast<int8_t>(25 * w.data[i]);
    }
    for (size_t i = 0; i < a_codes.size(); ++i) {
      a_codes[i] = static_cast<int8_t>(25 * a.data[i]);
    }
    const ConstMatView<int8_t> w8(codes.data(), n, k), a8(a_codes.data(), 3, k);
    PackedWeights i8(n, k, DType::kI8);
    PackedWeights f32(n, k, DType::kF32), bf16(n, k, DType::kBf16);
    for (size_t first = 0; first < n; first += 32) {
      const size_t count = std::min<size_t>(32, n - first);
      f32.SetRows(first, StridedView<float>(w.view().Rows(first, count)));
      bf16.SetRows(first, StridedView<float>(w.view().Rows(first, count)));
      i8.SetRows(first, StridedView<int8_t>(w8.Rows(first, count)));
    }
    Matrix c(3, n), expected(3, n);
    for (const PackedWeights* packed : {&f32, &bf16}) {
      Matmul(a.view(), *packed, c.view());
      Matmul(a.view(), Pack(w.view(), packed->dtype()), expected.view());
      CHECK(c.data == expected.data);
    }
    std::vector<int32_t> c8(3 * n), expected8(3 * n);
    MatmulI8(a8, i8, MatView<int32_t>(c8.data(), 3, n));
    MatmulI8(a8, Pack(w8), MatView<int32_t>(expected8.data(), 3, n));
    CHECK(c8 == expected8);
  }
}

TEST_CASE("f32 results are the same on all targets that fuse") {
  const Matrix a(13, 1000, 3), w(70, 1000, 4);
  const PackedWeights packed = Pack(w.view(), DType::kF32);
  std::vector<std::vector<float>> fused;
  ForEachSimdTarget([&](int64_t target) {
    if ((target & (HWY_SSE2 | HWY_SSSE3 | HWY_SSE4)) != 0) return;
    Matrix c(13, 70);
    Matmul(a.view(), packed, c.view());
    fused.push_back(c.data);
  });
  if (fused.size() < 2) MESSAGE("one fusing target or none: nothing compared");
  for (const auto& c : fused) CHECK(c == fused.front());
}

TEST_CASE("a product with A transposed in place equals that of a copy") {
  const Matrix stored(40, 9, 5), w(20, 40, 6);
  Matrix copied(9, 40), c1(9, 20), c2(9, 20);
  for (size_t r = 0; r < 9; ++r) {
    for (size_t k = 0; k < 40; ++k) copied.view()(r, k) = stored.view()(k, r);
  }
  for (const DType dtype : {DType::kF32, DType::kBf16}) {
    const PackedWeights packed = Pack(w.view(), dtype);
    Matmul(Transposed(stored.view()), packed, c1.view());
    Matmul(copied.view(), packed, c2.view());
    CHECK(c1.data == c2.data);
  }
}

TEST_CASE("few rows of int8, which take panels in turn, are the plain twin's") {
  // Tails of panels, units, chains of lines and steps; seven rows are many.
  for (const auto& [n, k] :
       {std::pair<size_t, size_t>{37, 250}, {16, 4300}, {5, 3}}) {
    Rng rng(n);
    std::vector<int8_t> w(n * k);
    std::vector<uint8_t> a(7 * k);
    for (int8_t& x : w) x = static_cast<int8_t>(rng.Next());
    for (uint8_t& x : a) x = static_cast<uint8_t>(rng.Next());
    const ConstMatView<int8_t> w8(w.data(), n, k);
    const PackedWeights packed = Pack(w8);
    for (size_t rows = 1; rows <= 7; ++rows) {
      const ConstMatView<uint8_t> a8(a.data(), rows, k);
      std::vector<int32_t> expected(rows * n);
      ref::MatmulI8(a8, w8, MatView<int32_t>(expected.data(), rows, n));
      ForEachSimdTarget([&](int64_t target) {
        INFO(hwy::TargetName(target), " rows ", rows, " n ", n, " k ", k);
        std::vector<int32_t> c(rows * n, -1);
        MatmulI8(a8, packed, MatView<int32_t>(c.data(), rows, n));
        CHECK(c == expected);
      });
    }
  }
}

TEST_CASE("int8 wraps modulo 2^32 on every target, and not before") {
  // 255 * -128 * 65793 is the last multiple above -2^31.
  for (const size_t k : {size_t{65792}, size_t{65793}, size_t{65794}}) {
    const std::vector<uint8_t> a(k, 255);
    const std::vector<int8_t> w(k, -128);
    const PackedWeights packed =
        Pack(ConstMatView<int8_t>(w.data(), 1, k));
    const int64_t exact = int64_t{-255 * 128} * static_cast<int64_t>(k);
    ForEachSimdTarget([&](int64_t target) {
      INFO(hwy::TargetName(target), " k ", k);
      int32_t c = 0;
      MatmulI8(ConstMatView<uint8_t>(a.data(), 1, k), packed,
               MatView<int32_t>(&c, 1, 1));
      CHECK(c == static_cast<int32_t>(static_cast<uint32_t>(exact)));
      CHECK((c == exact) == (k <= 65793));
    });
  }
}

TEST_CASE("infinities and NaN pass through") {
  Matrix a(1, 3), w(2, 3), c(1, 2);
  a.data = {1, HUGE_VALF, 2};
  w.data = {1, 1, 1, 1, 0, 1};
  for (const DType dtype : {DType::kF32, DType::kBf16}) {
    const PackedWeights packed = Pack(w.view(), dtype);
    ForEachSimdTarget([&](int64_t target) {
      INFO(hwy::TargetName(target));
      Matmul(a.view(), packed, c.view());
      CHECK(c.data[0] == HUGE_VALF);
      CHECK(std::isnan(c.data[1]));  // infinity * 0
    });
  }
}

TEST_CASE("activations become bf16 as the formats say") {
  const size_t k = 77;
  Matrix a(1, k, 8), identity(k, k), c(1, k);
  for (size_t i = 0; i < k; ++i) identity.view()(i, i) = 1;
  a.data[3] = 1.00390625f;   // a tie: to even, down
  a.data[4] = 1.01171875f;   // a tie: to even, up
  a.data[5] = 3.3e38f;       // near the largest
  const PackedWeights packed = Pack(identity.view(), DType::kBf16);
  ForEachSimdTarget([&](int64_t target) {
    INFO(hwy::TargetName(target));
    Matmul(a.view(), packed, c.view());
    for (size_t i = 0; i < k; ++i) CHECK(c.data[i] == RoundToBf16(a.data[i]));
  });
}

TEST_CASE("floats and the bf16 codes of them give the same bits") {
  for (const size_t k : {size_t{37}, size_t{2050}}) {
    Matrix a(23, k, 1);
    const Matrix w(83, k, 2);
    // What conversions differ in: ties, subnormals, what rounds to infinity.
    const float odd[] = {1.00390625f, 1e-39f, -3e-41f, 3.4e38f, -0.0f};
    std::ranges::copy(odd, a.data.begin());
    std::vector<uint16_t> codes(a.data.size());
    std::ranges::transform(a.data, codes.begin(), Bf16FromF32);
    const PackedWeights packed = Pack(w.view(), DType::kBf16);
    ForEachSimdTarget([&](int64_t target) {
      INFO(hwy::TargetName(target), " k ", k);
      Matrix from_floats(23, 83), from_codes(23, 83);
      Matmul(a.view(), packed, from_floats.view());
      Matmul(StridedView<uint16_t>(codes.data(), 23, k, k, 1), packed,
             from_codes.view());
      CHECK(std::ranges::equal(from_floats.data, from_codes.data,
                               [](float x, float y) {
                                 return std::bit_cast<uint32_t>(x) ==
                                        std::bit_cast<uint32_t>(y);
                               }));
    });
  }
}

TEST_CASE("the bound of a chain is what can be worked out by hand") {
  const double unit = 0x1p-24;
  CHECK(ChainBound(5, {}, unit) == 0);  // nothing added, nothing rounded
  // |1| + 2|2|, then |3| + 2|-3|.
  const double terms[] = {2, -3};
  CHECK(ChainBound(1, terms, unit) == doctest::Approx(14 * unit));
}

}  // namespace
}  // namespace triptych
