// Pieces that architectures share, over a GraphBuilder.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_BUILD_BLOCKS_H_
#define TRIPTYCH_MODELS_BUILD_BLOCKS_H_

#include <string>

#include "models/build/build.h"

namespace triptych {

// Adds nodes; every method returns the value of what it added. Weights are
// made where they are used and named as their node: the layer's prefix and
// the local name. Mistakes are kept by `graph` (GraphBuilder).
class Blocks {
 public:
  Blocks(const ModelConfig& config, const BuildOptions& options)
      : config(config), options(options), graph(config.name) {}

  const ModelConfig& config;
  const BuildOptions& options;
  GraphBuilder graph;

  // Layer `n` of the stack called `stack` ("layers."); names follow.
  void EnterLayer(const std::string& stack, int64_t n);
  void LeaveLayers();
  std::string Name(const std::string& local) const { return prefix_ + local; }

  // W[out, cols of x] x, plus a bias.
  ValueId Linear(const std::string& local, ValueId x, int64_t out, bool bias);
  // The configuration's norm, with its eps.
  ValueId Norm(const std::string& local, ValueId x);
  ValueId LayerNorm(const std::string& local, ValueId x, bool affine);
  // RMS over groups of `group` columns within the first `width`.
  ValueId RmsNorm(const std::string& local, ValueId x, int64_t width,
                  int64_t group);
  // Turns the configured features (rope.dim, or rope.axes) of each head, from
  // `offset` on.
  ValueId Rope(const std::string& local, ValueId x, int64_t heads,
               int64_t head_dim, int64_t offset = 0);
  ValueId Unary(const std::string& op, const std::string& local, ValueId x) {
    return graph.Add(op, Name(local), {x});
  }
  ValueId Add(const std::string& local, ValueId a, ValueId b) {
    return graph.Add("add", Name(local), {a, b});
  }
  // The configuration's feed-forward network of inner width `ffn`.
  ValueId FeedForward(const std::string& local, ValueId x, int64_t ffn);
  // Self-attention from projections to output projection. With `cached`, K
  // and V go through caches and the mask is causal; else all see all.
  ValueId SelfAttention(const std::string& local, ValueId x, bool cached);
  // softmax(Q K^T / sqrt(head_dim)) V; k and v are activations or caches.
  ValueId Attend(const std::string& local, ValueId q, ValueId k, ValueId v,
                 int64_t kv_heads, bool causal);
  // An encoder layer: attention and network with residuals, norms before or
  // after as configured.
  ValueId EncoderLayer(ValueId x);
  // Logits [rows, vocab] of the last row of each sequence, or of all.
  // `embedding` is the head of models that tie the two.
  ValueId Head(ValueId x, ValueId embedding);

 private:
  std::string prefix_;
};

// The families (BuildGraph chooses). Each adds its entries.
Status BuildDecoder(Blocks& b);  // llama, qwen3, deepseek, gpt2
Status BuildEncoder(Blocks& b);  // bert, vit, kwt
Status BuildWhisper(Blocks& b);
Status BuildWan(Blocks& b);

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_BUILD_BLOCKS_H_
