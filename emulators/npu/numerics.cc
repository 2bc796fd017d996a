// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/numerics.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "kernels/base/aligned.h"
#include "kernels/base/formats.h"
#include "kernels/ref/matmul.h"

namespace triptych::npu {

void RoundRow(std::span<const float> x, int bits, std::span<float> out) {
  if (bits == 0) {
    std::ranges::copy(x, out.begin());
    return;
  }
  std::vector<int8_t> codes(x.size());
  const float scale = QuantizeRowInt<int8_t>(x, bits, codes);
  for (size_t i = 0; i < x.size(); ++i) {
    out[i] = static_cast<float>(codes[i]) * scale;
  }
}

namespace {

// Each row to what its codes stand for.
void RoundRows(const Quantiser& quantiser, size_t group, MatView<float> rows) {
  std::vector<int8_t> codes(rows.cols());
  std::vector<float> scales(rows.cols() / group);
  for (size_t r = 0; r < rows.rows(); ++r) {
    const auto row = rows.row_span(r);
    quantiser.Quantise(row, codes, scales);
    for (size_t c = 0; c < row.size(); ++c) {
      row[c] = static_cast<float>(codes[c]) * scales[c / group];
    }
  }
}

}  // namespace

RoundedWeights::RoundedWeights(const WeightRows& w, const Quantization& q,
                               const QuantiserParams& params,
                               const InputMoments* moments)
    : q_(q) {
  if (q.weight_bits == 0) {
    rows_ = w;
    return;
  }
  const auto group =
      static_cast<size_t>(q.GroupOf(static_cast<int64_t>(w.cols())));
  const auto quantiser =
      std::make_shared<const Quantiser>(params, q.weight_bits, group, moments);
  rows_ = w.Changed([quantiser, group](MatView<float> rows) {
    RoundRows(*quantiser, group, rows);
  });
}

void RoundedWeights::Multiply(ConstMatView<float> a,
                              std::span<const float> bias, MatView<float> c,
                              int threads) const {
  AlignedVector<float> rounded(a.size());
  const MatView<float> view(rounded.data(), a.rows(), a.cols());
  for (size_t r = 0; r < a.rows(); ++r) {
    RoundRow(a.row_span(r), q_.activation_bits, view.row_span(r));
  }
  ForEachTile(rows_, threads, [&](size_t first, ConstMatView<float> rows) {
    ref::Matmul<float>(view, rows, c.Cols(first, rows.rows()));
  });
  if (bias.empty()) return;
  for (size_t r = 0; r < c.rows(); ++r) {
    for (size_t j = 0; j < bias.size(); ++j) c(r, j) += bias[j];
  }
}

}  // namespace triptych::npu
