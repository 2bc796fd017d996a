// SPDX-License-Identifier: Apache-2.0
#include "tools/trainer/transformer.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "kernels/base/check.h"
#include "kernels/base/rng.h"
#include "tools/trainer/train_ops.h"

namespace triptych::trainer {
namespace {

// The weight as a view into the flat parameters.
ConstMatView<float> Weight(std::span<const float> parameters, size_t offset,
                           size_t rows, size_t cols) {
  return {parameters.data() + offset, rows, cols};
}

PackedPair PackBoth(ConstMatView<float> w, int threads) {
  return {Pack(StridedView<float>(w), DType::kF32, threads),
          Pack(Transposed(w), DType::kF32, threads)};
}

}  // namespace

Layout::Layout(const ModelConfig& config) : config_(config) {
  TRIPTYCH_CHECK(config.family == Family::kLlama && config.tied_head);
  TRIPTYCH_CHECK(config.rope.style == RopeStyle::kInterleaved &&
                 config.rope.dim == config.head_dim);
  Add("tok_embed", vocab(), dim(), false);
  for (int64_t i = 0; i < config.layers; ++i) {
    const std::string prefix = "layers." + std::to_string(i) + ".";
    Layer layer;
    layer.attention_norm = Add(prefix + "norm.attn", 1, dim(), true);
    layer.qkv = Add(prefix + "attn.q", q_dim(), dim(), false);
    Add(prefix + "attn.k", kv_dim(), dim(), false);
    Add(prefix + "attn.v", kv_dim(), dim(), false);
    layer.output = Add(prefix + "attn.o", dim(), q_dim(), false);
    layer.ffn_norm = Add(prefix + "norm.ffn", 1, dim(), true);
    layer.gate_up = Add(prefix + "ffn.gate", ffn(), dim(), false);
    Add(prefix + "ffn.up", ffn(), dim(), false);
    layer.down = Add(prefix + "ffn.down", dim(), ffn(), false);
    layers_.push_back(layer);
  }
  final_norm_ = Add("norm.final", 1, dim(), true);
}

size_t Layout::Add(std::string name, size_t rows, size_t cols, bool vector) {
  const size_t offset = size_;
  parameters_.push_back({std::move(name), offset, rows, cols, vector});
  size_ += rows * cols;
  return offset;
}

AlignedVector<float> InitialParameters(const Layout& layout, uint64_t seed) {
  AlignedVector<float> values(layout.size());
  const double residual =
      1 / std::sqrt(2.0 * static_cast<double>(layout.config().layers));
  for (size_t i = 0; i < layout.parameters().size(); ++i) {
    const Parameter& p = layout.parameters()[i];
    Rng rng(seed, i);
    double sigma = 1 / std::sqrt(static_cast<double>(p.cols));
    if (p.name.ends_with("attn.o") || p.name.ends_with("ffn.down")) {
      sigma *= residual;
    }
    for (size_t j = 0; j < p.rows * p.cols; ++j) {
      values[p.offset + j] =
          p.vector ? 1.0f : static_cast<float>(sigma * rng.Normal());
    }
  }
  return values;
}

PackedModel::PackedModel(const Layout& layout,
                         std::span<const float> parameters, int threads)
    : layout_(&layout), parameters_(parameters) {
  const auto pack = [&](size_t offset, size_t rows, size_t cols) {
    return PackBoth(Weight(parameters, offset, rows, cols), threads);
  };
  const size_t dim = layout.dim(), ffn = layout.ffn(), q = layout.q_dim();
  for (size_t i = 0; i < static_cast<size_t>(layout.config().layers); ++i) {
    const Layout::Layer& at = layout.layer(i);
    layers_.push_back({pack(at.qkv, q + 2 * layout.kv_dim(), dim),
                       pack(at.output, dim, q), pack(at.gate_up, 2 * ffn, dim),
                       pack(at.down, dim, ffn)});
  }
  embedding_ = pack(layout.embedding(), layout.vocab(), dim);
}

SequenceWorker::SequenceWorker(const Layout& layout, size_t max_tokens)
    : layout_(layout), max_tokens_(max_tokens) {
  const size_t t = max_tokens, dim = layout.dim(), ffn = layout.ffn();
  const size_t qkv = layout.q_dim() + 2 * layout.kv_dim();
  const size_t pairs = layout.head_dim() / 2;
  for (size_t position = 0; position < t; ++position) {
    for (size_t i = 0; i < pairs; ++i) {
      const double angle =
          static_cast<double>(position) *
          std::pow(layout.config().rope.theta,
                   -static_cast<double>(i) / static_cast<double>(pairs));
      cos_.push_back(static_cast<float>(std::cos(angle)));
      sin_.push_back(static_cast<float>(std::sin(angle)));
    }
  }
  layers_.resize(static_cast<size_t>(layout.config().layers));
  for (Layer& l : layers_) {
    for (Buffer* b : {&l.x, &l.normed, &l.middle, &l.ffn_normed}) {
      b->resize(t * dim);
    }
    for (Buffer* b : {&l.inv_rms, &l.ffn_inv_rms}) b->resize(t);
    l.qkv.resize(t * qkv);
    l.probabilities.resize(layout.heads() * t * t);
    l.mixed.resize(t * layout.q_dim());
    l.gate_up.resize(t * 2 * ffn);
    l.hidden.resize(t * ffn);
  }
  for (Buffer* b : {&final_x_, &final_normed_, &d_x_, &d_branch_}) {
    b->resize(t * dim);
  }
  final_inv_rms_.resize(t);
  logits_.resize(t * layout.vocab());
  d_wide_.resize(t * 2 * ffn);
  d_hidden_.resize(t * ffn);
  d_qkv_.resize(t * qkv);
  d_mixed_.resize(t * layout.q_dim());
  d_square_.resize(t * t);
}

MatView<float> SequenceWorker::Head(Buffer& qkv, size_t first_col) const {
  const size_t cols = layout_.q_dim() + 2 * layout_.kv_dim();
  return View(qkv, cols).Cols(first_col, layout_.head_dim());
}

MatView<float> SequenceWorker::Square(Buffer& squares, size_t head) const {
  return {squares.data() + head * tokens_ * tokens_, tokens_, tokens_};
}

double SequenceWorker::Loss(const PackedModel& model,
                            std::span<const int32_t> tokens,
                            std::span<const int32_t> targets) {
  return CrossEntropy(Logits(model, tokens), targets, 0);
}

double SequenceWorker::LossAndGradient(const PackedModel& model,
                                       std::span<const int32_t> tokens,
                                       std::span<const int32_t> targets,
                                       float weight,
                                       std::span<float> gradient) {
  const double loss = CrossEntropy(Logits(model, tokens), targets, weight);
  Backward(model, tokens, gradient);
  return loss;
}

MatView<float> SequenceWorker::Logits(const PackedModel& model,
                                      std::span<const int32_t> tokens) {
  Forward(model, tokens);
  return View(logits_, layout_.vocab());
}

void SequenceWorker::Forward(const PackedModel& model,
                             std::span<const int32_t> tokens) {
  TRIPTYCH_CHECK(tokens.size() <= max_tokens_, tokens.size());
  tokens_ = tokens.size();
  const size_t dim = layout_.dim(), ffn = layout_.ffn();
  const size_t qkv = layout_.q_dim() + 2 * layout_.kv_dim();
  const float eps = static_cast<float>(layout_.config().norm_eps);
  for (size_t t = 0; t < tokens_; ++t) {
    std::copy_n(model.embedding_row(tokens[t]), dim,
                layers_[0].x.data() + t * dim);
  }
  for (size_t i = 0; i < layers_.size(); ++i) {
    Layer& l = layers_[i];
    const PackedModel::Layer& w = model.layer(i);
    const Layout::Layer& at = layout_.layer(i);
    Buffer& next = i + 1 < layers_.size() ? layers_[i + 1].x : final_x_;
    RmsNormForward(View(l.x, dim), model.vector(at.attention_norm), eps,
                   View(l.normed, dim), l.inv_rms);
    Matmul(View(l.normed, dim), w.qkv.forward, View(l.qkv, qkv));
    Rotate(l.qkv, 1);
    Attend(l);
    std::copy_n(l.x.data(), tokens_ * dim, l.middle.data());
    Matmul(View(l.mixed, layout_.q_dim()), w.output.forward,
           View(l.middle, dim), {.accumulate = true});
    RmsNormForward(View(l.middle, dim), model.vector(at.ffn_norm), eps,
                   View(l.ffn_normed, dim), l.ffn_inv_rms);
    Matmul(View(l.ffn_normed, dim), w.gate_up.forward,
           View(l.gate_up, 2 * ffn));
    SwiGluForward(View(l.gate_up, 2 * ffn), View(l.hidden, ffn));
    std::copy_n(l.middle.data(), tokens_ * dim, next.data());
    Matmul(View(l.hidden, ffn), w.down.forward, View(next, dim),
           {.accumulate = true});
  }
  RmsNormForward(View(final_x_, dim), model.vector(layout_.final_norm()), eps,
                 View(final_normed_, dim), final_inv_rms_);
  Matmul(View(final_normed_, dim), model.embedding().forward,
         View(logits_, layout_.vocab()));
}

void SequenceWorker::Attend(Layer& l) {
  const size_t q_dim = layout_.q_dim(), d = layout_.head_dim();
  const size_t group = layout_.heads() / layout_.kv_heads();
  const float scale = 1 / std::sqrt(static_cast<float>(d));
  for (size_t kv = 0; kv < layout_.kv_heads(); ++kv) {
    const MatView<float> k = Head(l.qkv, q_dim + kv * d);
    const MatView<float> v = Head(l.qkv, q_dim + layout_.kv_dim() + kv * d);
    const PackedWeights keys = Pack(StridedView<float>(k), DType::kF32);
    const PackedWeights values = Pack(Transposed(v), DType::kF32);
    for (size_t h = kv * group; h < (kv + 1) * group; ++h) {
      const MatView<float> p = Square(l.probabilities, h);
      Matmul(Head(l.qkv, h * d), keys, p);
      CausalSoftmaxForward(p, scale);
      Matmul(p, values, View(l.mixed, q_dim).Cols(h * d, d));
    }
  }
}

void SequenceWorker::Rotate(Buffer& qkv, float direction) {
  const size_t rotated = layout_.q_dim() + layout_.kv_dim();  // v is not
  const size_t pairs = layout_.head_dim() / 2;
  const MatView<float> rows = View(qkv, rotated + layout_.kv_dim());
  for (size_t t = 0; t < tokens_; ++t) {
    const float* const c = cos_.data() + t * pairs;
    const float* const s = sin_.data() + t * pairs;
    for (size_t head = 0; head < rotated; head += 2 * pairs) {
      float* const x = rows.row(t) + head;
      for (size_t i = 0; i < pairs; ++i) {
        const float a = x[2 * i], b = x[2 * i + 1];
        x[2 * i] = a * c[i] - direction * b * s[i];
        x[2 * i + 1] = b * c[i] + direction * a * s[i];
      }
    }
  }
}

void SequenceWorker::Gather(MatView<float> d_y, MatView<float> x, float* d_w) {
  Matmul(Transposed(d_y), Pack(Transposed(x), DType::kF32),
         MatView<float>(d_w, d_y.cols(), x.cols()), {.accumulate = true});
}

void SequenceWorker::Backward(const PackedModel& model,
                              std::span<const int32_t> tokens,
                              std::span<float> gradient) {
  const size_t dim = layout_.dim();
  const MatView<float> d_logits = View(logits_, layout_.vocab());
  Gather(d_logits, View(final_normed_, dim),
         gradient.data() + layout_.embedding());
  Matmul(d_logits, model.embedding().backward, View(d_branch_, dim));
  std::fill_n(d_x_.begin(), tokens_ * dim, 0.0f);
  RmsNormBackward(View(final_x_, dim), model.vector(layout_.final_norm()),
                  final_inv_rms_, View(d_branch_, dim), View(d_x_, dim),
                  gradient.subspan(layout_.final_norm(), dim));
  for (size_t i = layers_.size(); i-- > 0;) BackwardLayer(model, i, gradient);
  for (size_t t = 0; t < tokens_; ++t) {
    const size_t row = static_cast<size_t>(tokens[t]) * dim;
    AddTo({d_x_.data() + t * dim, dim},
          gradient.subspan(layout_.embedding() + row, dim));
  }
}

// d_x_ holds the gradient of what leaves the layer; then of what enters it.
// The residual path passes it on unchanged, each branch adds to it.
void SequenceWorker::BackwardLayer(const PackedModel& model, size_t index,
                                   std::span<float> gradient) {
  const size_t dim = layout_.dim(), ffn = layout_.ffn();
  const size_t q_dim = layout_.q_dim(), qkv = q_dim + 2 * layout_.kv_dim();
  Layer& l = layers_[index];
  const PackedModel::Layer& w = model.layer(index);
  const Layout::Layer& at = layout_.layer(index);
  const MatView<float> d_x = View(d_x_, dim), d_branch = View(d_branch_, dim);

  Gather(d_x, View(l.hidden, ffn), gradient.data() + at.down);
  Matmul(d_x, w.down.backward, View(d_hidden_, ffn));
  SwiGluBackward(View(l.gate_up, 2 * ffn), View(d_hidden_, ffn),
                 View(d_wide_, 2 * ffn));
  Gather(View(d_wide_, 2 * ffn), View(l.ffn_normed, dim),
         gradient.data() + at.gate_up);
  Matmul(View(d_wide_, 2 * ffn), w.gate_up.backward, d_branch);
  RmsNormBackward(View(l.middle, dim), model.vector(at.ffn_norm),
                  l.ffn_inv_rms, d_branch, d_x,
                  gradient.subspan(at.ffn_norm, dim));

  Gather(d_x, View(l.mixed, q_dim), gradient.data() + at.output);
  Matmul(d_x, w.output.backward, View(d_mixed_, q_dim));
  AttendBackward(l);
  Rotate(d_qkv_, -1);
  Gather(View(d_qkv_, qkv), View(l.normed, dim), gradient.data() + at.qkv);
  Matmul(View(d_qkv_, qkv), w.qkv.backward, d_branch);
  RmsNormBackward(View(l.x, dim), model.vector(at.attention_norm), l.inv_rms,
                  d_branch, d_x, gradient.subspan(at.attention_norm, dim));
}

void SequenceWorker::AttendBackward(Layer& l) {
  const size_t q_dim = layout_.q_dim(), d = layout_.head_dim();
  const size_t group = layout_.heads() / layout_.kv_heads();
  const float scale = 1 / std::sqrt(static_cast<float>(d));
  const MatView<float> d_p = Square(d_square_, 0);
  for (size_t kv = 0; kv < layout_.kv_heads(); ++kv) {
    const size_t k_col = q_dim + kv * d, v_col = k_col + layout_.kv_dim();
    const PackedWeights keys =
        Pack(Transposed(Head(l.qkv, k_col)), DType::kF32);
    const PackedWeights values =
        Pack(StridedView<float>(Head(l.qkv, v_col)), DType::kF32);
    for (size_t h = kv * group; h < (kv + 1) * group; ++h) {
      // The first head of a group writes its keys' gradients, others add.
      const MatmulOptions options{.accumulate = h > kv * group};
      const MatView<float> p = Square(l.probabilities, h);
      const MatView<float> d_out = View(d_mixed_, q_dim).Cols(h * d, d);
      Matmul(Transposed(p), Pack(Transposed(d_out), DType::kF32),
             Head(d_qkv_, v_col), options);
      Matmul(d_out, values, d_p);
      CausalSoftmaxBackward(p, scale, d_p);
      Matmul(d_p, keys, Head(d_qkv_, h * d));
      Matmul(Transposed(d_p),
             Pack(Transposed(Head(l.qkv, h * d)), DType::kF32),
             Head(d_qkv_, k_col), options);
    }
  }
}

}  // namespace triptych::trainer
