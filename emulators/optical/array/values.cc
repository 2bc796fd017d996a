// SPDX-License-Identifier: Apache-2.0
#include "emulators/optical/array/values.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "emulators/optical/array/cost.h"
#include "emulators/optical/encode.h"
#include "kernels/base/aligned.h"
#include "kernels/base/parallel.h"
#include "kernels/base/rng.h"

namespace triptych::optical::array {
namespace {

// Codes of `bits` with a sign: 1 is so many steps.
float StepsOf(int64_t bits) {
  return static_cast<float>((int64_t{1} << (bits - 1)) - 1);
}

// `row` to whole steps of its largest; returns what a step stands for.
float ToCodes(std::span<const float> row, float steps, std::span<float> codes) {
  float largest = 0;
  for (const float x : row) largest = std::max(largest, std::abs(x));
  const float to_steps = CodesOfOne(steps, largest);
  for (size_t i = 0; i < row.size(); ++i) {
    codes[i] = std::rint(row[i] * to_steps);
  }
  return largest / steps;
}

void Square(std::span<const float> from, std::span<float> to) {
  for (size_t i = 0; i < from.size(); ++i) to[i] = from[i] * from[i];
}

double MeanSquare(ConstMatView<float> codes) {
  double sum = 0;
  for (size_t r = 0; r < codes.rows(); ++r) {
    for (const float x : codes.row_span(r)) sum += double{x} * x;
  }
  return sum / static_cast<double>(std::max<size_t>(1, codes.size()));
}

// Two normals for one sum.
std::array<double, 2> Normals(const NoiseKey& key, size_t piece, size_t row,
                              size_t col) {
  const auto words =
      Philox({static_cast<uint32_t>(col), static_cast<uint32_t>(row),
              key.product, key.node},
             {key.run[0], key.run[1] ^ static_cast<uint32_t>(piece)});
  const double radius = std::sqrt(-2 * std::log(ToUnit(words[0])));
  const double angle = 2 * std::numbers::pi * ToUnit(words[1]);
  return {radius * std::cos(angle), radius * std::sin(angle)};
}

}  // namespace

ProductNoise NoiseOf(const Params& p) {
  const double s2 = p.input_noise * p.input_noise;
  const double phase = p.phase_noise_deg * std::numbers::pi / 180;
  const double mean = std::exp(-phase * phase / 2);
  const double mean_cos2 = (1 + std::exp(-2 * phase * phase)) / 2;
  return {mean, (1 + s2) * (1 + s2) * mean_cos2 - mean * mean};
}

Encoded Encode(const Params& p, ConstMatView<float> rows) {
  Encoded e{.n = rows.rows(), .k = rows.cols()};
  e.scale.resize(e.n);
  AlignedVector<float> codes(e.n * e.k), squares(e.n * e.k);
  const MatView<float> all(codes.data(), e.n, e.k);
  for (size_t r = 0; r < e.n; ++r) {
    e.scale[r] = ToCodes(rows.row_span(r), StepsOf(p.bits), all.row_span(r));
  }
  Square(codes, squares);
  const ConstMatView<float> all_squares(squares.data(), e.n, e.k);
  const auto terms = static_cast<size_t>(TermsOfSample(p));
  for (size_t k0 = 0; k0 < e.k; k0 += terms) {
    const size_t k = std::min(terms, e.k - k0);
    Encoded::Piece piece{k0, PackedWeights(e.n, k, DType::kF32),
                         PackedWeights(e.n, k, DType::kF32)};
    const ConstMatView<float> part = ConstMatView<float>(all).Cols(k0, k);
    piece.codes.SetRows(0, StridedView<float>(part));
    piece.squares.SetRows(0, StridedView<float>(all_squares.Cols(k0, k)));
    piece.rms = std::sqrt(MeanSquare(part));
    e.pieces.push_back(std::move(piece));
  }
  return e;
}

namespace {

// One conversion of each output.
class Converter {
 public:
  Converter(const Params& p, const NoiseKey& key)
      : p_(p),
        key_(key),
        noise_(NoiseOf(p)),
        noisy_(noise_.variance > 0 || p.output_noise > 0) {}

  // sums += what is read of S, given Q and the full scale of the row.
  void Row(size_t piece, size_t row, std::span<const float> s,
           std::span<const float> q, double full_scale,
           std::span<float> sums) const {
    const double steps = StepsOf(p_.bits);
    for (size_t j = 0; j < s.size(); ++j) {
      double sum = s[j] * noise_.mean;
      if (noisy_) {
        const auto [g1, g2] = Normals(key_, piece, row, j);
        sum += std::sqrt(q[j] * noise_.variance) * g1 +
               p_.output_noise * std::abs(s[j]) * g2;
      }
      if (p_.round_sums && full_scale > 0) {
        const double code = std::rint(sum / full_scale * steps);
        sum = std::clamp(code, -steps, steps) * full_scale / steps;
      }
      sums[j] += static_cast<float>(sum);
    }
  }

 private:
  const Params& p_;
  const NoiseKey& key_;
  ProductNoise noise_;
  bool noisy_;
};

}  // namespace

void Multiply(const Params& p, ConstMatView<float> a, const Encoded& b,
              const NoiseKey& key, int threads, MatView<float> c) {
  const size_t m = a.rows();
  AlignedVector<float> codes(m * b.k), squares(m * b.k), s(m * b.n), q(m * b.n);
  std::vector<float> scale(m);
  const MatView<float> all(codes.data(), m, b.k);
  for (size_t i = 0; i < m; ++i) {
    scale[i] = ToCodes(a.row_span(i), StepsOf(p.bits), all.row_span(i));
    std::ranges::fill(c.row_span(i), 0.0f);
  }
  Square(codes, squares);
  const ConstMatView<float> all_squares(squares.data(), m, b.k);
  const MatView<float> s_view(s.data(), m, b.n), q_view(q.data(), m, b.n);
  const Converter converter(p, key);
  for (size_t t = 0; t < b.pieces.size(); ++t) {
    const Encoded::Piece& piece = b.pieces[t];
    const size_t k = piece.codes.k();
    const ConstMatView<float> part = ConstMatView<float>(all).Cols(piece.k0, k);
    Matmul(part, piece.codes, s_view);
    Matmul(all_squares.Cols(piece.k0, k), piece.squares, q_view);
    ParallelFor(m, threads, [&](size_t i) {
      double norm2 = 0;
      for (const float x : part.row_span(i)) norm2 += double{x} * x;
      converter.Row(t, i, s_view.row_span(i), q_view.row_span(i),
                    p.adc_clip_sigma * piece.rms * std::sqrt(norm2),
                    c.row_span(i));
    });
  }
  for (size_t i = 0; i < m; ++i) {
    for (size_t j = 0; j < b.n; ++j) c(i, j) *= scale[i] * b.scale[j];
  }
}

}  // namespace triptych::optical::array
