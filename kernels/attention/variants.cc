// SPDX-License-Identifier: Apache-2.0
#include "kernels/attention/variants.h"

#include <cmath>
#include <memory>
#include <numbers>

#include "kernels/attention/attention.h"
#include "kernels/attention/kv_cache.h"
#include "kernels/base/formats.h"
#include "kernels/ref/attention.h"
#include "kernels/row_trial.h"

namespace triptych {
namespace {

enum class Mask : uint8_t { kCausal, kFull, kWindow };
// Plain rows of f32, a cache, or a cache whose values are in its keys.
enum class Source : uint8_t { kRows, kCache, kLatent };

// Sizes: heads kv_heads head_dim v_dim tokens context [window]. Causal queries
// are the last of the context.
AttentionShape ShapeOf(const ProblemShape& s, Mask mask) {
  return {.heads = s[0],
          .kv_heads = s[1],
          .head_dim = s[2],
          .v_dim = s[3],
          .scale = 1 / std::sqrt(double(s[2])),
          .causal = mask != Mask::kFull,
          .past = mask != Mask::kFull ? s[5] - s[4] : 0,
          .window = mask == Mask::kWindow ? s[6] : 0};
}

// Rows of heads as a format keeps them: value = code * scale, exactly.
struct Rounded {
  Rounded(ConstMatView<float> x, size_t heads, DType dtype)
      : dim(heads == 0 ? 0 : x.cols() / heads),
        codes(x.rows(), x.cols()),
        scales(x.rows(), heads) {
    std::vector<int8_t> integers(dim);
    for (size_t r = 0; r < x.rows(); ++r) {
      for (size_t h = 0; h < heads; ++h) {
        const auto from = x.row_span(r).subspan(h * dim, dim);
        float* const to = codes.view().row(r) + h * dim;
        float& scale = scales.view()(r, h);
        scale = 1;
        for (size_t i = 0; i < dim; ++i) {
          to[i] = dtype == DType::kBf16  ? RoundToBf16(from[i])
                  : dtype == DType::kF16 ? RoundToF16(from[i])
                                         : from[i];
        }
        if (dtype != DType::kI8) continue;
        scale = QuantizeRowInt<int8_t>(from, 8, integers);
        std::copy(integers.begin(), integers.end(), to);
      }
    }
  }
  double value(size_t row, size_t h, size_t i) const {
    return double{codes.view()(row, h * dim + i)} * scales.view()(row, h);
  }
  size_t dim;
  GuardedMatrix<float> codes, scales;
};

template <Source kSource, DType kDType, Mask kMask>
class AttentionTrial : public Trial {
 public:
  AttentionTrial(const ProblemShape& s, uint64_t seed)
      : shape_(ShapeOf(s, kMask)),
        q_(DrawMatrix(s[4], s[0] * s[2], Rng(seed, 0), 2)),
        k_(DrawMatrix(s[5], s[1] * s[2], Rng(seed, 1), 1)),
        v_(kSource == Source::kLatent
               ? ValuesInKeys()
               : DrawMatrix(s[5], s[1] * s[3], Rng(seed, 2), 1)),
        out_(s[4], s[0] * s[3]),
        rounded_k_(k_.view(), s[1], kDType),
        rounded_v_(v_.view(), s[1], kDType) {
    if (kSource == Source::kLatent) TakeValuesFromKeys();
    FillCache(k_.view(), v_.view());
  }

  void Run(int threads) override {
    if constexpr (kSource == Source::kRows) {
      const GuardedMatrix<float>& v = spoiled_ ? *spoiled_ : v_;
      Attention(shape_, q_.view(), {k_.view(), v.view()}, out_.view(), threads);
    } else {
      Attention(shape_, q_.view(), *cache_, out_.view(), threads);
    }
  }
  size_t rows() const override { return out_.view().rows(); }
  std::vector<double> Output(size_t row) const override {
    const auto result = out_.view().row_span(row);
    return {result.begin(), result.end()};
  }
  bool GuardsIntact() const override { return out_.Intact(); }

