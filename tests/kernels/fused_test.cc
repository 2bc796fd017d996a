// Fused operators give the bits of the separate ones, on every SIMD target:
// what a comparison with the reference, within a bound, cannot see.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cstring>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "kernels/activation/activation.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/norm/norm.h"
#include "kernels/quant/quant.h"
#include "kernels/rope/rope.h"
#include "kernels/row_trial.h"
#include "tests/kernels/simd_targets.h"

namespace triptych {
namespace {

constexpr float kEps = 1e-5f;
constexpr size_t kRows = 5;
// Below a vector, around vectors of 4, 8 and 16, and a width with no tail.
constexpr size_t kWidths[] = {1, 3, 17, 64, 65, 200};

template <class T>
bool SameBits(ConstMatView<T> a, ConstMatView<T> b) {
  for (size_t r = 0; r < a.rows(); ++r) {
    if (a.cols() > 0 &&
        std::memcmp(a.row(r), b.row(r), a.cols() * sizeof(T)) != 0) {
      return false;
    }
  }
  return a.rows() == b.rows() && a.cols() == b.cols();
}
template <class T>
bool SameBits(const GuardedMatrix<T>& a, const GuardedMatrix<T>& b) {
  return SameBits(a.view(), b.view());
}

struct Codes {
  explicit Codes(size_t cols) : codes(kRows, cols), scales(kRows) {}
  QuantizedRows view() { return {codes.view(), scales}; }

  GuardedMatrix<int8_t> codes;
  std::vector<float> scales;
};

// Bits: a scale may be NaN.
bool Same(const Codes& a, const Codes& b) {
  return SameBits(a.codes, b.codes) &&
         std::memcmp(a.scales.data(), b.scales.data(), kRows * sizeof(float)) ==
             0;
}

Codes QuantizedOf(const GuardedMatrix<float>& x) {
  Codes result(x.view().cols());
  QuantizeRowsI8(x.view(), result.codes.view(), result.scales);
  return result;
}

// A row of zeros, one with an infinity, one with a NaN, and ordinary ones.
GuardedMatrix<float> Awkward(size_t cols, uint64_t seed) {
  GuardedMatrix<float> x = DrawMatrix(kRows, cols, Rng(seed), 3);
  for (float& v : x.view().row_span(1)) v = 0;
  x.view()(2, cols / 2) = std::numeric_limits<float>::infinity();
  x.view()(3, cols - 1) = std::numeric_limits<float>::quiet_NaN();
  return x;
}

template <class Body>
void OnTargetsAndWidths(const Body& body) {
  ForEachSimdTarget([&](int64_t target) {
    CAPTURE(std::string(hwy::TargetName(target)));
    for (const size_t cols : kWidths) {
      CAPTURE(cols);
      body(cols);
    }
  });
}

// norm(input, out, threads) is RmsNorm or LayerNorm.
template <class Norm>
void CheckNorm(size_t cols, const Norm& norm) {
  const GuardedMatrix<float> x = Awkward(cols, 1);
  const GuardedMatrix<float> residual = DrawMatrix(kRows, cols, Rng(2), 3);
  GuardedMatrix<float> sum(kRows, cols), of_x(kRows, cols), of_sum(kRows, cols);
  for (size_t r = 0; r < kRows; ++r) {
    Add(x.view().row_span(r), residual.view().row_span(r),
        sum.view().row_span(r));
  }
  norm(x.view(), of_x.view(), 1);
  norm(std::as_const(sum).view(), of_sum.view(), 1);
  for (const int threads : {1, 2}) {
    Codes codes(cols);
    norm(x.view(), codes.view(), threads);
    CHECK(Same(codes, QuantizedOf(of_x)));

    GuardedMatrix<float> kept(kRows, cols), y(kRows, cols);
    norm(NormInput(x.view(), residual.view(), kept.view()), y.view(), threads);
    CHECK(SameBits(kept, sum));
    CHECK(SameBits(y, of_sum));

    // The sum takes the place of the residual, as in a residual stream.
    GuardedMatrix<float> stream = residual;
    const MatView<float> s = stream.view();
    norm(NormInput(x.view(), s, s), codes.view(), threads);
    CHECK(SameBits(stream, sum));
    CHECK(Same(codes, QuantizedOf(of_sum)));
    CHECK(codes.codes.Intact());
  }
}

TEST_CASE("a fused norm is an addition, a norm and a quantisation") {
  OnTargetsAndWidths([](size_t cols) {
    const GuardedMatrix<float> weight = DrawMatrix(1, cols, Rng(3), 1);
    const GuardedMatrix<float> bias = DrawMatrix(1, cols, Rng(4), 1);
    const auto w = weight.view().row_span(0), b = bias.view().row_span(0);
    CheckNorm(cols, [&](NormInput in, RowOutput out, int threads) {
      RmsNorm(in, w, kEps, out, threads);
    });
    CheckNorm(cols, [&](NormInput in, RowOutput out, int threads) {
      LayerNorm(in, w, b, kEps, out, threads);
    });
  });
}

TEST_CASE("a quantised gated unit is a gated unit, quantised") {
  OnTargetsAndWidths([](size_t cols) {
    const GuardedMatrix<float> gate = Awkward(cols, 5);
    const GuardedMatrix<float> up = DrawMatrix(kRows, cols, Rng(6), 3);
    for (const Glu f : {Glu::kSilu, Glu::kGeluTanh, Glu::kGeluErf}) {
      GuardedMatrix<float> y(kRows, cols);
      Codes codes(cols);
      GatedUnit(f, gate.view(), up.view(), y.view());
      GatedUnit(f, gate.view(), up.view(), codes.view(), 2);
      CHECK(Same(codes, QuantizedOf(y)));
    }
    GuardedMatrix<float> swiglu(kRows, cols), silu_mul(kRows, cols);
    GatedUnit(Glu::kSilu, gate.view(), up.view(), swiglu.view());
    for (size_t r = 0; r < kRows; ++r) {
      SiluMul(gate.view().row_span(r), up.view().row_span(r),
              silu_mul.view().row_span(r));
    }
    CHECK(SameBits(swiglu, silu_mul));
  });
}

struct Qkv {
  static constexpr size_t kTokens = 9, kHeads = 3, kKvHeads = 2;

