// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/numerics.h"

#include <algorithm>

#include "kernels/base/formats.h"
#include "kernels/base/parallel.h"
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

// Each group of each row under a scale of its own.
void RoundGroups(MatView<float> rows, size_t group, int bits) {
  for (size_t r = 0; r < rows.rows(); ++r) {
    for (size_t c = 0; c < rows.cols(); c += group) {
      const auto part = rows.row_span(r).subspan(c, group);
      RoundRow(part, bits, part);
    }
  }
}

}  // namespace

QuantizedWeights::QuantizedWeights(const WeightRows& w, const Quantization& q,
                                   int threads)
    : q_(q),
      n_(static_cast<int64_t>(w.rows())),
      group_(q.GroupOf(static_cast<int64_t>(w.cols()))) {
  const auto group = static_cast<size_t>(group_);
  if (!q.integer()) {
    rounded_ = w.Changed([group, bits = q.weight_bits](MatView<float> rows) {
      RoundGroups(rows, group, bits);
    });
    return;
  }
  const size_t groups = group > 0 ? w.cols() / group : 0;
  scales_.resize(groups * w.rows());
  for (size_t g = 0; g < groups; ++g) {
    groups_.emplace_back(w.rows(), group, DType::kI8);
  }
  ForEachTile(w, threads, [&](size_t first, ConstMatView<float> rows) {
    AlignedVector<int8_t> codes(rows.rows() * group);
    const MatView<int8_t> view(codes.data(), rows.rows(), group);
    for (size_t g = 0; g < groups; ++g) {
      for (size_t r = 0; r < rows.rows(); ++r) {
        scales_[g * w.rows() + first + r] =
            QuantizeRowInt<int8_t>(rows.row_span(r).subspan(g * group, group),
                                   q.weight_bits, view.row_span(r));
      }
      groups_[g].SetRows(first, StridedView<int8_t>(view));
    }
  });
}

void QuantizedWeights::MultiplyInteger(ConstMatView<float> a, MatView<float> c,
                                       int threads) const {
  const auto n = static_cast<size_t>(n_);
  const auto group = static_cast<size_t>(group_);
  AlignedVector<int8_t> codes(a.size());
  const MatView<int8_t> view(codes.data(), a.rows(), a.cols());
  std::vector<float> row_scale(a.rows());
  ParallelFor(a.rows(), threads, [&](size_t r) {
    row_scale[r] = QuantizeRowInt<int8_t>(a.row_span(r), q_.activation_bits,
                                          view.row_span(r));
  });
  AlignedVector<int32_t> acc(a.rows() * n);
  const MatView<int32_t> sums(acc.data(), a.rows(), n);
  for (size_t g = 0; g < groups_.size(); ++g) {
    MatmulI8(StridedView<int8_t>(view.Cols(g * group, group)), groups_[g], sums,
             threads);
    const float* scale = scales_.data() + g * n;
    const bool last = g + 1 == groups_.size();
    ParallelFor(a.rows(), threads, [&](size_t r) {
      float* out = c.row(r);
      for (size_t j = 0; j < n; ++j) {
        const float part = static_cast<float>(sums(r, j)) * scale[j];
        out[j] = g == 0 ? part : out[j] + part;
      }
      if (!last) return;
      for (size_t j = 0; j < n; ++j) out[j] *= row_scale[r];
    });
  }
}

void QuantizedWeights::MultiplyRounded(ConstMatView<float> a, MatView<float> c,
                                       int threads) const {
  AlignedVector<float> rounded(a.size());
  const MatView<float> view(rounded.data(), a.rows(), a.cols());
  for (size_t r = 0; r < a.rows(); ++r) {
    RoundRow(a.row_span(r), q_.activation_bits, view.row_span(r));
  }
  ForEachTile(rounded_, threads, [&](size_t first, ConstMatView<float> rows) {
    ref::Matmul<float>(view, rows, c.Cols(first, rows.rows()));
  });
}

void QuantizedWeights::Multiply(ConstMatView<float> a,
                                std::span<const float> bias, MatView<float> c,
                                int threads) const {
  if (q_.integer()) {
    MultiplyInteger(a, c, threads);
  } else {
    MultiplyRounded(a, c, threads);
  }
  if (bias.empty()) return;
  for (size_t r = 0; r < c.rows(); ++r) {
    for (size_t j = 0; j < bias.size(); ++j) c(r, j) += bias[j];
  }
}

}  // namespace triptych::npu
