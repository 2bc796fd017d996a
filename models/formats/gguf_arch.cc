// SPDX-License-Identifier: Apache-2.0
#include "models/formats/gguf_arch.h"

#include <fmt/core.h>

namespace triptych {
namespace {

using Config = ModelConfig;

// ---- Sizes ----

int64_t Vocab(const Config& c) { return c.vocab; }
int64_t Context(const Config& c) { return c.context; }
int64_t Segments(const Config& c) { return c.segments; }
int64_t Classes(const Config& c) { return c.classes; }
int64_t Model(const Config& c) { return c.dim; }
int64_t Query(const Config& c) { return c.q_dim(); }
int64_t KeyValue(const Config& c) { return c.kv_dim(); }
int64_t Head(const Config& c) { return c.head_dim; }
int64_t Heads(const Config& c) { return c.heads; }
int64_t KvHeads(const Config& c) { return c.kv_heads; }
int64_t Inner(const Config& c) { return c.ffn; }
int64_t DenseInner(const Config& c) { return c.moe.dense_ffn; }
int64_t Experts(const Config& c) { return c.moe.experts; }
int64_t ExpertInner(const Config& c) { return c.moe.expert_ffn; }
int64_t SharedInner(const Config& c) {
  return c.moe.shared_experts * c.moe.expert_ffn;
}
int64_t QueryLatent(const Config& c) { return c.mla.q_lora; }
int64_t Latent(const Config& c) { return c.mla.kv_lora; }
int64_t LatentAndKey(const Config& c) { return c.mla.kv_lora + c.mla.rope_dim; }
int64_t LatentHeads(const Config& c) {
  return c.heads * (c.mla.nope_dim + c.mla.v_dim);
}
int64_t ValueHeads(const Config& c) { return c.heads * c.mla.v_dim; }

// ---- Conditions ----

bool QueryBias(const Config& c, int64_t) { return c.attn_bias; }
bool KeyBias(const Config& c, int64_t) { return c.key_bias; }
bool OutBias(const Config& c, int64_t) { return c.attn_bias && c.out_bias; }
bool FfnBias(const Config& c, int64_t) { return c.ffn_bias; }
bool OwnHead(const Config& c, int64_t) { return !c.tied_head; }
bool Pooler(const Config& c, int64_t) { return c.pooler; }
bool Classifier(const Config& c, int64_t) { return c.classes > 0; }
bool ClassifierBias(const Config& c, int64_t) {
  return c.classes > 0 && c.head_bias;
}
bool HasSegments(const Config& c, int64_t) { return c.segments > 0; }
bool Dense(const Config& c, int64_t layer) {
  return c.moe.experts == 0 || layer < c.moe.dense_layers;
}
bool Routed(const Config& c, int64_t layer) { return !Dense(c, layer); }
bool RouterBias(const Config& c, int64_t layer) {
  return Routed(c, layer) && c.moe.router_bias;
}
bool Shared(const Config& c, int64_t layer) {
  return Routed(c, layer) && c.moe.shared_experts > 0;
}

// ---- Parts ----

constexpr GgufPart kTokens[] = {{"tok_embed", Vocab}};
constexpr GgufPart kPositions[] = {{"pos_embed", Context}};
constexpr GgufPart kSegments[] = {{"segment_embed", Segments}};
constexpr GgufPart kEmbedNorm[] = {{"norm.embed", Model}};
constexpr GgufPart kAttnNorm[] = {{"norm.attn", Model}};
constexpr GgufPart kFfnNorm[] = {{"norm.ffn", Model}};
constexpr GgufPart kFinalNorm[] = {{"norm.final", Model}};
constexpr GgufPart kHeadPart[] = {{"head", Vocab}};
constexpr GgufPart kQuery[] = {{"attn.q", Query}};
constexpr GgufPart kKey[] = {{"attn.k", KeyValue}};
constexpr GgufPart kValue[] = {{"attn.v", KeyValue}};
constexpr GgufPart kOut[] = {{"attn.o", Model}};
constexpr GgufPart kFused[] = {
    {"attn.q", Query}, {"attn.k", KeyValue}, {"attn.v", KeyValue}};
constexpr GgufPart kQueryNorm[] = {{"attn.q_norm", Head}};
constexpr GgufPart kKeyNorm[] = {{"attn.k_norm", Head}};
constexpr GgufPart kGate[] = {{"ffn.gate", Inner}};
constexpr GgufPart kUp[] = {{"ffn.up", Inner}};
constexpr GgufPart kDown[] = {{"ffn.down", Model}};
constexpr GgufPart kDenseGate[] = {{"ffn.gate", DenseInner}};
constexpr GgufPart kDenseUp[] = {{"ffn.up", DenseInner}};
constexpr GgufPart kRouter[] = {{"moe.router", Experts}};
constexpr GgufPart kRouterBias[] = {{"moe.router_bias", Experts}};
constexpr GgufPart kExpertGate[] = {{"moe.gate", ExpertInner}};
constexpr GgufPart kExpertUp[] = {{"moe.up", ExpertInner}};
constexpr GgufPart kExpertDown[] = {{"moe.down", Model}};
constexpr GgufPart kSharedGate[] = {{"moe.shared.gate", SharedInner}};
constexpr GgufPart kSharedUp[] = {{"moe.shared.up", SharedInner}};
constexpr GgufPart kSharedDown[] = {{"moe.shared.down", Model}};
constexpr GgufPart kQueryDown[] = {{"attn.q_a", QueryLatent}};
constexpr GgufPart kQueryDownNorm[] = {{"attn.q_a_norm", QueryLatent}};
constexpr GgufPart kQueryUp[] = {{"attn.q_b", Query}};
constexpr GgufPart kLatentDown[] = {{"attn.kv_a", LatentAndKey}};
constexpr GgufPart kLatentNorm[] = {{"attn.kv_a_norm", Latent}};
constexpr GgufPart kLatentUp[] = {{"attn.kv_b", LatentHeads}};
constexpr GgufPart kPooler[] = {{"pooler", Model}};
constexpr GgufPart kClassifier[] = {{"head", Classes}};

// ---- Tensors ----

constexpr GgufTensorRow kTokenTable[] = {
    {.gguf = "token_embd", .parts = kTokens, .cols = Model},
};
constexpr GgufTensorRow kNormAndHead[] = {
    {.gguf = "output_norm", .parts = kFinalNorm},
    {.gguf = "output", .parts = kHeadPart, .cols = Model, .when = OwnHead},
};

constexpr GgufTensorRow kLlamaLayer[] = {
    {.gguf = "attn_norm", .parts = kAttnNorm},
    {.gguf = "attn_q", .parts = kQuery, .cols = Model, .heads = Heads},
    {.gguf = "attn_k", .parts = kKey, .cols = Model, .heads = KvHeads},
    {.gguf = "attn_v", .parts = kValue, .cols = Model},
    {.gguf = "attn_output", .parts = kOut, .cols = Query},
    {.gguf = "attn_q",
     .parts = kQuery,
     .when = QueryBias,
     .bias = true,
     .heads = Heads},
    {.gguf = "attn_k",
     .parts = kKey,
     .when = KeyBias,
     .bias = true,
     .heads = KvHeads},
    {.gguf = "attn_v", .parts = kValue, .when = QueryBias, .bias = true},
    {.gguf = "attn_output", .parts = kOut, .when = OutBias, .bias = true},
    {.gguf = "ffn_norm", .parts = kFfnNorm},
    {.gguf = "ffn_gate", .parts = kGate, .cols = Model},
    {.gguf = "ffn_up", .parts = kUp, .cols = Model},
    {.gguf = "ffn_down", .parts = kDown, .cols = Inner},
    {.gguf = "ffn_gate", .parts = kGate, .when = FfnBias, .bias = true},
    {.gguf = "ffn_up", .parts = kUp, .when = FfnBias, .bias = true},
    {.gguf = "ffn_down", .parts = kDown, .when = FfnBias, .bias = true},
};

constexpr GgufTensorRow kQwen3Layer[] = {
    {.gguf = "attn_norm", .parts = kAttnNorm},
    {.gguf = "attn_q", .parts = kQuery, .cols = Model},
    {.gguf = "attn_k", .parts = kKey, .cols = Model},
    {.gguf = "attn_v", .parts = kValue, .cols = Model},
    {.gguf = "attn_output", .parts = kOut, .cols = Query},
    {.gguf = "attn_q_norm", .parts = kQueryNorm},
    {.gguf = "attn_k_norm", .parts = kKeyNorm},
    {.gguf = "ffn_norm", .parts = kFfnNorm},
    {.gguf = "ffn_gate", .parts = kGate, .cols = Model, .when = Dense},
    {.gguf = "ffn_up", .parts = kUp, .cols = Model, .when = Dense},
    {.gguf = "ffn_down", .parts = kDown, .cols = Inner, .when = Dense},
    {.gguf = "ffn_gate_inp",
     .parts = kRouter,
     .cols = Model,
     .when = Routed,
     .f32 = true},
    {.gguf = "ffn_gate_exps",
     .parts = kExpertGate,
     .cols = Model,
     .when = Routed,
     .experts = Experts},
    {.gguf = "ffn_up_exps",
     .parts = kExpertUp,
     .cols = Model,
     .when = Routed,
     .experts = Experts},
    {.gguf = "ffn_down_exps",
     .parts = kExpertDown,
     .cols = ExpertInner,
     .when = Routed,
     .experts = Experts},
};

constexpr GgufTensorRow kDeepseekLayer[] = {
    {.gguf = "attn_norm", .parts = kAttnNorm},
    {.gguf = "attn_q_a", .parts = kQueryDown, .cols = Model},
    {.gguf = "attn_q_a_norm", .parts = kQueryDownNorm},
    {.gguf = "attn_q_b", .parts = kQueryUp, .cols = QueryLatent},
    {.gguf = "attn_kv_a_mqa", .parts = kLatentDown, .cols = Model},
    {.gguf = "attn_kv_a_norm", .parts = kLatentNorm},
    {.gguf = "attn_kv_b", .parts = kLatentUp, .cols = Latent},
    {.gguf = "attn_output", .parts = kOut, .cols = ValueHeads},
    {.gguf = "ffn_norm", .parts = kFfnNorm},
    {.gguf = "ffn_gate", .parts = kDenseGate, .cols = Model, .when = Dense},
    {.gguf = "ffn_up", .parts = kDenseUp, .cols = Model, .when = Dense},
    {.gguf = "ffn_down", .parts = kDown, .cols = DenseInner, .when = Dense},
    {.gguf = "ffn_gate_inp",
     .parts = kRouter,
     .cols = Model,
     .when = Routed,
     .f32 = true},
    {.gguf = "exp_probs_b",
     .parts = kRouterBias,
     .when = RouterBias,
     .bias = true},
    {.gguf = "ffn_gate_exps",
     .parts = kExpertGate,
     .cols = Model,
     .when = Routed,
     .experts = Experts},
    {.gguf = "ffn_up_exps",
     .parts = kExpertUp,
     .cols = Model,
     .when = Routed,
     .experts = Experts},
    {.gguf = "ffn_down_exps",
     .parts = kExpertDown,
     .cols = ExpertInner,
     .when = Routed,
     .experts = Experts},
    {.gguf = "ffn_gate_shexp",
     .parts = kSharedGate,
     .cols = Model,
     .when = Shared},
    {.gguf = "ffn_up_shexp", .parts = kSharedUp, .cols = Model, .when = Shared},
    {.gguf = "ffn_down_shexp",
     .parts = kSharedDown,
     .cols = SharedInner,
     .when = Shared},
};

constexpr GgufTensorRow kGpt2Before[] = {
    {.gguf = "token_embd", .parts = kTokens, .cols = Model},
    {.gguf = "position_embd", .parts = kPositions, .cols = Model, .f32 = true},
};
constexpr GgufTensorRow kGpt2Layer[] = {
    {.gguf = "attn_norm", .parts = kAttnNorm},
    {.gguf = "attn_norm", .parts = kAttnNorm, .bias = true},
    {.gguf = "attn_qkv", .parts = kFused, .cols = Model},
    {.gguf = "attn_qkv", .parts = kFused, .bias = true},
    {.gguf = "attn_output", .parts = kOut, .cols = Query},
    {.gguf = "attn_output", .parts = kOut, .bias = true},
    {.gguf = "ffn_norm", .parts = kFfnNorm},
    {.gguf = "ffn_norm", .parts = kFfnNorm, .bias = true},
    {.gguf = "ffn_up", .parts = kUp, .cols = Model},
    {.gguf = "ffn_up", .parts = kUp, .bias = true},
    {.gguf = "ffn_down", .parts = kDown, .cols = Inner},
    {.gguf = "ffn_down", .parts = kDown, .bias = true},
};
constexpr GgufTensorRow kGpt2After[] = {
    {.gguf = "output_norm", .parts = kFinalNorm},
    {.gguf = "output_norm", .parts = kFinalNorm, .bias = true},
    {.gguf = "output", .parts = kHeadPart, .cols = Model, .when = OwnHead},
};

constexpr GgufTensorRow kBertBefore[] = {
    {.gguf = "token_embd", .parts = kTokens, .cols = Model},
    {.gguf = "token_types",
     .parts = kSegments,
     .cols = Model,
     .when = HasSegments,
     .f32 = true},
    {.gguf = "position_embd", .parts = kPositions, .cols = Model, .f32 = true},
    {.gguf = "token_embd_norm", .parts = kEmbedNorm},
    {.gguf = "token_embd_norm", .parts = kEmbedNorm, .bias = true},
};
constexpr GgufTensorRow kBertLayer[] = {
    {.gguf = "attn_q", .parts = kQuery, .cols = Model},
    {.gguf = "attn_q", .parts = kQuery, .bias = true},
    {.gguf = "attn_k", .parts = kKey, .cols = Model},
    {.gguf = "attn_k", .parts = kKey, .bias = true},
    {.gguf = "attn_v", .parts = kValue, .cols = Model},
    {.gguf = "attn_v", .parts = kValue, .bias = true},
    {.gguf = "attn_output", .parts = kOut, .cols = Query},
    {.gguf = "attn_output", .parts = kOut, .bias = true},
    {.gguf = "attn_output_norm", .parts = kAttnNorm},
    {.gguf = "attn_output_norm", .parts = kAttnNorm, .bias = true},
    {.gguf = "ffn_up", .parts = kUp, .cols = Model},
    {.gguf = "ffn_up", .parts = kUp, .bias = true},
    {.gguf = "ffn_down", .parts = kDown, .cols = Inner},
    {.gguf = "ffn_down", .parts = kDown, .bias = true},
    {.gguf = "layer_output_norm", .parts = kFfnNorm},
    {.gguf = "layer_output_norm", .parts = kFfnNorm, .bias = true},
};
// A pooler is what llama.cpp runs before a classifier: tanh(cls x + b).
constexpr GgufTensorRow kBertAfter[] = {
    {.gguf = "cls", .parts = kPooler, .cols = Model, .when = Pooler},
    {.gguf = "cls", .parts = kPooler, .when = Pooler, .bias = true},
    {.gguf = "cls.output",
     .parts = kClassifier,
     .cols = Model,
     .when = Classifier},
    {.gguf = "cls.output",
     .parts = kClassifier,
     .when = ClassifierBias,
     .bias = true},
};

// ---- Keys ----

constexpr int64_t One(const Config&) { return 1; }
// 0 when it does not divide: the reader says so, by the key.
int64_t ShareOfModel(const Config& c) {
  return c.dim % c.heads == 0 ? c.dim / c.heads : 0;
}

constexpr GgufIntKey kLayers = {
    "block_count", [](Config& c) -> int64_t& { return c.layers; }, 1};
constexpr GgufIntKey kContext = {
    "context_length", [](Config& c) -> int64_t& { return c.context; }, 1};
constexpr GgufIntKey kDim = {"embedding_length",
                             [](Config& c) -> int64_t& { return c.dim; }, 1};
constexpr GgufIntKey kFfn = {"feed_forward_length",
                             [](Config& c) -> int64_t& { return c.ffn; }, 1};
constexpr GgufIntKey kHeads = {
    "attention.head_count", [](Config& c) -> int64_t& { return c.heads; }, 1};
constexpr GgufIntKey kKvHeads = {
    "attention.head_count_kv", [](Config& c) -> int64_t& { return c.kv_heads; },
    1, Heads};
constexpr GgufIntKey kHeadDim = {
    "attention.key_length", [](Config& c) -> int64_t& { return c.head_dim; }, 1,
    ShareOfModel};
constexpr GgufIntKey kExperts = {
    "expert_count", [](Config& c) -> int64_t& { return c.moe.experts; }, 1};
constexpr GgufIntKey kTopK = {
    "expert_used_count", [](Config& c) -> int64_t& { return c.moe.top_k; }, 1};
constexpr GgufIntKey kExpertFfn = {
    "expert_feed_forward_length",
    [](Config& c) -> int64_t& { return c.moe.expert_ffn; }, 1};

constexpr GgufIntKey kDecoderKeys[] = {kLayers, kContext, kDim,    kFfn,
                                       kHeads,  kKvHeads, kHeadDim};
constexpr GgufIntKey kMoeKeys[] = {kLayers,  kContext, kDim,
                                   kHeads,   kKvHeads, kHeadDim,
                                   kExperts, kTopK,    kExpertFfn};
constexpr GgufIntKey kWholeHeadKeys[] = {kLayers, kContext, kDim, kFfn, kHeads};
constexpr GgufIntKey kDeepseekKeys[] = {
    kLayers,
    kContext,
    kDim,
    kHeads,
    kExperts,
    kTopK,
    kExpertFfn,
    {"feed_forward_length",
     [](Config& c) -> int64_t& { return c.moe.dense_ffn; }, 1},
    {"leading_dense_block_count",
     [](Config& c) -> int64_t& { return c.moe.dense_layers; }, 0},
    {"expert_shared_count",
     [](Config& c) -> int64_t& { return c.moe.shared_experts; }, 0},
    {"expert_group_count", [](Config& c) -> int64_t& { return c.moe.groups; },
     1, One},
    {"expert_group_used_count",
     [](Config& c) -> int64_t& { return c.moe.groups_used; }, 1, One},
    {"attention.q_lora_rank",
     [](Config& c) -> int64_t& { return c.mla.q_lora; }, 1},
    {"attention.kv_lora_rank",
     [](Config& c) -> int64_t& { return c.mla.kv_lora; }, 1},
    {"rope.dimension_count",
     [](Config& c) -> int64_t& { return c.mla.rope_dim; }, 2},
};

// ---- What names imply ----

void Nothing(Config&) {}
// Qwen2: Q, K and V have biases, O has none.
void Qwen2(Config& c) {
  c.rope.style = RopeStyle::kHalf;
  c.attn_bias = c.key_bias = true;
  c.out_bias = false;
}
void Qwen3(Config& c) {
  c.rope.style = RopeStyle::kHalf;
  c.qk_norm = QkNorm::kPerHead;
}
void Qwen3Moe(Config& c) {
  Qwen3(c);
  c.moe.router = Router::kSoftmax;
  c.moe.normalize = true;
}
void WithLayerNorm(Config& c) {
  c.norm = NormKind::kLayer;
  c.positions = Positions::kLearned;
  c.attn_bias = c.key_bias = c.ffn_bias = true;
}
void Gpt2(Config& c) {
  WithLayerNorm(c);
  c.activation = Activation::kGeluTanh;
}
void Bert(Config& c) {
  WithLayerNorm(c);
  c.norm_place = NormPlace::kPost;
  c.activation = Activation::kGeluErf;
}

constexpr char kRmsEps[] = "attention.layer_norm_rms_epsilon";
constexpr char kLayerEps[] = "attention.layer_norm_epsilon";

// Of one family, the first that fits is written.
constexpr GgufArchitecture kArchitectures[] = {
    {"llama", Family::kLlama, false, Nothing, kRmsEps, kDecoderKeys,
     kTokenTable, kLlamaLayer, kNormAndHead},
    {"qwen2", Family::kLlama, false, Qwen2, kRmsEps, kDecoderKeys, kTokenTable,
     kLlamaLayer, kNormAndHead},
    {"qwen3", Family::kQwen3, false, Qwen3, kRmsEps, kDecoderKeys, kTokenTable,
     kQwen3Layer, kNormAndHead},
    {"qwen3moe", Family::kQwen3, true, Qwen3Moe, kRmsEps, kMoeKeys, kTokenTable,
     kQwen3Layer, kNormAndHead},
    {"gpt2", Family::kGpt2, false, Gpt2, kLayerEps, kWholeHeadKeys, kGpt2Before,
     kGpt2Layer, kGpt2After},
    {"bert", Family::kBert, false, Bert, kLayerEps, kWholeHeadKeys, kBertBefore,
     kBertLayer, kBertAfter},
    {"deepseek2", Family::kDeepseek, true, Nothing, kRmsEps, kDeepseekKeys,
     kTokenTable, kDeepseekLayer, kNormAndHead},
};

}  // namespace

std::span<const GgufArchitecture> GgufArchitectures() { return kArchitectures; }

const GgufArchitecture* FindGgufArchitecture(std::string_view name) {
  for (const GgufArchitecture& row : kArchitectures) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

const GgufArchitecture* GgufArchitectureOf(const ModelConfig& config) {
  const GgufArchitecture* first = nullptr;
  for (const GgufArchitecture& row : kArchitectures) {
    if (row.family != config.family) continue;
    if (row.routed != (config.moe.experts > 0)) continue;
    if (row.name == config.architecture) return &row;
    if (first == nullptr) first = &row;
  }
  return first;
}

std::string GgufArchitectureNames() {
  std::string names;
  for (const GgufArchitecture& row : kArchitectures) {
    names += fmt::format("{}{}", names.empty() ? "" : ", ", row.name);
  }
  return names;
}

}  // namespace triptych
