// Every number of a ModelConfig by its key: what reads, checks or lists a
// configuration walks this one table. A new member needs its line here.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_PRESETS_CONFIG_KEYS_H_
#define TRIPTYCH_MODELS_PRESETS_CONFIG_KEYS_H_

#include "models/config.h"

namespace triptych {

// Calls visit(key, member) for each. Members are int64_t, double, bool,
// std::array<int64_t, 3> and the enumerations of config.h.
template <class Config, class Visit>
void VisitKeys(Config& c, Visit&& visit) {
  visit("family", c.family);
  visit("layers", c.layers);
  visit("dim", c.dim);
  visit("ffn", c.ffn);
  visit("heads", c.heads);
  visit("kv_heads", c.kv_heads);
  visit("head_dim", c.head_dim);
  visit("vocab", c.vocab);
  visit("context", c.context);
  visit("norm", c.norm);
  visit("norm_place", c.norm_place);
  visit("norm_eps", c.norm_eps);
  visit("activation", c.activation);
  visit("qk_norm", c.qk_norm);
  visit("positions", c.positions);
  visit("tied_head", c.tied_head);
  visit("attn_bias", c.attn_bias);
  visit("key_bias", c.key_bias);
  visit("out_bias", c.out_bias);
  visit("ffn_bias", c.ffn_bias);
  visit("head_bias", c.head_bias);
  visit("segments", c.segments);
  visit("classes", c.classes);
  visit("class_token", c.class_token);
  visit("pooler", c.pooler);

  visit("rope.style", c.rope.style);
  visit("rope.theta", c.rope.theta);
  visit("rope.dim", c.rope.dim);
  visit("rope.axes", c.rope.axes);
  visit("rope.scaling.kind", c.rope.scaling.kind);
  visit("rope.scaling.factor", c.rope.scaling.factor);
  visit("rope.scaling.original_context", c.rope.scaling.original_context);
  visit("rope.scaling.low_freq", c.rope.scaling.low_freq);
  visit("rope.scaling.high_freq", c.rope.scaling.high_freq);
  visit("rope.scaling.log_multiplier", c.rope.scaling.log_multiplier);

  visit("moe.experts", c.moe.experts);
  visit("moe.top_k", c.moe.top_k);
  visit("moe.expert_ffn", c.moe.expert_ffn);
  visit("moe.shared_experts", c.moe.shared_experts);
  visit("moe.dense_layers", c.moe.dense_layers);
  visit("moe.dense_ffn", c.moe.dense_ffn);
  visit("moe.groups", c.moe.groups);
  visit("moe.groups_used", c.moe.groups_used);
  visit("moe.router", c.moe.router);
  visit("moe.router_bias", c.moe.router_bias);
  visit("moe.normalize", c.moe.normalize);
  visit("moe.scale", c.moe.scale);

  visit("mla.q_lora", c.mla.q_lora);
  visit("mla.kv_lora", c.mla.kv_lora);
  visit("mla.nope_dim", c.mla.nope_dim);
  visit("mla.rope_dim", c.mla.rope_dim);
  visit("mla.v_dim", c.mla.v_dim);

  visit("patch.frames", c.patch.frames);
  visit("patch.height", c.patch.height);
  visit("patch.width", c.patch.width);
  visit("patch.channels", c.patch.channels);
  visit("patch.patch_frames", c.patch.patch_frames);
  visit("patch.patch_height", c.patch.patch_height);
  visit("patch.patch_width", c.patch.patch_width);

  visit("audio.layers", c.audio.layers);
  visit("audio.mels", c.audio.mels);
  visit("audio.frames", c.audio.frames);
  visit("audio.context", c.audio.context);

  visit("diffusion.text_tokens", c.diffusion.text_tokens);
  visit("diffusion.text_dim", c.diffusion.text_dim);
  visit("diffusion.time_features", c.diffusion.time_features);
  visit("diffusion.steps", c.diffusion.steps);
  visit("diffusion.passes_per_step", c.diffusion.passes_per_step);
  visit("diffusion.experts", c.diffusion.experts);
  visit("diffusion.vae_stride", c.diffusion.vae_stride);
}

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_PRESETS_CONFIG_KEYS_H_
