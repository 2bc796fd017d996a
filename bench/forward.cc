// SPDX-License-Identifier: Apache-2.0
#include "bench/forward.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "kernels/activation/activation.h"
#include "kernels/base/parallel.h"
#include "kernels/base/rng.h"
#include "kernels/matmul/variants.h"
#include "kernels/norm/norm.h"
#include "kernels/quant/quant.h"
#include "kernels/rope/rope.h"

namespace triptych::bench {
namespace {

constexpr float kEps = 1e-5f;

// W[n,k] of codes drawn evenly, scaled so that products keep the size of what
// goes in.
QuantizedWeights Draw(size_t n, size_t k, CodeFormat format, Rng rng,
                      int threads) {
  constexpr size_t kPiece = 16;  // rows
  QuantizedWeights w(n, k, format);
  const double qmax = format.bits == 4 ? 8 : 128;
  const auto scale = static_cast<float>(
      1 / (std::sqrt(static_cast<double>(k)) * qmax / std::sqrt(3.)));
  ParallelFor(CeilDiv(n, kPiece), threads, [&](size_t piece) {
    const size_t first = piece * kPiece, rows = std::min(kPiece, n - first);
    std::vector<int8_t> codes(rows * k);
    for (size_t i = 0; i < codes.size(); i += 16) {
      const auto words = rng.At((first * k + i) / 16);
      for (size_t j = 0; j < 16 && i + j < codes.size(); ++j) {
        const auto byte = static_cast<int8_t>(words[j / 4] >> (j % 4 * 8));
        codes[i + j] = static_cast<int8_t>(byte >> (8 - format.bits));
      }
    }
    const std::vector<float> groups(rows * w.groups(), 1.f);
    const std::vector<float> scales(rows, scale);
    w.SetRows(first, ConstMatView<int8_t>(codes.data(), rows, k),
              {groups.data(), rows, w.groups()}, scales);
  });
  return w;
}

}  // namespace

// Elements of products against their sums in f64.
struct Forward::Check {
  Rng rng;
  Verdict verdict;
  size_t products = 0;

  // `before` is what C held, where the product adds to it.
  void Look(const QuantizedRows& a, const QuantizedWeights& w,
            const std::vector<float>& before, ConstMatView<float> c) {
    constexpr int kSamples = 8;
    ++products;
    for (int i = 0; i < kSamples && verdict.ok; ++i) {
      const size_t r = rng.Next() % c.rows(), j = rng.Next() % c.cols();
      const double start = before.empty() ? 0 : before[r * c.cols() + j];
      const std::vector<double> got = {c(r, j)};
      const std::vector<Expected> want = {Element(a, w, start, r, j)};
      verdict = Compare(got, want);
      if (!verdict.ok) {
        verdict.detail = "product " + std::to_string(products) + " row " +
                         std::to_string(r) + " output " + std::to_string(j) +
                         ": " + verdict.detail;
      }
    }
  }

