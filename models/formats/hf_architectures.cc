// The architectures that are read from Hugging Face checkpoints, as data.
// Keys, their defaults and the tensors' names are those of the configuration
// and model classes of huggingface/transformers.
// SPDX-License-Identifier: Apache-2.0
#include "models/formats/hf_config.h"

namespace triptych {
namespace {

// ---- Decoders with rotated positions ----

constexpr HfKey kLlamaKeys[] = {
    {"num_hidden_layers", "layers"},
    {"hidden_size", "dim"},
    {"intermediate_size", "ffn"},
    {"num_attention_heads", "heads"},
    {"num_key_value_heads", "kv_heads", true},
    {"head_dim", "head_dim", true},
    {"vocab_size", "vocab"},
    {"max_position_embeddings", "context"},
    {"rms_norm_eps", "norm_eps", true},
    {"tie_word_embeddings", "tied_head", true},
    {"attention_bias", "attn_bias", true},
    {"attention_bias", "key_bias", true},
    {"mlp_bias", "ffn_bias", true},
};
constexpr HfDemand kLlamaDemands[] = {
    {"hidden_act", "\"silu\""},
    {"sliding_window", "null"},
    {"partial_rotary_factor", "1"},
};

constexpr HfDemand kQwen2Demands[] = {
    {"hidden_act", "\"silu\""},
    {"use_sliding_window", "false"},
};

constexpr HfKey kQwen3MoeKeys[] = {
    {"num_hidden_layers", "layers"},
    {"hidden_size", "dim"},
    {"num_attention_heads", "heads"},
    {"num_key_value_heads", "kv_heads"},
    {"head_dim", "head_dim", true},
    {"vocab_size", "vocab"},
    {"max_position_embeddings", "context"},
    {"rms_norm_eps", "norm_eps", true},
    {"tie_word_embeddings", "tied_head", true},
    {"num_experts", "moe.experts"},
    {"num_experts_per_tok", "moe.top_k"},
    {"moe_intermediate_size", "moe.expert_ffn"},
    {"norm_topk_prob", "moe.normalize", true},
};
// Qwen2's and Qwen3's.
constexpr HfKey kQwenKeys[] = {
    {"num_hidden_layers", "layers"},
    {"hidden_size", "dim"},
    {"intermediate_size", "ffn"},
    {"num_attention_heads", "heads"},
    {"num_key_value_heads", "kv_heads"},
    {"head_dim", "head_dim", true},
    {"vocab_size", "vocab"},
    {"max_position_embeddings", "context"},
    {"rms_norm_eps", "norm_eps", true},
    {"tie_word_embeddings", "tied_head", true},
};
// A window that is not used may have a size.
constexpr HfDemand kQwen3Demands[] = {
    {"hidden_act", "\"silu\""},      {"attention_bias", "false"},
    {"use_sliding_window", "false"}, {"decoder_sparse_step", "1"},
    {"mlp_only_layers", "[]"},
};

constexpr HfKey kDeepseekKeys[] = {
    {"num_hidden_layers", "layers"},
    {"hidden_size", "dim"},
    {"intermediate_size", "moe.dense_ffn"},
    {"num_attention_heads", "heads"},
    {"vocab_size", "vocab"},
    {"max_position_embeddings", "context"},
    {"rms_norm_eps", "norm_eps", true},
    {"tie_word_embeddings", "tied_head", true},
    {"q_lora_rank", "mla.q_lora"},
    {"kv_lora_rank", "mla.kv_lora"},
    {"qk_nope_head_dim", "mla.nope_dim"},
    {"qk_rope_head_dim", "mla.rope_dim"},
    {"v_head_dim", "mla.v_dim"},
    {"n_routed_experts", "moe.experts"},
    {"num_experts_per_tok", "moe.top_k"},
    {"moe_intermediate_size", "moe.expert_ffn"},
    {"n_shared_experts", "moe.shared_experts", false, 0},
    {"first_k_dense_replace", "moe.dense_layers", false, 0},
    {"n_group", "moe.groups"},
    {"topk_group", "moe.groups_used"},
    {"norm_topk_prob", "moe.normalize", true},
    {"routed_scaling_factor", "moe.scale", true},
};
// The norms of the bottlenecks have this eps whatever the others have.
constexpr HfDemand kDeepseekDemands[] = {
    {"hidden_act", "\"silu\""},      {"attention_bias", "false"},
    {"rms_norm_eps", "1e-06"},       {"moe_layer_freq", "1"},
    {"scoring_func", "\"sigmoid\""}, {"topk_method", "\"noaux_tc\""},
};

constexpr HfTensorRule kDecoderTensors[] = {
    {"tok_embed", "embed_tokens"},
    {"layers.#.norm.attn", "layers.#.input_layernorm"},
    {"layers.#.attn.q", "layers.#.self_attn.q_proj"},
    {"layers.#.attn.k", "layers.#.self_attn.k_proj"},
    {"layers.#.attn.v", "layers.#.self_attn.v_proj"},
    {"layers.#.attn.o", "layers.#.self_attn.o_proj"},
    {"layers.#.attn.q_norm", "layers.#.self_attn.q_norm"},
    {"layers.#.attn.k_norm", "layers.#.self_attn.k_norm"},
    {"layers.#.attn.q_a", "layers.#.self_attn.q_a_proj"},
    {"layers.#.attn.q_a_norm", "layers.#.self_attn.q_a_layernorm"},
    {"layers.#.attn.q_b", "layers.#.self_attn.q_b_proj"},
    {"layers.#.attn.kv_a", "layers.#.self_attn.kv_a_proj_with_mqa"},
    {"layers.#.attn.kv_a_norm", "layers.#.self_attn.kv_a_layernorm"},
    {"layers.#.attn.kv_b", "layers.#.self_attn.kv_b_proj"},
    {"layers.#.norm.ffn", "layers.#.post_attention_layernorm"},
    {"layers.#.ffn.gate", "layers.#.mlp.gate_proj"},
    {"layers.#.ffn.up", "layers.#.mlp.up_proj"},
    {"layers.#.ffn.down", "layers.#.mlp.down_proj"},
    {"layers.#.moe.router", "layers.#.mlp.gate"},
    {"layers.#.moe.router_bias", "layers.#.mlp.gate.e_score_correction_bias"},
    {"layers.#.moe.gate", "layers.#.mlp.experts.*.gate_proj"},
    {"layers.#.moe.up", "layers.#.mlp.experts.*.up_proj"},
    {"layers.#.moe.down", "layers.#.mlp.experts.*.down_proj"},
    {"layers.#.moe.shared.gate", "layers.#.mlp.shared_experts.gate_proj"},
    {"layers.#.moe.shared.up", "layers.#.mlp.shared_experts.up_proj"},
    {"layers.#.moe.shared.down", "layers.#.mlp.shared_experts.down_proj"},
    {"norm.final", "norm"},
    {"head", "lm_head"},
};
// Frequencies follow from the configuration; a tied head may be written out;
// DeepSeek's last layers predict a second token.
constexpr std::string_view kDecoderLeftOut[] = {
    "layers.#.self_attn.rotary_emb.inv_freq",
};
constexpr std::string_view kDeepseekLeftOut[] = {
    "layers.#.self_attn.rotary_emb.inv_freq",
    "layers.+.*",
};

// ---- GPT-2 ----

constexpr HfKey kGpt2Keys[] = {
    {"n_layer", "layers"},
    {"n_embd", "dim"},
    {"n_inner", "ffn", true},
    {"n_head", "heads"},
    {"vocab_size", "vocab"},
    {"n_positions", "context"},
    {"layer_norm_epsilon", "norm_eps", true},
    {"activation_function", "activation", true},
    {"tie_word_embeddings", "tied_head", true},
};
constexpr HfDemand kGpt2Demands[] = {
    {"scale_attn_weights", "true"},
    {"scale_attn_by_inverse_layer_idx", "false"},
    {"add_cross_attention", "false"},
};
constexpr HfLayout kConv1D = HfLayout::kTransposed;
constexpr HfTensorRule kGpt2Tensors[] = {
    {"tok_embed", "wte"},
    {"pos_embed", "wpe"},
    {"layers.#.norm.attn", "h.#.ln_1"},
    {"layers.#.attn.q", "h.#.attn.c_attn", kConv1D, 0, 3},
    {"layers.#.attn.k", "h.#.attn.c_attn", kConv1D, 1, 3},
    {"layers.#.attn.v", "h.#.attn.c_attn", kConv1D, 2, 3},
    {"layers.#.attn.o", "h.#.attn.c_proj", kConv1D},
    {"layers.#.norm.ffn", "h.#.ln_2"},
    {"layers.#.ffn.up", "h.#.mlp.c_fc", kConv1D},
    {"layers.#.ffn.down", "h.#.mlp.c_proj", kConv1D},
    {"norm.final", "ln_f"},
    {"head", "lm_head"},
};
// The causal mask, as older versions wrote it.
constexpr std::string_view kGpt2LeftOut[] = {
    "h.#.attn.bias",
    "h.#.attn.masked_bias",
};

// ---- BERT ----

constexpr HfKey kBertKeys[] = {
    {"num_hidden_layers", "layers"},
    {"hidden_size", "dim"},
    {"intermediate_size", "ffn"},
    {"num_attention_heads", "heads"},
    {"vocab_size", "vocab"},
    {"max_position_embeddings", "context"},
    {"type_vocab_size", "segments"},
    {"layer_norm_eps", "norm_eps", true},
    {"hidden_act", "activation", true},
};
constexpr HfDemand kBertDemands[] = {
    {"position_embedding_type", "\"absolute\""},
    {"is_decoder", "false"},
    {"add_cross_attention", "false"},
};
constexpr HfTensorRule kBertTensors[] = {
    {"tok_embed", "embeddings.word_embeddings"},
    {"pos_embed", "embeddings.position_embeddings"},
    {"segment_embed", "embeddings.token_type_embeddings"},
    {"norm.embed", "embeddings.LayerNorm"},
    {"layers.#.attn.q", "encoder.layer.#.attention.self.query"},
    {"layers.#.attn.k", "encoder.layer.#.attention.self.key"},
    {"layers.#.attn.v", "encoder.layer.#.attention.self.value"},
    {"layers.#.attn.o", "encoder.layer.#.attention.output.dense"},
    {"layers.#.norm.attn", "encoder.layer.#.attention.output.LayerNorm"},
    {"layers.#.ffn.up", "encoder.layer.#.intermediate.dense"},
    {"layers.#.ffn.down", "encoder.layer.#.output.dense"},
    {"layers.#.norm.ffn", "encoder.layer.#.output.LayerNorm"},
    {"pooler", "pooler.dense"},
};
// What predicts masked words and next sentences; the graph ends before it.
constexpr std::string_view kBertLeftOut[] = {
    "embeddings.position_ids",
    "cls.*",
};
constexpr std::string_view kMaskedLmLeftOut[] = {
    "embeddings.position_ids",
    "cls.*",
    "pooler.*",
};

// ---- ViT ----

constexpr HfKey kVitKeys[] = {
    {"num_hidden_layers", "layers"},
    {"hidden_size", "dim"},
    {"intermediate_size", "ffn"},
    {"num_attention_heads", "heads"},
    {"layer_norm_eps", "norm_eps", true},
    {"hidden_act", "activation", true},
    {"image_size", "patch.height", true},
    {"image_size", "patch.width", true},
    {"patch_size", "patch.patch_height", true},
    {"patch_size", "patch.patch_width", true},
    {"num_channels", "patch.channels", true},
    {"num_labels", "classes", true},
};
constexpr HfDemand kVitDemands[] = {
    {"qkv_bias", "true"},
};
constexpr HfTensorRule kVitTensors[] = {
    {"patch_embed", "embeddings.patch_embeddings.projection"},
    {"class_token", "embeddings.cls_token"},
    {"pos_embed", "embeddings.position_embeddings"},
    {"layers.#.norm.attn", "encoder.layer.#.layernorm_before"},
    {"layers.#.attn.q", "encoder.layer.#.attention.attention.query"},
    {"layers.#.attn.k", "encoder.layer.#.attention.attention.key"},
    {"layers.#.attn.v", "encoder.layer.#.attention.attention.value"},
    {"layers.#.attn.o", "encoder.layer.#.attention.output.dense"},
    {"layers.#.norm.ffn", "encoder.layer.#.layernorm_after"},
    {"layers.#.ffn.up", "encoder.layer.#.intermediate.dense"},
    {"layers.#.ffn.down", "encoder.layer.#.output.dense"},
    {"norm.final", "layernorm"},
    {"head", "classifier"},
};

// ---- Whisper ----

constexpr HfKey kWhisperKeys[] = {
    {"decoder_layers", "layers"},
    {"encoder_layers", "audio.layers"},
    {"d_model", "dim"},
    {"decoder_ffn_dim", "ffn"},
    {"decoder_attention_heads", "heads"},
    {"vocab_size", "vocab"},
    {"max_target_positions", "context"},
    {"max_source_positions", "audio.context"},
    {"num_mel_bins", "audio.mels"},
    {"activation_function", "activation", true},
    {"tie_word_embeddings", "tied_head", true},
};
constexpr HfDemand kWhisperDemands[] = {
    {"scale_embedding", "false"},
};
constexpr HfTensorRule kWhisperTensors[] = {
    {"encoder.conv1", "encoder.conv1", HfLayout::kTaps},
    {"encoder.conv2", "encoder.conv2", HfLayout::kTaps},
    {"encoder.layers.#.norm.attn", "encoder.layers.#.self_attn_layer_norm"},
    {"encoder.layers.#.attn.q", "encoder.layers.#.self_attn.q_proj"},
    {"encoder.layers.#.attn.k", "encoder.layers.#.self_attn.k_proj"},
    {"encoder.layers.#.attn.v", "encoder.layers.#.self_attn.v_proj"},
    {"encoder.layers.#.attn.o", "encoder.layers.#.self_attn.out_proj"},
    {"encoder.layers.#.norm.ffn", "encoder.layers.#.final_layer_norm"},
    {"encoder.layers.#.ffn.up", "encoder.layers.#.fc1"},
    {"encoder.layers.#.ffn.down", "encoder.layers.#.fc2"},
    {"encoder.norm.final", "encoder.layer_norm"},
    {"tok_embed", "decoder.embed_tokens"},
    {"pos_embed", "decoder.embed_positions"},
    {"layers.#.norm.attn", "decoder.layers.#.self_attn_layer_norm"},
    {"layers.#.attn.q", "decoder.layers.#.self_attn.q_proj"},
    {"layers.#.attn.k", "decoder.layers.#.self_attn.k_proj"},
    {"layers.#.attn.v", "decoder.layers.#.self_attn.v_proj"},
    {"layers.#.attn.o", "decoder.layers.#.self_attn.out_proj"},
    {"layers.#.norm.cross", "decoder.layers.#.encoder_attn_layer_norm"},
    {"layers.#.cross.q", "decoder.layers.#.encoder_attn.q_proj"},
    {"layers.#.cross.k", "decoder.layers.#.encoder_attn.k_proj"},
    {"layers.#.cross.v", "decoder.layers.#.encoder_attn.v_proj"},
    {"layers.#.cross.o", "decoder.layers.#.encoder_attn.out_proj"},
    {"layers.#.norm.ffn", "decoder.layers.#.final_layer_norm"},
    {"layers.#.ffn.up", "decoder.layers.#.fc1"},
    {"layers.#.ffn.down", "decoder.layers.#.fc2"},
    {"norm.final", "decoder.layer_norm"},
    {"head", "proj_out"},
};
// The encoder's positions are sines, which the graph computes.
constexpr std::string_view kWhisperLeftOut[] = {
    "encoder.embed_positions.weight",
};

// ---- What a name alone says ----

ModelConfig Rotated(Family family, QkNorm qk_norm) {
  ModelConfig c;
  c.family = family;
  c.norm_eps = 1e-6;
  c.qk_norm = qk_norm;
  c.rope.style = RopeStyle::kHalf;
  return c;
}

ModelConfig Llama() { return Rotated(Family::kLlama, QkNorm::kNone); }

// Biases, though not of the output.
ModelConfig Qwen2() {
  ModelConfig c = Rotated(Family::kLlama, QkNorm::kNone);
  c.attn_bias = c.key_bias = true;
  c.out_bias = false;
  return c;
}

ModelConfig Qwen3() { return Rotated(Family::kQwen3, QkNorm::kPerHead); }

ModelConfig Qwen3Moe() {
  ModelConfig c = Qwen3();
  c.moe.router = Router::kSoftmax;
  return c;
}

ModelConfig Deepseek() {
  ModelConfig c = Rotated(Family::kDeepseek, QkNorm::kNone);
  c.rope.style = RopeStyle::kInterleaved;
  c.moe.router = Router::kSigmoid;
  c.moe.router_bias = true;
  c.moe.normalize = true;
  c.moe.scale = 2.5;
  return c;
}

// Layer norms, biases and no rotation.
ModelConfig Classic(Family family, NormPlace place, Activation activation,
                    double eps) {
  ModelConfig c;
  c.family = family;
  c.norm = NormKind::kLayer;
  c.norm_place = place;
  c.norm_eps = eps;
  c.activation = activation;
  c.positions = Positions::kLearned;
  c.attn_bias = c.key_bias = c.ffn_bias = true;
  return c;
}

ModelConfig Gpt2() {
  ModelConfig c =
      Classic(Family::kGpt2, NormPlace::kPre, Activation::kGeluTanh, 1e-5);
  c.tied_head = true;
  return c;
}

ModelConfig Bert(bool pooler) {
  ModelConfig c =
      Classic(Family::kBert, NormPlace::kPost, Activation::kGeluErf, 1e-12);
  c.pooler = pooler;
  return c;
}

ModelConfig Vit() {
  ModelConfig c =
      Classic(Family::kVit, NormPlace::kPre, Activation::kGeluErf, 1e-12);
  c.head_bias = c.class_token = true;
  c.patch.height = c.patch.width = 224;
  c.patch.patch_height = c.patch.patch_width = 16;
  c.patch.channels = 3;
  return c;
}

ModelConfig Whisper() {
  ModelConfig c =
      Classic(Family::kWhisper, NormPlace::kPre, Activation::kGeluErf, 1e-5);
  c.key_bias = false;
  c.tied_head = true;
  return c;
}

}  // namespace

std::span<const HfArchitecture> HfArchitectures() {
  static const HfArchitecture kArchitectures[] = {
      {"LlamaForCausalLM", "model.", Llama(), kLlamaKeys, kLlamaDemands,
       kDecoderTensors, kDecoderLeftOut},
      {"MistralForCausalLM", "model.", Llama(), kLlamaKeys, kLlamaDemands,
       kDecoderTensors, kDecoderLeftOut},
      {"Qwen2ForCausalLM", "model.", Qwen2(), kQwenKeys, kQwen2Demands,
       kDecoderTensors, kDecoderLeftOut},
      {"Qwen3ForCausalLM", "model.", Qwen3(), kQwenKeys, kQwen3Demands,
       kDecoderTensors, kDecoderLeftOut},
      {"Qwen3MoeForCausalLM", "model.", Qwen3Moe(), kQwen3MoeKeys,
       kQwen3Demands, kDecoderTensors, kDecoderLeftOut},
      {"DeepseekV3ForCausalLM", "model.", Deepseek(), kDeepseekKeys,
       kDeepseekDemands, kDecoderTensors, kDeepseekLeftOut},
      {"GPT2LMHeadModel", "transformer.", Gpt2(), kGpt2Keys, kGpt2Demands,
       kGpt2Tensors, kGpt2LeftOut},
      {"BertModel", "bert.", Bert(true), kBertKeys, kBertDemands, kBertTensors,
       kBertLeftOut},
      {"BertForMaskedLM", "bert.", Bert(false), kBertKeys, kBertDemands,
       kBertTensors, kMaskedLmLeftOut},
      {"ViTForImageClassification",
       "vit.",
       Vit(),
       kVitKeys,
       kVitDemands,
       kVitTensors,
       {}},
      {"WhisperForConditionalGeneration", "model.", Whisper(), kWhisperKeys,
       kWhisperDemands, kWhisperTensors, kWhisperLeftOut},
  };
  return kArchitectures;
}

}  // namespace triptych
