// SPDX-License-Identifier: Apache-2.0
#include "kernels/attention/variants.h"

#include "kernels/attention/attention.h"
#include "kernels/ref/attention.h"
#include "kernels/row_trial.h"

namespace triptych {
namespace {

// Sizes: heads kv_heads head_dim v_dim tokens context. Causal queries are the
// last of the context.
AttentionShape ShapeOf(const ProblemShape& s, bool causal) {
  return {.heads = s[0],
          .kv_heads = s[1],
          .head_dim = s[2],
          .v_dim = s[3],
          .scale = 1 / std::sqrt(double(s[2])),
          .causal = causal,
          .past = causal ? s[5] - s[4] : 0};
}

template <bool kCausal>
class AttentionTrial : public Trial {
 public:
  AttentionTrial(const ProblemShape& s, uint64_t seed)
      : shape_(ShapeOf(s, kCausal)),
        q_(DrawMatrix(s[4], s[0] * s[2], Rng(seed, 0), 2)),
        k_(DrawMatrix(s[5], s[1] * s[2], Rng(seed, 1), 1)),
        v_(DrawMatrix(s[5], s[1] * s[3], Rng(seed, 2), 1)),
        out_(s[4], s[0] * s[3]) {}

  void Run(int threads) override {
    const GuardedMatrix<float>& v = spoiled_ ? *spoiled_ : v_;
    Attention(shape_, q_.view(), {k_.view(), v.view()}, out_.view(), threads);
  }
  size_t rows() const override { return out_.view().rows(); }
  std::vector<double> Output(size_t row) const override {
    const auto result = out_.view().row_span(row);
    return {result.begin(), result.end()};
  }
  bool GuardsIntact() const override { return out_.Intact(); }

  std::vector<Expected> Reference(size_t row) const override {
    AttentionShape shape = shape_;
    if (kCausal) shape.past += row;  // alone, it comes after the others
    const std::vector<double> q = Doubles(q_, row, 1);
    const std::vector<double> k = Doubles(k_, 0, k_.view().rows());
    const std::vector<double> v = Doubles(v_, 0, v_.view().rows());
    std::vector<double> out(out_.view().cols());
    const ConstMatView<double> q_view(q.data(), 1, q.size());
    const ConstMatView<double> k_view(k.data(), k_.view().rows(),
                                      k_.view().cols());
    const ConstMatView<double> v_view(v.data(), v_.view().rows(),
                                      v_.view().cols());
    ref::Attention(shape, q_view, k_view, v_view,
                   MatView<double>(out.data(), 1, out.size()));
    std::vector<Expected> expected;
    for (size_t h = 0; h < shape.heads; ++h) {
      AppendHead(shape, h, q_view, k_view, v_view, out, expected);
    }
    return expected;
  }

  // The last key that row 0 sees lends its value to nobody.
  bool Sabotage() override {
    if (rows() == 0 || out_.view().cols() == 0) return false;
    spoiled_ = std::make_unique<GuardedMatrix<float>>(v_);
    const size_t last = kCausal ? shape_.past : v_.view().rows() - 1;
    for (float& x : spoiled_->view().row_span(last)) x = 0;
    return true;
  }

 private:
  static std::vector<double> Doubles(const GuardedMatrix<float>& m,
                                     size_t first, size_t count) {
    std::vector<double> values;
    for (size_t r = first; r < first + count; ++r) {
      const auto row = m.view().row_span(r);
      values.insert(values.end(), row.begin(), row.end());
    }
    return values;
  }

