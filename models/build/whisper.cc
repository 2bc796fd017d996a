// Whisper: an encoder of mel frames whose output every decoder layer attends
// to. The encode entry leaves each layer's cross keys and values in caches;
// prefill and decode read them.
// SPDX-License-Identifier: Apache-2.0
#include "models/build/blocks.h"

namespace triptych {
namespace {

ValueId Convolve(Blocks& b, const std::string& name, ValueId x, int stride) {
  const ValueId windows =
      b.graph.Add("im2col", name + ".windows", {x},
                  {{"kernel", 3}, {"stride", static_cast<double>(stride)}});
  const ValueId y = b.Linear(name, windows, b.config.dim, true);
  return b.Unary("gelu_erf", name + ".gelu", y);
}

ValueId Encoder(Blocks& b) {
  const ModelConfig& c = b.config;
  const ValueId frames =
      b.graph.Input("frames", {RowsPerSequence(c.audio.frames), c.audio.mels});
  ValueId e = Convolve(b, "encoder.conv1", frames, 1);
  e = Convolve(b, "encoder.conv2", e, 2);
  e = b.graph.Add("pos_sinusoid", "encoder.pos", {e});
  for (int64_t layer = 0; layer < c.audio.layers; ++layer) {
    b.EnterLayer("encoder.layers.", layer);
    e = b.EncoderLayer(e);
  }
  b.LeaveLayers();
  return b.Norm("encoder.norm.final", e);
}

// What one decoder layer attends to.
struct Memory {
  ValueId keys, values;
};

Memory Remember(Blocks& b, ValueId e) {
  const ModelConfig& c = b.config;
  const Shape shape{RowsPerSequence(c.audio.context), c.kv_dim()};
  const ValueId k = b.Linear("cross.k", e, c.kv_dim(), c.key_bias);
  const ValueId v = b.Linear("cross.v", e, c.kv_dim(), c.attn_bias);
  const ValueId k_cache = b.graph.Cache(b.Name("cross.k_cache"), shape);
  const ValueId v_cache = b.graph.Cache(b.Name("cross.v_cache"), shape);
  return {b.graph.Add("kv_append", b.Name("cross.k_append"), {k, k_cache}),
          b.graph.Add("kv_append", b.Name("cross.v_append"), {v, v_cache})};
}

ValueId DecoderLayer(Blocks& b, ValueId x, const Memory& memory) {
  const ModelConfig& c = b.config;
  x = b.Add("attn.residual", x,
            b.SelfAttention("attn", b.Norm("norm.attn", x), true));
  const ValueId q =
      b.Linear("cross.q", b.Norm("norm.cross", x), c.q_dim(), c.attn_bias);
  const ValueId mixed = b.Attend("cross.attention", q, memory.keys,
                                 memory.values, c.kv_heads, false);
  x = b.Add("cross.residual", x,
            b.Linear("cross.o", mixed, c.dim, c.attn_bias));
  return b.Add("ffn.residual", x,
               b.FeedForward("ffn", b.Norm("norm.ffn", x), c.ffn));
}

}  // namespace

Status BuildWhisper(Blocks& b) {
  const ModelConfig& c = b.config;
  const ValueId e = Encoder(b);
  std::vector<Memory> memories;
  for (int64_t layer = 0; layer < c.layers; ++layer) {
    b.EnterLayer("layers.", layer);
    memories.push_back(Remember(b, e));
  }
  b.LeaveLayers();
  b.graph.AddEntry(Phase::kEncode, 0, e);

  const NodeId first = b.graph.next_node();
  const ValueId tokens = b.graph.Input("tokens", {kTokenRows, 1});
  const ValueId embedding = b.graph.Weight("tok_embed", c.vocab, c.dim);
  ValueId x = b.graph.Add("embed", "embed", {tokens, embedding});
  x = b.graph.Add("pos_embed", "pos",
                  {x, b.graph.Weight("pos_embed", c.context, c.dim)});
  for (int64_t layer = 0; layer < c.layers; ++layer) {
    b.EnterLayer("layers.", layer);
    x = DecoderLayer(b, x, memories[static_cast<size_t>(layer)]);
  }
  b.LeaveLayers();
  const ValueId logits = b.Head(b.Norm("norm.final", x), embedding);
  b.graph.AddEntry(Phase::kPrefill, first, logits);
  b.graph.AddEntry(Phase::kDecode, first, logits);
  return {};
}

}  // namespace triptych
