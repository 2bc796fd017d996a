// Wan 2.x: one step of a diffusion transformer over video latents. Layers are
// steered by the time step (adaptive norms: six vectors a layer) and attend
// to the text. One of the model's experts; a generation runs
// diffusion.steps * diffusion.passes_per_step of these.
// SPDX-License-Identifier: Apache-2.0
#include "models/build/blocks.h"

namespace triptych {
namespace {

ValueId Modulate(Blocks& b, const std::string& local, ValueId x, ValueId shift,
                 int shift_part, ValueId scale, int scale_part) {
  return b.graph.Add("modulate", b.Name(local), {x, shift, scale},
                     {{"shift", static_cast<double>(shift_part)},
                      {"scale", static_cast<double>(scale_part)}});
}

ValueId GatedAdd(Blocks& b, const std::string& local, ValueId x, ValueId y,
                 ValueId m, int part) {
  return b.graph.Add("gated_add", b.Name(local), {x, y, m},
                     {{"gate", static_cast<double>(part)}});
}

ValueId AddWeight(Blocks& b, const std::string& local, ValueId x) {
  const std::string name = b.Name(local);
  return b.graph.Add("add_rows", name,
                     {x, b.graph.Weight(name, 1, b.graph.ShapeOf(x).cols)});
}

ValueId CrossAttention(Blocks& b, ValueId x, ValueId text) {
  const ModelConfig& c = b.config;
  const int64_t dim = c.q_dim();
  const ValueId q = b.RmsNorm(
      "cross.q_norm", b.Linear("cross.q", x, dim, c.attn_bias), dim, dim);
  const ValueId k = b.RmsNorm(
      "cross.k_norm", b.Linear("cross.k", text, dim, c.key_bias), dim, dim);
  const ValueId v = b.Linear("cross.v", text, dim, c.attn_bias);
  const ValueId mixed = b.Attend("cross.attention", q, k, v, c.heads, false);
  return b.Linear("cross.o", mixed, c.dim, c.attn_bias);
}

ValueId Layer(Blocks& b, ValueId x, ValueId time, ValueId text) {
  const ModelConfig& c = b.config;
  const ValueId m = AddWeight(b, "modulation", time);
  ValueId h = Modulate(b, "attn.modulate", b.LayerNorm("norm.attn", x, false),
                       m, 0, m, 1);
  x = GatedAdd(b, "attn.residual", x, b.SelfAttention("attn", h, false), m, 2);
  h = CrossAttention(b, b.LayerNorm("norm.cross", x, true), text);
  x = b.Add("cross.residual", x, h);
  h = Modulate(b, "ffn.modulate", b.LayerNorm("norm.ffn", x, false), m, 3, m,
               4);
  return GatedAdd(b, "ffn.residual", x, b.FeedForward("ffn", h, c.ffn), m, 5);
}

}  // namespace

Status BuildWan(Blocks& b) {
  const ModelConfig& c = b.config;
  const DiffusionConfig& d = c.diffusion;
  const ValueId latents = b.graph.Input(
      "latents", {RowsPerSequence(c.patch.tokens()), c.patch.features()});
  const ValueId time_in = b.graph.Input("time", {kBatchRows, d.time_features});
  const ValueId text_in =
      b.graph.Input("text", {RowsPerSequence(d.text_tokens), d.text_dim});

  ValueId x = b.Linear("patch_embed", latents, c.dim, true);
  ValueId text = b.Linear("text_embed.0", text_in, c.dim, true);
  text = b.Linear("text_embed.1", b.Unary("gelu_tanh", "text_embed.gelu", text),
                  c.dim, true);
  ValueId time = b.Linear("time_embed.0", time_in, c.dim, true);
  time = b.Linear("time_embed.1", b.Unary("silu", "time_embed.silu", time),
                  c.dim, true);
  const ValueId steer =
      b.Linear("time_projection", b.Unary("silu", "time_projection.silu", time),
               6 * c.dim, true);
  for (int64_t layer = 0; layer < c.layers; ++layer) {
    b.EnterLayer("layers.", layer);
    x = Layer(b, x, steer, text);
  }
  b.LeaveLayers();
  x = Modulate(b, "head.modulate", b.LayerNorm("norm.head", x, false),
               AddWeight(b, "head.shift", time), 0,
               AddWeight(b, "head.scale", time), 0);
  x = b.Linear("head", x, c.patch.features(), true);
  b.graph.AddEntry(Phase::kEncode, 0, x);
  return {};
}

}  // namespace triptych