  // A weight is off by what its score is off: two roundings of the query's
  // scale and two a term of the product, relative to the terms' magnitudes;
  // by the rounding of score minus maximum, as large as that is; and by the
  // 2 units of exp2. `error` is the largest of these. It enters an output
  // twice, in the weight and in the sum of weights, times the mean of |v|;
  // then come the roundings of the two sums over keys, of each rescaling
  // (3 a tile of 64 keys) and of the division.
  static void AppendHead(const AttentionShape& shape, size_t h,
                         ConstMatView<double> q, ConstMatView<double> k,
                         ConstMatView<double> v, const std::vector<double>& out,
                         std::vector<Expected>& expected) {
    const size_t keys = shape.causal ? shape.past + 1 : k.rows();
    const size_t kv_head = h / (shape.heads / shape.kv_heads);
    std::vector<double> score(keys), mean(shape.v_dim);
    double error = 0, max = -INFINITY, sum = 0;
    for (size_t s = 0; s < keys; ++s) {
      double magnitude = 0;
      for (size_t i = 0; i < shape.head_dim; ++i) {
        const double term = q(0, h * shape.head_dim + i) *
                            k(s, kv_head * shape.head_dim + i) * shape.scale;
        score[s] += term;
        magnitude += std::abs(term);
      }
      max = std::max(max, score[s]);
      error = std::max(
          error, (2 * static_cast<double>(shape.head_dim) + 2) * magnitude);
    }
    double depth = 0;
    for (double& s : score) {
      depth = std::max(depth, max - s);
      s = std::exp(s - max);
      sum += s;
    }
    error += 1.5 * depth + 2;
    for (size_t s = 0; s < keys; ++s) {
      for (size_t i = 0; i < shape.v_dim; ++i) {
        mean[i] += score[s] / sum * std::abs(v(s, kv_head * shape.v_dim + i));
      }
    }
    const double n = static_cast<double>(keys);
    const double roundings = 2 * error + 4 * n + 6 * (n / 64 + 1) + 2;
    for (size_t i = 0; i < shape.v_dim; ++i) {
      expected.push_back({out[h * shape.v_dim + i],
                          mean[i] * roundings * kUnit + kSmallestNormal});
    }
  }

  AttentionShape shape_;
  GuardedMatrix<float> q_, k_, v_, out_;
  std::unique_ptr<GuardedMatrix<float>> spoiled_;
};

// Around the edges of register tiles (6 rows), key tiles (64) and tasks (192
// rows), with every tail of the features; latent attention's unequal widths.
std::vector<ProblemShape> TestShapes() {
  std::vector<ProblemShape> shapes = {{2, 1, 8, 8, 0, 3}};
  for (const size_t tokens : {1, 2, 3, 5, 6, 7, 13}) {
    for (const size_t past : {0, 1, 50, 63, 64, 140}) {
      shapes.push_back({4, 2, 16, 16, tokens, past + tokens});
    }
  }
  for (size_t dim = 1; dim <= 36; ++dim) {
    shapes.push_back({2, 2, dim, dim, 3, 70});
    shapes.push_back({3, 1, dim, 37 - dim, 2, 19});
  }
  shapes.insert(shapes.end(), {{8, 8, 64, 64, 9, 130},
                               {8, 1, 128, 128, 4, 66},
                               {2, 1, 192, 128, 3, 40},
                               {6, 1, 24, 16, 70, 70},
                               {2, 2, 12, 12, 200, 200},
                               {1, 1, 64, 64, 1, 1}});
  return shapes;
}

// What an 1B- and an 8B-parameter Llama ask for: prefill, a chunk of a long
// prompt, a decode step; with and without grouped heads.
std::vector<ProblemShape> BenchShapes() {
  return {{32, 32, 64, 64, 512, 512},  {32, 8, 64, 64, 512, 512},
          {32, 8, 64, 64, 2048, 2048}, {32, 8, 128, 128, 512, 512},
          {32, 8, 64, 64, 64, 4096},   {32, 8, 64, 64, 1, 512},
          {32, 8, 64, 64, 1, 4096},    {32, 32, 64, 64, 1, 4096},
          {32, 8, 128, 128, 1, 4096},  {32, 8, 64, 64, 1, 16384}};
}

// Scores that are masked are no work: 2 (head_dim + v_dim) flops for each
// other one. Keys and values move once, and so do queries and results.
template <bool kCausal>
ProblemWork AttentionWork(const ProblemShape& s) {
  const size_t tokens = s[4], context = s[5];
  const size_t scores =
      kCausal ? tokens * (context - tokens) + tokens * (tokens + 1) / 2
              : tokens * context;
  return {Flops(2 * (s[2] + s[3]) * s[0] * scores),
          Bytes(4 * (s[2] + s[3]) * (s[1] * context + s[0] * tokens))};
}

template <bool kCausal>
constexpr Variant Row(std::string_view name) {
  return {"attention",
          name,
          DType::kF32,
          "heads kv_heads head_dim v_dim tokens context",
          TestShapes,
          BenchShapes,
          AttentionWork<kCausal>,
          MakeTrial<AttentionTrial<kCausal>>};
}

constexpr Variant kVariants[] = {
    Row<true>("f32_causal"),
    Row<false>("f32_full"),
};

}  // namespace

std::span<const Variant> AttentionVariants() { return kVariants; }

}  // namespace triptych