  explicit Qkv(size_t head_dim)
      : dim(head_dim),
        rows(DrawMatrix(kTokens, (kHeads + 2 * kKvHeads) * dim, Rng(7), 1)),
        inv_freq(InverseFrequencies(head_dim / 4 * 2, {})) {
    for (size_t t = 0; t < kTokens; ++t) {
      positions.push_back(static_cast<int32_t>(1000 * t));
    }
  }
  size_t q_cols() const { return kHeads * dim; }
  size_t kv_cols() const { return kKvHeads * dim; }

  size_t dim;
  GuardedMatrix<float> rows;
  std::vector<float> inv_freq;
  std::vector<int32_t> positions;
};

// All of it separately: q and k turned, and v as it is.
GuardedMatrix<float> Turned(const Qkv& qkv, RopeStyle style) {
  GuardedMatrix<float> all = qkv.rows;
  Rope(all.view().Cols(0, qkv.q_cols() + qkv.kv_cols()),
       Qkv::kHeads + Qkv::kKvHeads, qkv.dim, qkv.inv_freq, qkv.positions,
       style);
  return all;
}

void CheckAppend(const Qkv& qkv, RopeStyle style, int threads) {
  const GuardedMatrix<float> turned = Turned(qkv, style);
  const auto kv = turned.view().Cols(qkv.q_cols(), 2 * qkv.kv_cols());
  GuardedMatrix<uint16_t> kv_codes(Qkv::kTokens, kv.cols());
  RowsToBf16(kv, kv_codes.view());

  GuardedMatrix<float> q(Qkv::kTokens, qkv.q_cols());
  GuardedMatrix<float> cache(Qkv::kTokens, kv.cols());
  RopeAppend<float>(qkv.rows.view(), qkv.dim, qkv.inv_freq, qkv.positions,
                    style, q.view(), cache.view().Cols(0, qkv.kv_cols()),
                    cache.view().Cols(qkv.kv_cols(), qkv.kv_cols()), threads);
  CHECK(SameBits(std::as_const(q).view(), turned.view().Cols(0, qkv.q_cols())));
  CHECK(SameBits(std::as_const(cache).view(), kv));
  CHECK(q.Intact());

  // q where it comes from, and k and v as bf16.
  GuardedMatrix<float> in_place = qkv.rows;
  GuardedMatrix<uint16_t> codes(Qkv::kTokens, kv.cols());
  RopeAppend<uint16_t>(in_place.view(), qkv.dim, qkv.inv_freq, qkv.positions,
                       style, in_place.view().Cols(0, qkv.q_cols()),
                       codes.view().Cols(0, qkv.kv_cols()),
                       codes.view().Cols(qkv.kv_cols(), qkv.kv_cols()),
                       threads);
  CHECK(SameBits(std::as_const(in_place).view().Cols(0, qkv.q_cols()),
                 turned.view().Cols(0, qkv.q_cols())));
  CHECK(SameBits(codes, kv_codes));
}

TEST_CASE("rotation with append is a rotation, a copy and a conversion") {
  ForEachSimdTarget([&](int64_t target) {
    CAPTURE(std::string(hwy::TargetName(target)));
    for (const size_t head_dim : {8, 20, 64, 70}) {
      CAPTURE(head_dim);
      const Qkv qkv(head_dim);
      for (const RopeStyle style :
           {RopeStyle::kHalf, RopeStyle::kInterleaved}) {
        for (const int threads : {1, 2}) CheckAppend(qkv, style, threads);
      }
    }
  });
}

}  // namespace
}  // namespace triptych
