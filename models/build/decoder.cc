// Decoders: Llama, Qwen3 (dense and experts), DeepSeek-V3, GPT-2.
// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "models/build/blocks.h"

namespace triptych {
namespace {

// DeepSeek's attention: Q through a bottleneck, K and V as one latent row in
// the cache, whose last part is rotated and shared by all heads.
ValueId LatentAttention(Blocks& b, ValueId x) {
  const ModelConfig& c = b.config;
  const MlaConfig& m = c.mla;
  const int64_t q_head = m.nope_dim + m.rope_dim;
  const ValueId q_low =
      b.RmsNorm("attn.q_a_norm", b.Linear("attn.q_a", x, m.q_lora, false),
                m.q_lora, m.q_lora);
  const ValueId q = b.Rope("attn.q_rope",
                           b.Linear("attn.q_b", q_low, c.heads * q_head, false),
                           c.heads, q_head, m.nope_dim);
  const int64_t latent = m.kv_lora + m.rope_dim;
  const ValueId kv =
      b.RmsNorm("attn.kv_a_norm", b.Linear("attn.kv_a", x, latent, false),
                m.kv_lora, m.kv_lora);
  const ValueId rotated = b.Rope("attn.kv_rope", kv, 1, latent, m.kv_lora);
  const ValueId cache =
      b.graph.Cache(b.Name("attn.kv_cache"), {kCacheRows, latent});
  const ValueId keys =
      b.graph.Add("kv_append", b.Name("attn.kv_append"), {rotated, cache});
  const ValueId up = b.graph.Weight(
      b.Name("attn.kv_b"), c.heads * (m.nope_dim + m.v_dim), m.kv_lora);
  const double scale =
      c.rope.scaling.ScoreScale() / std::sqrt(static_cast<double>(q_head));
  const ValueId mixed =
      b.graph.Add("mla_attention", b.Name("attn.attention"), {q, keys, up},
                  {{"heads", static_cast<double>(c.heads)},
                   {"kv_lora", static_cast<double>(m.kv_lora)},
                   {"nope_dim", static_cast<double>(m.nope_dim)},
                   {"rope_dim", static_cast<double>(m.rope_dim)},
                   {"v_dim", static_cast<double>(m.v_dim)},
                   {"scale", scale}});
  return b.Linear("attn.o", mixed, c.dim, false);
}

ValueId Experts(Blocks& b, ValueId x) {
  const ModelConfig& c = b.config;
  const MoeConfig& m = c.moe;
  std::vector<ValueId> logits = {b.Linear("moe.router", x, m.experts, false)};
  if (m.router_bias) {
    logits.push_back(b.graph.Weight(b.Name("moe.router_bias"), 1, m.experts));
  }
  const ValueId routing =
      b.graph.Add("moe_route", b.Name("moe.route"), logits,
                  {{"top_k", static_cast<double>(m.top_k)},
                   {"sigmoid", m.router == Router::kSigmoid ? 1.0 : 0.0},
                   {"groups", static_cast<double>(m.groups)},
                   {"groups_used", static_cast<double>(m.groups_used)},
                   {"normalize", m.normalize ? 1.0 : 0.0},
                   {"scale", m.scale}});
  const int64_t rows = m.experts * m.expert_ffn;
  const ValueId gate = b.graph.Weight(b.Name("moe.gate"), rows, c.dim);
  const ValueId up = b.graph.Weight(b.Name("moe.up"), rows, c.dim);
  const ValueId down =
      b.graph.Weight(b.Name("moe.down"), m.experts * c.dim, m.expert_ffn);
  ValueId y = b.graph.Add("moe_ffn", b.Name("moe.experts"),
                          {x, routing, gate, up, down},
                          {{"experts", static_cast<double>(m.experts)},
                           {"top_k", static_cast<double>(m.top_k)}});
  if (m.shared_experts > 0) {
    const ValueId shared =
        b.FeedForward("moe.shared", x, m.shared_experts * m.expert_ffn);
    y = b.Add("moe.sum", y, shared);
  }
  return y;
}

ValueId Network(Blocks& b, ValueId x, int64_t layer) {
  const MoeConfig& m = b.config.moe;
  if (m.experts == 0) return b.FeedForward("ffn", x, b.config.ffn);
  if (layer < m.dense_layers) return b.FeedForward("ffn", x, m.dense_ffn);
  return Experts(b, x);
}

}  // namespace

Status BuildDecoder(Blocks& b) {
  const ModelConfig& c = b.config;
  const ValueId tokens = b.graph.Input("tokens", {kTokenRows, 1});
  const ValueId embedding = b.graph.Weight("tok_embed", c.vocab, c.dim);
  ValueId x = b.graph.Add("embed", "embed", {tokens, embedding});
  if (c.positions == Positions::kLearned) {
    const ValueId table = b.graph.Weight("pos_embed", c.context, c.dim);
    x = b.graph.Add("pos_embed", "pos", {x, table});
  }
  for (int64_t layer = 0; layer < c.layers; ++layer) {
    b.EnterLayer("layers.", layer);
    const ValueId h = b.Norm("norm.attn", x);
    const ValueId a = c.mla.kv_lora > 0 ? LatentAttention(b, h)
                                        : b.SelfAttention("attn", h, true);
    x = b.Add("attn.residual", x, a);
    x = b.Add("ffn.residual", x, Network(b, b.Norm("norm.ffn", x), layer));
  }
  b.LeaveLayers();
  const ValueId logits = b.Head(b.Norm("norm.final", x), embedding);
  b.graph.AddEntry(Phase::kPrefill, 0, logits);
  b.graph.AddEntry(Phase::kDecode, 0, logits);
  return {};
}

}  // namespace triptych