  std::vector<Expected> Reference(size_t row) const override {
    AttentionShape one = shape_;  // a KV head of one query
    one.heads = shape_.heads / shape_.kv_heads;
    one.kv_heads = 1;
    if (one.causal) one.past += row;  // alone, it comes after the others
    const std::vector<double> q = Query(row);
    const size_t q_cols = one.heads * one.head_dim;
    std::vector<Expected> expected;
    for (size_t h = 0; h < shape_.kv_heads; ++h) {
      const std::vector<double> k = Head(rounded_k_, h);
      const std::vector<double> v = Head(rounded_v_, h);
      std::vector<double> out(one.heads * one.v_dim);
      const ConstMatView<double> q_view(q.data() + h * q_cols, 1, q_cols);
      const ConstMatView<double> k_view(k.data(), context(), one.head_dim);
      const ConstMatView<double> v_view(v.data(), context(), one.v_dim);
      ref::Attention(one, q_view, k_view, v_view,
                     MatView<double>(out.data(), 1, out.size()));
      for (size_t g = 0; g < one.heads; ++g) {
        const std::span<const double> row_out(out.data() + g * one.v_dim,
                                              one.v_dim);
        AppendHead(one, q_view.Cols(g * one.head_dim, one.head_dim), k_view,
                   v_view, h, row_out, expected);
      }
    }
    return expected;
  }

  // The key that counts for most to row 0 lends its value to nobody.
  bool Sabotage() override {
    if (rows() == 0 || out_.view().cols() == 0) return false;
    spoiled_ = std::make_unique<GuardedMatrix<float>>(
        kSource == Source::kLatent ? k_ : v_);
    for (float& x : spoiled_->view().row_span(HeaviestKey())) x = 0;
    if (kSource == Source::kLatent) {
      FillCache(spoiled_->view(), v_.view());
    } else {
      FillCache(k_.view(), spoiled_->view());
    }
    return true;
  }

 private:
  size_t context() const { return k_.view().rows(); }
  // Queries of these formats are rounded, and the reference takes them so.
  static constexpr bool kRoundsQueries =
      kDType == DType::kBf16 || kDType == DType::kI8;

  GuardedMatrix<float> ValuesInKeys() const {
    GuardedMatrix<float> v(context(), shape_.kv_heads * shape_.v_dim);
    for (size_t r = 0; r < context(); ++r) {
      for (size_t h = 0; h < shape_.kv_heads; ++h) {
        std::copy_n(k_.view().row(r) + h * shape_.head_dim, shape_.v_dim,
                    v.view().row(r) + h * shape_.v_dim);
      }
    }
    return v;
  }
  // Rounded with the key, whose scale they share.
  void TakeValuesFromKeys() {
    for (size_t r = 0; r < context(); ++r) {
      for (size_t h = 0; h < shape_.kv_heads; ++h) {
        std::copy_n(rounded_k_.codes.view().row(r) + h * shape_.head_dim,
                    shape_.v_dim,
                    rounded_v_.codes.view().row(r) + h * shape_.v_dim);
        rounded_v_.scales.view()(r, h) = rounded_k_.scales.view()(r, h);
      }
    }
  }

  // In three pieces that begin and end inside of tiles.
  void FillCache(ConstMatView<float> k, ConstMatView<float> v) {
    if (kSource == Source::kRows) return;
    const bool own = kSource == Source::kCache;
    cache_ = std::make_unique<KvCache>(shape_.kv_heads, shape_.head_dim,
                                       shape_.v_dim, context() + 5, kDType,
                                       own ? Values::kOwn : Values::kInKeys);
    const size_t third = context() / 3;
    for (const size_t end :
         {third, std::min(third + 1, context()), context()}) {
      const size_t first = cache_->length(), count = end - first;
      cache_->Append(k.Rows(first, count),
                     own ? v.Rows(first, count) : ConstMatView<float>(), 2);
    }
  }

  static std::vector<double> Head(const Rounded& x, size_t h) {
    std::vector<double> values;
    for (size_t r = 0; r < x.codes.view().rows(); ++r) {
      for (size_t i = 0; i < x.dim; ++i) values.push_back(x.value(r, h, i));
    }
    return values;
  }

  // Kernels round queries after they are scaled to units of log2.
  std::vector<double> Query(size_t row) const {
    const auto from = q_.view().row_span(row);
    if (!kRoundsQueries) return {from.begin(), from.end()};
    const auto scale = static_cast<float>(shape_.scale * std::numbers::log2e);
    GuardedMatrix<float> scaled(1, from.size());
    for (size_t i = 0; i < from.size(); ++i) {
      scaled.view()(0, i) = from[i] * scale;
    }
    const Rounded rounded(scaled.view(), shape_.heads, kDType);
    std::vector<double> q;
    for (size_t h = 0; h < shape_.heads; ++h) {
      for (size_t i = 0; i < shape_.head_dim; ++i) {
        q.push_back(rounded.value(0, h, i));
      }
    }
    for (double& x : q) x /= shape_.scale * std::numbers::log2e;
    return q;
  }

