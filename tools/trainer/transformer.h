// A Llama-style transformer that can learn: parameters in one flat array,
// the loss of one sequence, and its gradient.
//
// Matrix products run on kernels/matmul; a weight is packed once a step, in
// both directions, and shared by all sequences. One sequence is the unit of
// work: whoever trains spreads sequences over threads.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_TRAINER_TRANSFORMER_H_
#define TRIPTYCH_TOOLS_TRAINER_TRANSFORMER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kernels/base/aligned.h"
#include "kernels/base/mat_view.h"
#include "kernels/matmul/matmul.h"
#include "models/config.h"

namespace triptych::trainer {

// A tensor inside the flat array; vectors have one row. Named as
// models/weights.h does.
struct Parameter {
  std::string name;
  size_t offset, rows, cols;
  bool vector;
};

// Where everything is. q, k and v of a layer are one block of rows, gate and
// up another: each is one product.
class Layout {
 public:
  // A llama ModelConfig with a tied head, no biases, no RoPE scaling (checks).
  explicit Layout(const ModelConfig& config);

  struct Layer {
    size_t attention_norm, qkv, output, ffn_norm, gate_up, down;
  };
  const ModelConfig& config() const { return config_; }
  size_t size() const { return size_; }
  const std::vector<Parameter>& parameters() const { return parameters_; }
  const Layer& layer(size_t i) const { return layers_[i]; }
  size_t embedding() const { return 0; }
  size_t final_norm() const { return final_norm_; }

  size_t dim() const { return static_cast<size_t>(config_.dim); }
  size_t ffn() const { return static_cast<size_t>(config_.ffn); }
  size_t vocab() const { return static_cast<size_t>(config_.vocab); }
  size_t heads() const { return static_cast<size_t>(config_.heads); }
  size_t kv_heads() const { return static_cast<size_t>(config_.kv_heads); }
  size_t head_dim() const { return static_cast<size_t>(config_.head_dim); }
  size_t q_dim() const { return heads() * head_dim(); }
  size_t kv_dim() const { return kv_heads() * head_dim(); }

 private:
  size_t Add(std::string name, size_t rows, size_t cols, bool vector);

  ModelConfig config_;
  std::vector<Parameter> parameters_;
  std::vector<Layer> layers_;
  size_t final_norm_ = 0, size_ = 0;
};

// Normal with standard deviation 1 / sqrt(inputs), those that write into the
// residual stream 1 / sqrt(2 layers) of that; gains are 1.
AlignedVector<float> InitialParameters(const Layout& layout, uint64_t seed);

// A weight W[n,k] packed for y = x W^T and for d_x = d_y W.
struct PackedPair {
  PackedWeights forward, backward;
};

// All weights of a step. Immutable: any number of threads may read it. The
// parameters must outlive it.
class PackedModel {
 public:
  PackedModel(const Layout& layout, std::span<const float> parameters,
              int threads);

  struct Layer {
    PackedPair qkv, output, gate_up, down;
  };
  const Layout& layout() const { return *layout_; }
  const Layer& layer(size_t i) const { return layers_[i]; }
  const PackedPair& embedding() const { return embedding_; }
  std::span<const float> vector(size_t offset) const {
    return parameters_.subspan(offset, layout_->dim());
  }
  const float* embedding_row(int32_t token) const {
    return parameters_.data() + static_cast<size_t>(token) * layout_->dim();
  }

 private:
  const Layout* layout_;
  std::span<const float> parameters_;
  std::vector<Layer> layers_;
  PackedPair embedding_;
};

// Activations of one sequence, and the walk over them there and back. One
// per thread.
class SequenceWorker {
 public:
  SequenceWorker(const Layout& layout, size_t max_tokens);

  // The sum over tokens of -log p(targets[t] | tokens[0..t]), nats.
  // tokens.size() == targets.size() <= max_tokens.
  double Loss(const PackedModel& model, std::span<const int32_t> tokens,
              std::span<const int32_t> targets);

  // The same; adds `weight` times the gradient of that sum to `gradient`,
  // which is laid out as the parameters.
  double LossAndGradient(const PackedModel& model,
                         std::span<const int32_t> tokens,
                         std::span<const int32_t> targets, float weight,
                         std::span<float> gradient);

  // Logits [tokens, vocab]: the softmax of row t is p(. | tokens[0..t]). The
  // caller may write over them; they are valid until the next call.
  MatView<float> Logits(const PackedModel& model,
                        std::span<const int32_t> tokens);

 private:
  using Buffer = AlignedVector<float>;
  struct Layer {
    Buffer x;            // what enters the layer
    Buffer normed, inv_rms, qkv, probabilities, mixed;
    Buffer middle;       // after attention
    Buffer ffn_normed, ffn_inv_rms, gate_up, hidden;
  };

  MatView<float> View(Buffer& buffer, size_t cols) const {
    return {buffer.data(), tokens_, cols};
  }
  // The columns of head h in a q, k, v row; and its [tokens, tokens] matrix.
  MatView<float> Head(Buffer& qkv, size_t first_col) const;
  MatView<float> Square(Buffer& squares, size_t head) const;

  void Forward(const PackedModel& model, std::span<const int32_t> tokens);
  void Attend(Layer& layer);
  void Backward(const PackedModel& model, std::span<const int32_t> tokens,
                std::span<float> gradient);
  void BackwardLayer(const PackedModel& model, size_t index,
                     std::span<float> gradient);
  void AttendBackward(Layer& layer);
  void Rotate(Buffer& qkv, float direction);
  // d_w[n,k] += d_y^T x, the gradient of a weight. (That of its input is
  // d_y W, a Matmul with PackedPair::backward.)
  void Gather(MatView<float> d_y, MatView<float> x, float* d_w);

  const Layout& layout_;
  size_t max_tokens_, tokens_ = 0;
  std::vector<float> cos_, sin_;  // [max_tokens, head_dim / 2]
  std::vector<Layer> layers_;
  Buffer final_x_, final_normed_, final_inv_rms_, logits_;
  // Gradients on the way back.
  Buffer d_x_, d_branch_, d_wide_, d_hidden_, d_qkv_, d_mixed_, d_square_;
};

}  // namespace triptych::trainer

#endif  // TRIPTYCH_TOOLS_TRAINER_TRANSFORMER_H_
