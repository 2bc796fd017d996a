// One tiny configuration for every architecture that GGUF names, and for
// every way in which one can be said.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TESTS_MODELS_TINY_GGUF_CONFIGS_H_
#define TRIPTYCH_TESTS_MODELS_TINY_GGUF_CONFIGS_H_

#include <string>
#include <utility>
#include <vector>

#include "tests/models/tiny_config.h"

namespace triptych {

inline void AddTiny(const std::string& name, const std::string& architecture,
                    ModelConfig c, std::vector<ModelConfig>& all) {
  c.name = name;
  c.architecture = architecture;
  all.push_back(std::move(c));
}

inline void AddTinyLlamas(std::vector<ModelConfig>& all) {
  const ModelConfig llama = TinyLlama();
  AddTiny("llama", "llama", llama, all);

  ModelConfig c = llama;
  c.tied_head = true;
  c.dim = 256;                   // whole blocks of the K formats
  c.head_dim = c.rope.dim = 16;  // heads narrower than their share
  c.attn_bias = c.key_bias = c.ffn_bias = true;
  c.norm_eps = 1e-6;
  c.rope.theta = 5e5;
  c.rope.scaling = {.kind = RopeScalingKind::kLlama3,
                    .factor = 32,
                    .original_context = 8192,
                    .low_freq = 1,
                    .high_freq = 4};
  AddTiny("llama-3", "llama", c, all);

  c.out_bias = false;
  c.rope.scaling.original_context = 40;  // and numbers nobody uses
  c.rope.scaling.low_freq = 0.5;
  c.rope.scaling.high_freq = 3;
  AddTiny("llama-odd", "llama", c, all);

  c = llama;
  c.rope.scaling = {
      .kind = RopeScalingKind::kLlama3, .factor = 4, .original_context = 1};
  AddTiny("llama-linear", "llama", c, all);
  c.rope.scaling = {.kind = RopeScalingKind::kYarn,
                    .factor = 4,
                    .original_context = 16,
                    .low_freq = 1,
                    .high_freq = 32};
  AddTiny("llama-yarn", "llama", c, all);
}

inline void AddTinyQwens(std::vector<ModelConfig>& all) {
  ModelConfig c = TinyLlama();
  c.rope.style = RopeStyle::kHalf;
  c.attn_bias = c.key_bias = true;
  c.out_bias = false;
  AddTiny("qwen2", "qwen2", c, all);

  c = TinyLlama();
  c.family = Family::kQwen3;
  c.rope.style = RopeStyle::kHalf;
  c.qk_norm = QkNorm::kPerHead;
  c.tied_head = true;
  AddTiny("qwen3", "qwen3", c, all);

  c.ffn = 0;
  c.moe.experts = 4;
  c.moe.top_k = 2;
  c.moe.expert_ffn = 32;
  c.moe.router = Router::kSoftmax;
  c.moe.normalize = true;
  AddTiny("qwen3moe", "qwen3moe", c, all);
}

inline void AddTinyWithLayerNorm(std::vector<ModelConfig>& all) {
  ModelConfig c = TinyLlama();
  c.family = Family::kGpt2;
  c.kv_heads = c.heads;
  c.norm = NormKind::kLayer;
  c.activation = Activation::kGeluTanh;
  c.positions = Positions::kLearned;
  c.rope.dim = 0;
  c.attn_bias = c.key_bias = c.ffn_bias = true;
  AddTiny("gpt2", "gpt2", c, all);
  c.tied_head = true;
  AddTiny("gpt2-tied", "gpt2", c, all);

  c.tied_head = false;
  c.family = Family::kBert;
  c.norm_place = NormPlace::kPost;
  c.norm_eps = 1e-12;
  c.activation = Activation::kGeluErf;
  c.segments = 2;
  AddTiny("bert", "bert", c, all);
  c.pooler = true;
  AddTiny("bert-pooled", "bert", c, all);
  c.segments = 1;
  c.classes = 3;
  c.head_bias = true;
  AddTiny("bert-classes", "bert", c, all);
}

inline void AddTinyDeepseek(std::vector<ModelConfig>& all) {
  ModelConfig c = TinyLlama();
  c.family = Family::kDeepseek;
  c.layers = 3;
  c.ffn = 0;
  c.kv_heads = c.heads;
  c.head_dim = 12;
  c.rope.dim = 4;
  c.rope.scaling = {.kind = RopeScalingKind::kYarn,
                    .factor = 40,
                    .original_context = 16,
                    .low_freq = 1,
                    .high_freq = 32};
  c.mla = {
      .q_lora = 24, .kv_lora = 16, .nope_dim = 8, .rope_dim = 4, .v_dim = 6};
  c.moe.experts = 8;
  c.moe.top_k = 3;
  c.moe.expert_ffn = 32;
  c.moe.shared_experts = 2;
  c.moe.dense_layers = 1;
  c.moe.dense_ffn = 64;
  c.moe.groups = 4;
  c.moe.groups_used = 2;
  c.moe.router = Router::kSigmoid;
  c.moe.router_bias = true;
  c.moe.normalize = true;
  c.moe.scale = 2.5;
  AddTiny("deepseek", "deepseek2", c, all);
}

inline std::vector<ModelConfig> TinyGgufConfigs() {
  std::vector<ModelConfig> all;
  AddTinyLlamas(all);
  AddTinyQwens(all);
  AddTinyWithLayerNorm(all);
  AddTinyDeepseek(all);
  return all;
}

}  // namespace triptych

#endif  // TRIPTYCH_TESTS_MODELS_TINY_GGUF_CONFIGS_H_