  // By the weights that the first head gives.
  size_t HeaviestKey() const {
    const std::vector<double> q = Query(0);
    const std::vector<double> k = Head(rounded_k_, 0);
    const auto [first, end] = Seen(shape_);
    size_t heaviest = first;
    double highest = -INFINITY;
    for (size_t s = first; s < end; ++s) {
      double score = 0;
      for (size_t i = 0; i < shape_.head_dim; ++i) {
        score += q[i] * k[s * shape_.head_dim + i];
      }
      if (score > highest) {
        highest = score;
        heaviest = s;
      }
    }
    return heaviest;
  }

  // The keys that the first query of `shape` sees.
  std::pair<size_t, size_t> Seen(const AttentionShape& shape) const {
    const size_t end = shape.causal ? shape.past + 1 : context();
    return {shape.window == 0 || end < shape.window ? 0 : end - shape.window,
            end};
  }

  // A weight is off by what its score is off, relative to the magnitudes of
  // the product's terms: a format's kScoreRoundings; by the rounding of score
  // minus maximum, as large as that is; and by exp2. `error` is the largest of
  // these, in units of kUnit. It enters an output twice, in the weight and in
  // the sum of weights, times the mean of |v|; then come the rounding of the
  // weights to the format, the roundings of the two sums over keys, of each
  // rescaling (3 a tile of 64 keys), of each merge of ranges (4 for 1024 keys)
  // and of the division.
  //
  // Score roundings: f32 and f16, two of the query's scale and two a term;
  // bf16, whose products are exact, up to two a term, as a dot instruction may
  // not round to nearest; int8, whose sums are exact, the two scales and their
  // product.
  // Weights: bf16 2^-8; int8 half a step of 1/65535 of the greatest in its
  // tile, with the greatest scale, times its value's code, and six roundings
  // on the way there and back.
  void AppendHead(const AttentionShape& shape, ConstMatView<double> q,
                  ConstMatView<double> k, ConstMatView<double> v,
                  size_t kv_head, std::span<const double> out,
                  std::vector<Expected>& expected) const {
    constexpr double kExp = kRoundsQueries ? 0x1p-13 / kUnit : 2;
    constexpr double kWeight = kDType == DType::kBf16 ? 0x1p-8 / kUnit : 6;
    const auto dim = static_cast<double>(shape.head_dim);
    const double score_roundings = kDType == DType::kI8 ? 3 : 2 * dim + 4;
    const auto [first, end] = Seen(shape);
    std::vector<double> weight(end), mean(shape.v_dim), steps(shape.v_dim);
    double error = 0, max = -INFINITY, depth = 0, sum = 0;
    for (size_t s = first; s < end; ++s) {
      double magnitude = 0;
      for (size_t i = 0; i < shape.head_dim; ++i) {
        const double term = q(0, i) * k(s, i) * shape.scale;
        weight[s] += term;
        magnitude += std::abs(term);
      }
      max = std::max(max, weight[s]);
      error = std::max(error, score_roundings * magnitude);
    }
    for (size_t s = first; s < end; ++s) {
      depth = std::max(depth, max - weight[s]);
      weight[s] = std::exp(weight[s] - max);
      sum += weight[s];
    }
    error += 1.5 * depth + kExp;
    for (size_t s = first; s < end; ++s) {
      weight[s] /= sum;
      for (size_t i = 0; i < shape.v_dim; ++i) {
        mean[i] += weight[s] * std::abs(v(s, i));
      }
    }
    if (kDType == DType::kI8) AddSteps(weight, first, kv_head, steps);
    const auto n = static_cast<double>(end - first);
    const double roundings =
        2 * error + kWeight + 4 * n + 6 * (n / 64 + 2) + 8 * (n / 1024 + 2) + 6;
    for (size_t i = 0; i < shape.v_dim; ++i) {
      expected.push_back(
          {out[i], mean[i] * roundings * kUnit + steps[i] + kSmallestNormal});
    }
  }

  // What half a step of each weight is worth in each output.
  void AddSteps(std::span<const double> weight, size_t first, size_t kv_head,
                std::span<double> steps) const {
    constexpr size_t kTile = KvCache::kTile;
    for (size_t tile = first / kTile * kTile; tile < weight.size();
         tile += kTile) {
      const size_t begin = std::max(first, tile);
      const size_t end = std::min(weight.size(), tile + kTile);
      double greatest = 0, scale = 0;
      for (size_t s = begin; s < end; ++s) {
        greatest = std::max(greatest, weight[s]);
        scale = std::max(scale, double{rounded_v_.scales.view()(s, kv_head)});
      }
      greatest *= scale;
      for (size_t s = begin; s < end; ++s) {
        const float* const codes =
            rounded_v_.codes.view().row(s) + kv_head * shape_.v_dim;
        for (size_t i = 0; i < steps.size(); ++i) {
          // An exp2 that is off makes the greatest as much greater.
          steps[i] += greatest * (1 + 0x1p-11) / 131070 * std::abs(codes[i]);
        }
      }
    }
  }