  // As QuantizedWeights' product: exact sums of groups, added in order in f32,
  // scaled (two roundings), and added to the residual (one).
  static Expected Element(const QuantizedRows& a, const QuantizedWeights& w,
                          double start, size_t r, size_t j) {
    constexpr double kRounding = 0x1p-24;
    std::vector<double> groups(w.groups());
    for (size_t k = 0; k < w.k(); ++k) {
      groups[k / w.group()] += a.codes(r, k) * w.Value(j, k);
    }
    const double sum = std::accumulate(groups.begin(), groups.end(), 0.);
    const double scale = a.scales[r];
    // Twice: integers beyond 24 bits are rounded on their way into f32.
    const double chain = 2 * ChainBound(0, groups, kRounding);
    double bound = std::abs(scale) * (chain + 3 * kRounding * std::abs(sum));
    const double value = scale * sum + start;
    bound += kRounding * (std::abs(value) + bound);
    return {value, bound};
  }
};

Forward::Forward(const ForwardShape& shape, CodeFormat format, size_t context,
                 uint64_t seed, int threads)
    : shape_(shape),
      norm_(shape.width, 1.f),
      inv_freq_(InverseFrequencies(shape.head_dim(), {.theta = 5e5})) {
  uint64_t stream = 0;
  const auto draw = [&](size_t n, size_t k) {
    return Draw(n, k, format, Rng(seed, stream++), threads);
  };
  const size_t d = shape.width, kv = shape.kv_heads * shape.head_dim();
  for (size_t l = 0; l < shape.layers; ++l) {
    layers_.push_back(
        {.qkv = draw(d + 2 * kv, d),
         .o = draw(d, d),
         .gate_up = draw(2 * shape.ffn, d),
         .down = draw(d, shape.ffn),
         .cache = KvCache(shape.kv_heads, shape.head_dim(), shape.head_dim(),
                          context, DType::kBf16)});
  }
  head_ = draw(shape.vocabulary, d);
}

MatView<float> Forward::Rows(AlignedVector<float>& room, size_t rows,
                             size_t cols) {
  if (room.size() < rows * cols) room.resize(rows * cols);
  return {room.data(), rows, cols};
}

QuantizedRows Forward::Codes(size_t rows, size_t cols) {
  // An odd number of cache lines: rows a power of two apart share cache sets.
  const size_t stride = (CeilDiv(cols, kCacheLine) | 1) * kCacheLine;
  if (codes_.size() < rows * stride) codes_.resize(rows * stride);
  if (scales_.size() < rows) scales_.resize(rows);
  return {MatView<int8_t>(codes_.data(), rows, cols, stride),
          std::span(scales_).first(rows)};
}

void Forward::Product(const QuantizedRows& a, const QuantizedWeights& w,
                      MatView<float> c, ConstMatView<float> residual) {
  std::vector<float> before;
  if (check_ != nullptr && residual.data() != nullptr) {
    before.assign(c.data(), c.data() + c.size());
  }
  Matmul(a, w, c, {.threads = threads_, .residual = residual});
  if (check_ != nullptr) check_->Look(a, w, before, c);
}

void Forward::Attend(Layer& layer, MatView<float> x) {
  const size_t t = x.rows(), d = shape_.width, dim = shape_.head_dim();
  const size_t kv = shape_.kv_heads * dim, past = layer.cache.length();
  const QuantizedRows codes = Codes(t, d);
  RmsNorm(x, norm_, kEps, codes, threads_);
  const MatView<float> qkv = Rows(qkv_, t, d + 2 * kv);
  Product(codes, layer.qkv, qkv, {});
  positions_.resize(t);
  std::iota(positions_.begin(), positions_.end(), static_cast<int32_t>(past));
  const MatView<float> q = qkv.Cols(0, d);
  const MatView<float> k = Rows(k_, t, kv), v = Rows(v_, t, kv);
  RopeAppend<float>(qkv, dim, inv_freq_, positions_, RopeStyle::kHalf, q, k, v,
                    threads_);
  layer.cache.Append(k, v, threads_);
  const MatView<float> attended = Rows(attended_, t, d);
  Attention({.heads = shape_.heads,
             .kv_heads = shape_.kv_heads,
             .head_dim = dim,
             .v_dim = dim,
             .scale = 1 / std::sqrt(static_cast<double>(dim)),
             .past = past},
            q, layer.cache, attended, threads_);
  QuantizeRowsI8(attended, codes.codes, codes.scales, threads_);
  Product(codes, layer.o, x, x);
}

void Forward::FeedForward(const Layer& layer, MatView<float> x) {
  const size_t t = x.rows(), ffn = shape_.ffn;
  const QuantizedRows codes = Codes(t, shape_.width);
  RmsNorm(x, norm_, kEps, codes, threads_);
  const MatView<float> gate_up = Rows(gate_up_, t, 2 * ffn);
  Product(codes, layer.gate_up, gate_up, {});
  const QuantizedRows gated = Codes(t, ffn);
  GatedUnit(Glu::kSilu, gate_up.Cols(0, ffn), gate_up.Cols(ffn, ffn), gated,
            threads_);
  Product(gated, layer.down, x, x);
}

std::span<const float> Forward::Step(MatView<float> x, int threads) {
  threads_ = threads;
  for (Layer& layer : layers_) {
    Attend(layer, x);
    FeedForward(layer, x);
  }
  const QuantizedRows codes = Codes(1, shape_.width);
  RmsNorm(x.Rows(x.rows() - 1, 1), norm_, kEps, codes, threads);
  const MatView<float> logits = Rows(logits_, 1, shape_.vocabulary);
  Product(codes, head_, logits, {});
  return logits.row_span(0);
}

Verdict Forward::CheckedStep(MatView<float> x, uint64_t seed) {
  Check check{.rng = Rng(seed), .verdict = {}};
  check_ = &check;
  Step(x, MaxThreads());
  check_ = nullptr;
  return check.verdict;
}

ProblemWork Forward::ProductWork(size_t tokens, size_t past) const {
  size_t weights = head_.n() * head_.k(), bytes = head_.bytes();
  const size_t head = weights;
  for (const Layer& l : layers_) {
    for (const QuantizedWeights* w : {&l.qkv, &l.o, &l.gate_up, &l.down}) {
      weights += w->n() * w->k();
      bytes += w->bytes();
    }
  }
  const size_t kv = shape_.kv_heads * shape_.head_dim() * 2 * sizeof(uint16_t);
  return {Flops(2 * (tokens * (weights - head) + head)),
          Bytes(bytes + layers_.size() * kv * (past + tokens))};
}

}  // namespace triptych::bench
