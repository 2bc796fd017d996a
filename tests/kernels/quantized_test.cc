// What products with quantised weights promise beyond a right result.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/matmul/quantized.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "kernels/base/rng.h"
#include "tests/kernels/normal_matrix.h"
#include "tests/kernels/simd_targets.h"

namespace triptych {
namespace {

constexpr CodeFormat kFormats[] = {{8, CodeFormat::kWholeRow},
                                   {8, 32},
                                   {4, CodeFormat::kWholeRow},
                                   {4, 32},
                                   {4, 64},
                                   {4, 128}};

// The largest |x| of the group that column k is in.
float GroupMost(std::span<const float> row, CodeFormat format, size_t k) {
  const size_t group =
      format.group == CodeFormat::kWholeRow ? row.size() : format.group;
  float most = 0;
  for (size_t i = k / group * group;
       i < std::min(row.size(), (k / group + 1) * group); ++i) {
    most = std::max(most, std::abs(row[i]));
  }
  return most;
}

TEST_CASE("a weight is off by half a step, and what f16 takes off the step") {
  Matrix w(35, 5003, 1);
  for (float& x : w.view().row_span(1)) x *= 1e-12f;  // far below f16
  for (float& x : w.view().row_span(2)) x = 0;
  for (const CodeFormat format : kFormats) {
    INFO("bits ", format.bits, " group ", format.group);
    const QuantizedWeights packed = Quantize(w.view(), format, 2);
    const double qmax = format.bits == 4 ? 7 : 127;
    size_t wrong = 0, inexact = 0;
    for (size_t r = 0; r < w.rows; ++r) {
      const auto row = std::as_const(w).view().row_span(r);
      const double row_most = GroupMost(row, {8, CodeFormat::kWholeRow}, 0);
      for (size_t k = 0; k < w.cols; ++k) {
        // f16 keeps 11 bits of a step, or 2^-25 of the row's largest: that
        // moves a code of up to qmax by qmax times as much.
        const double step = GroupMost(row, format, k) / qmax;
        const double lost = std::max(step * 0x1p-11, row_most * 0x1p-24);
        const double error = std::abs(packed.Value(r, k) - row[k]);
        wrong += error > step / 2 * (1 + 0x1p-10) + qmax * lost;
        inexact += error > 0;
      }
    }
    CHECK(wrong == 0);
    CHECK(inexact > w.rows * w.cols / 2);  // there was something to round
  }
}

TEST_CASE("weights that are not finite make their column so, and no other") {
  Matrix a(2, 64, 3), w(3, 64, 4), c(2, 3);
  w.view()(1, 40) = HUGE_VALF;
  for (const CodeFormat format : kFormats) {
    Matmul(a.view(), Quantize(w.view(), format), c.view());
    for (size_t r = 0; r < 2; ++r) {
      CHECK(std::isfinite(c.view()(r, 0)));
      CHECK(std::isnan(c.view()(r, 1)));
      CHECK(std::isfinite(c.view()(r, 2)));
    }
  }
}

TEST_CASE("a quantised row has the same bits alone and in a batch") {
  const size_t n = 83, k = 2701;
  const Matrix a(131, k, 1), w(n, k, 2);
  for (const CodeFormat format : kFormats) {
    const QuantizedWeights packed = Quantize(w.view(), format);
    ForEachSimdTarget([&](int64_t target) {
      INFO(hwy::TargetName(target), " bits ", format.bits);
      Matrix batch(a.rows, n), alone(1, n);
      size_t different = 0;
      for (const auto kind : {Activations::kInt8, Activations::kBf16}) {
        Matmul(a.view(), packed, batch.view(),
               {.threads = 2, .activations = kind});
        for (size_t r = 0; r < a.rows; r += 13) {
          Matmul(a.view().Rows(r, 1), packed, alone.view(),
                 {.activations = kind});
          different +=
              !std::ranges::equal(batch.view().row_span(r), alone.data);
        }
      }
      CHECK(different == 0);
    });
  }
}

TEST_CASE("sums of small integers are exact on every target") {
  // Scales of 1 and activations that are their own codes: f32 rounds nothing.
  const size_t m = 7, n = 50, k = 4500;
  Matrix a(m, k);
  std::vector<int8_t> codes(n * k);
  Rng rng(5);
  for (float& x : a.data) x = static_cast<float>(rng.Next() % 255) - 127.f;
  for (size_t r = 0; r < m; ++r) a.view()(r, 0) = 127;  // so the scale is 1
  for (int8_t& q : codes) q = static_cast<int8_t>(rng.Next() % 16) - 8;
  for (const CodeFormat format : kFormats) {
    QuantizedWeights packed(n, k, format);
    std::vector<float> scales(n * packed.groups(), 1.f), w_scale(n, 1.f);
    packed.SetRows(0, ConstMatView<int8_t>(codes.data(), n, k),
                   {scales.data(), n, packed.groups()}, w_scale);
    ForEachSimdTarget([&](int64_t target) {
      INFO(hwy::TargetName(target), " bits ", format.bits);
      Matrix c(m, n);
      Matmul(a.view(), packed, c.view());
      size_t wrong = 0;
      for (size_t r = 0; r < m; ++r) {
        for (size_t j = 0; j < n; ++j) {
          int64_t sum = 0;
          for (size_t i = 0; i < k; ++i) {
            sum += int64_t(a.view()(r, i)) * codes[j * k + i];
          }
          wrong += c.view()(r, j) != static_cast<float>(sum);
        }
      }
      CHECK(wrong == 0);
    });
  }
}

TEST_CASE("rows that come in int8 give the bits of the floats they are of") {
  for (const size_t k : {size_t{64}, size_t{301}}) {  // whole groups and not
    const Matrix a(9, k, 5), w(40, k, 6);
    std::vector<int8_t> codes(9 * k);
    std::vector<float> scales(9);
    const QuantizedRows rows{{codes.data(), 9, k}, scales};
    QuantizeRowsI8(a.view(), rows.codes, rows.scales);
    for (const CodeFormat format : kFormats) {
      const QuantizedWeights packed = Quantize(w.view(), format);
      Matrix from_floats(9, 40), from_codes(9, 40);
      Matmul(a.view(), packed, from_floats.view());
      Matmul(rows, packed, from_codes.view(), {.threads = 2});
      CHECK(from_floats.data == from_codes.data);
    }
  }
}

TEST_CASE("the residual may be the result, and A may be transposed") {
  const Matrix stored(300, 9, 5), w(40, 300, 6);
  Matrix a(9, 300), plain(9, 40), c(9, 40, 7);
  for (size_t r = 0; r < 9; ++r) {
    for (size_t k = 0; k < 300; ++k) a.view()(r, k) = stored.view()(k, r);
  }
  const Matrix before = c;
  const QuantizedWeights packed = Quantize(w.view(), {4, 32});
  Matmul(a.view(), packed, plain.view());
  Matmul(Transposed(stored.view()), packed, c.view(), {.residual = c.view()});
  for (size_t i = 0; i < c.data.size(); ++i) {
    CHECK(c.data[i] == plain.data[i] + before.data[i]);
  }
}

}  // namespace
}  // namespace triptych