  AttentionShape shape_;
  GuardedMatrix<float> q_, k_, v_, out_;
  Rounded rounded_k_, rounded_v_;
  std::unique_ptr<KvCache> cache_;
  std::unique_ptr<GuardedMatrix<float>> spoiled_;  // values, or keys with them
};

// Around the edges of register tiles (6 rows), key tiles (64), tasks (192
// rows) and ranges (1024 keys), with every tail of the features; latent
// attention's unequal widths.
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
                               {1, 1, 64, 64, 1, 1},
                               {3, 1, 8, 8, 1, 1025},
                               {4, 1, 16, 16, 3, 2100},
                               {3, 3, 8, 8, 2, 1500}});
  return shapes;
}

// The same, more thinly: what differs by format is the small products.
std::vector<ProblemShape> CacheTestShapes() {
  std::vector<ProblemShape> shapes = {{2, 1, 8, 8, 0, 3}};
  for (const size_t tokens : {1, 2, 5, 7}) {
    for (const size_t past : {0, 1, 62, 64, 140}) {
      shapes.push_back({4, 2, 16, 16, tokens, past + tokens});
    }
  }
  for (const size_t dim : {1, 2, 3, 5, 7, 8, 15, 17, 31, 33}) {
    shapes.push_back({2, 2, dim, dim, 3, 70});
    shapes.push_back({3, 1, dim, 37 - dim, 2, 19});
  }
  shapes.insert(shapes.end(), {{8, 8, 64, 64, 9, 130},
                               {8, 2, 80, 80, 4, 66},
                               {8, 1, 128, 128, 4, 66},
                               {2, 2, 12, 12, 200, 200},
                               {3, 1, 8, 8, 1, 1025},
                               {4, 1, 16, 16, 3, 2100}});
  return shapes;
}

// Windows that begin inside, at the edge of, and tiles before that of the
// query; of one key; longer than the context.
std::vector<ProblemShape> WindowTestShapes() {
  std::vector<ProblemShape> shapes;
  for (const size_t window : {1, 2, 16, 63, 64, 65, 100, 400}) {
    shapes.push_back({4, 2, 16, 16, 1, 150, window});
    shapes.push_back({2, 1, 8, 8, 7, 135, window});
    shapes.push_back({2, 2, 20, 12, 150, 150, window});
  }
  shapes.push_back({3, 1, 16, 16, 2, 2500, 1200});
  return shapes;
}

std::vector<ProblemShape> LatentTestShapes() {
  return {{4, 1, 24, 16, 1, 70},   {3, 1, 9, 5, 2, 65},
          {2, 2, 18, 17, 5, 5},    {4, 1, 33, 33, 3, 130},
          {16, 1, 96, 64, 1, 200}, {2, 1, 576, 512, 1, 66},
          {5, 1, 12, 8, 1, 1100}};
}

// What an 1B- and an 8B-parameter Llama ask for: prefill, a chunk of a long
// prompt, a decode step; with and without grouped heads.
std::vector<ProblemShape> BenchShapes() {
  return {{32, 32, 64, 64, 128, 128},    {32, 32, 64, 64, 512, 512},
          {32, 8, 64, 64, 512, 512},     {32, 32, 64, 64, 2048, 2048},
          {32, 8, 64, 64, 2048, 2048},   {32, 32, 128, 128, 512, 512},
          {32, 8, 128, 128, 512, 512},   {32, 32, 128, 128, 2048, 2048},
          {32, 8, 128, 128, 2048, 2048}, {32, 8, 64, 64, 64, 4096},
          {32, 8, 64, 64, 1, 512},       {32, 8, 64, 64, 1, 4096},
          {32, 32, 64, 64, 1, 4096},     {32, 8, 128, 128, 1, 4096},
          {32, 8, 64, 64, 1, 16384}};
}

// A block of an image; a head of a video of 75,600 tokens.
std::vector<ProblemShape> FullBenchShapes() {
  return {{32, 8, 64, 64, 512, 512},
          {12, 12, 128, 128, 1024, 1024},
          {1, 1, 128, 128, 75600, 75600}};
}

std::vector<ProblemShape> WindowBenchShapes() {
  return {{32, 8, 64, 64, 2048, 2048, 512}, {32, 8, 64, 64, 1, 16384, 1024}};
}

