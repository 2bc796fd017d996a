// A decoder's forward pass out of the kernels alone, with seeded weights in
// codes: what they reach together, on the shape of a whole model.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_BENCH_FORWARD_H_
#define TRIPTYCH_BENCH_FORWARD_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/attention/kv_cache.h"
#include "kernels/base/aligned.h"
#include "kernels/base/mat_view.h"
#include "kernels/base/units.h"
#include "kernels/matmul/quantized.h"
#include "kernels/variants.h"

namespace triptych::bench {

// Llama's block: RMSNorm, attention with RoPE, RMSNorm, SwiGLU.
struct ForwardShape {
  size_t layers, width, ffn, heads, kv_heads, vocabulary;
  size_t head_dim() const { return width / heads; }
};
// models/presets has the same figures, with their source.
inline constexpr ForwardShape kLlama32Of1B = {16, 2048, 8192, 32, 8, 128256};

class Forward {
 public:
  // Draws and packs all weights. Room for `context` tokens of bf16 keys and
  // values in every layer.
  Forward(const ForwardShape& shape, CodeFormat format, size_t context,
          uint64_t seed, int threads);

  // Appends x[tokens, width] (embeddings; overwritten) to the context and
  // gives the logits of the last token, valid until the next call.
  std::span<const float> Step(MatView<float> x, int threads);

  // The same, checking elements of every product, drawn at random, against
  // their sums in f64. The verdict is the first that is off.
  Verdict CheckedStep(MatView<float> x, uint64_t seed);

  // Of one step on `tokens` tokens, with `past` before them: the multiply-adds
  // of the weights, and all bytes that it must read once.
  ProblemWork ProductWork(size_t tokens, size_t past) const;

 private:
  struct Layer {
    QuantizedWeights qkv, o, gate_up, down;
    KvCache cache;
  };
  struct Check;

  void Product(const QuantizedRows& a, const QuantizedWeights& w,
               MatView<float> c, ConstMatView<float> residual);
  MatView<float> Rows(AlignedVector<float>& room, size_t rows, size_t cols);
  QuantizedRows Codes(size_t rows, size_t cols);
  void Attend(Layer& layer, MatView<float> x);
  void FeedForward(const Layer& layer, MatView<float> x);

  ForwardShape shape_;
  std::vector<Layer> layers_;
  QuantizedWeights head_;
  std::vector<float> norm_, inv_freq_;
  AlignedVector<float> qkv_, q_, k_, v_, attended_, gate_up_, logits_;
  AlignedVector<int8_t> codes_;
  std::vector<float> scales_;
  std::vector<int32_t> positions_;
  int threads_ = 1;
  Check* check_ = nullptr;  // of the step that runs
};

}  // namespace triptych::bench

#endif  // TRIPTYCH_BENCH_FORWARD_H_