// 128 heads on one latent of 512 and 64 features of RoPE.
std::vector<ProblemShape> LatentBenchShapes() {
  return {{128, 1, 576, 512, 1, 1024}, {128, 1, 576, 512, 1, 4096}};
}

// Scores that are masked are no work: 2 (head_dim + v_dim) flops for each
// other one. Keys and values move once, and so do queries and results.
template <Source kSource, DType kDType, Mask kMask>
ProblemWork AttentionWork(const ProblemShape& s) {
  const AttentionShape shape = ShapeOf(s, kMask);
  const size_t tokens = s[4], context = s[5];
  size_t scores = 0;
  for (size_t t = 0; t < tokens; ++t) {
    const size_t end = shape.causal ? shape.past + t + 1 : context;
    scores += shape.window > 0 ? std::min(shape.window, end) : end;
  }
  const size_t touched =
      shape.window > 0 ? std::min(context, shape.window + tokens - 1) : context;
  const size_t features = s[2] + (kSource == Source::kLatent ? 0 : s[3]);
  const size_t scales = kDType == DType::kI8 ? 8 : 0;
  const size_t row = features * InfoOf(kDType).block_bytes + scales;
  return {Flops(2 * (s[2] + s[3]) * s[0] * scores),
          Bytes(row * s[1] * touched + 4 * (s[2] + s[3]) * s[0] * tokens)};
}

template <Source kSource, Mask kMask>
std::string_view Refuses(const ProblemShape& s) {
  if (s[0] % s[1] != 0) return "kv_heads must divide heads";
  if (kMask != Mask::kFull && s[4] > s[5]) {
    return "context must hold all tokens";
  }
  if (kSource == Source::kLatent && s[3] > s[2]) {
    return "v_dim must not exceed head_dim: values are part of the keys";
  }
  return {};
}

template <Source kSource, DType kDType, Mask kMask>
constexpr Variant Row(std::string_view name,
                      std::vector<ProblemShape> (*test_shapes)(),
                      std::vector<ProblemShape> (*bench_shapes)()) {
  // f16 is computed in f32. int8 takes as many instructions as bf16 for its
  // values and half as many for its keys: it is held to the same peak.
  return {"attention",
          name,
          kDType == DType::kF32 || kDType == DType::kF16 ? DType::kF32
                                                         : DType::kBf16,
          kMask == Mask::kWindow
              ? "heads kv_heads head_dim v_dim tokens context window"
              : "heads kv_heads head_dim v_dim tokens context",
          test_shapes,
          bench_shapes,
          AttentionWork<kSource, kDType, kMask>,
          MakeTrial<AttentionTrial<kSource, kDType, kMask>>,
          Refuses<kSource, kMask>};
}

using enum DType;
using enum Mask;
using enum Source;

constexpr Variant kVariants[] = {
    Row<kRows, kF32, kCausal>("f32_causal", TestShapes, BenchShapes),
    Row<kRows, kF32, kFull>("f32_full", TestShapes, FullBenchShapes),
    Row<kRows, kF32, kWindow>("f32_window", WindowTestShapes,
                              WindowBenchShapes),
    Row<kCache, kF32, kCausal>("cache_f32_causal", CacheTestShapes,
                               BenchShapes),
    Row<kCache, kF16, kCausal>("cache_f16_causal", CacheTestShapes,
                               BenchShapes),
    Row<kCache, kBf16, kCausal>("cache_bf16_causal", CacheTestShapes,
                                BenchShapes),
    Row<kCache, kBf16, kFull>("cache_bf16_full", CacheTestShapes,
                              FullBenchShapes),
    Row<kCache, kBf16, kWindow>("cache_bf16_window", WindowTestShapes,
                                WindowBenchShapes),
    Row<kLatent, kBf16, kCausal>("cache_bf16_latent", LatentTestShapes,
                                 LatentBenchShapes),
    Row<kCache, kI8, kCausal>("cache_i8_causal", CacheTestShapes, BenchShapes),
    Row<kCache, kI8, kFull>("cache_i8_full", CacheTestShapes, FullBenchShapes),
    Row<kCache, kI8, kWindow>("cache_i8_window", WindowTestShapes,
                              WindowBenchShapes),
    Row<kLatent, kI8, kCausal>("cache_i8_latent", LatentTestShapes,
                               LatentBenchShapes),
    Row<kLatent, kF32, kCausal>("cache_f32_latent", LatentTestShapes,
                                LatentBenchShapes),
    Row<kLatent, kF16, kCausal>("cache_f16_latent", LatentTestShapes,
                                LatentBenchShapes),
};

}  // namespace

std::span<const Variant> AttentionVariants() { return kVariants; }

}  // namespace triptych
