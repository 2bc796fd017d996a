// SPDX-License-Identifier: Apache-2.0
#include "models/formats/gguf_config.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "models/formats/gguf.h"

namespace triptych {
namespace {

// Larger than any model, small enough that a product of three fits int64.
constexpr int64_t kLargest = int64_t{1} << 20;
constexpr int64_t kLongestContext = int64_t{1} << 40;

// What Llama 3's own configurations say, and its files do not.
constexpr int64_t kLlama3Context = 8192;

// Keys of models that do something which no graph here does, and the value
// with which they do not.
struct Refused {
  std::string_view key;
  double harmless;
};
constexpr Refused kRefusedOfArchitecture[] = {
    {"attention.clamp_kqv", 0},
    {"attention.max_alibi_bias", 0},
    {"attention.scale", 0},
    {"attention.sliding_window", 0},
    {"attn_logit_softcapping", 0},
    {"embedding_scale", 0},
    {"expert_group_scale", 0},
    {"expert_shared_feed_forward_length", 0},
    {"final_logit_softcapping", 0},
    {"logit_scale", 0},
    {"nextn_predict_layers", 0},
    {"residual_scale", 0},
    {"rope.scaling.attn_factor", 1},
    {"rope.scaling.yarn_attn_factor", 1},
    {"rope.scaling.yarn_ext_factor", 1},
    {"use_parallel_residual", 0},
};
// Of a model cut into several files, each is none.
constexpr Refused kRefused[] = {{"split.count", 1}};

class ConfigReader {
 public:
  ConfigReader(const GgufFile& file, const GgufArchitecture& architecture)
      : file_(file), architecture_(architecture) {}

  Result<ModelConfig> Read() {
    ModelConfig& c = config_;
    c.family = architecture_.family;
    c.architecture = architecture_.name;
    architecture_.implies(c);
    TRIPTYCH_ASSIGN(c.name, file_.Text("general.name", ""));
    TRIPTYCH_TRY(RefuseOthers());
    for (const GgufIntKey& key : architecture_.keys) {
      TRIPTYCH_TRY(ReadInt(key));
    }
    TRIPTYCH_TRY(ReadHeads());
    TRIPTYCH_ASSIGN(c.norm_eps, file_.Float(Key(architecture_.eps_key)));
    if (!(c.norm_eps > 0 && c.norm_eps < 1)) {
      return file_.Fail(Key(architecture_.eps_key), "must be between 0 and 1");
    }
    if (architecture_.routed) TRIPTYCH_TRY(ReadExperts());
    if (c.positions == Positions::kRope) TRIPTYCH_TRY(ReadRope());
    TRIPTYCH_TRY(LookAtTensors());
    return std::move(config_);
  }

 private:
  std::string Key(std::string_view key) const {
    return fmt::format("{}.{}", architecture_.name, key);
  }

  Status Refuse(const std::string& key, double harmless) const {
    TRIPTYCH_ASSIGN(const double value, file_.Number(key, harmless));
    if (value == harmless) return {};
    return file_.Fail(key, fmt::format("{}: only {} is read", value, harmless),
                      ErrorCode::kUnsupported);
  }
  Status RefuseOthers() const {
    constexpr std::string_view kType = "general.type";
    TRIPTYCH_ASSIGN(const std::string_view type, file_.Text(kType, "model"));
    if (type != "model") {
      return file_.Fail(kType,
                        fmt::format("{}: only model is read", Printable(type)),
                        ErrorCode::kUnsupported);
    }
    for (const Refused& r : kRefused) {
      TRIPTYCH_TRY(Refuse(std::string(r.key), r.harmless));
    }
    for (const Refused& r : kRefusedOfArchitecture) {
      TRIPTYCH_TRY(Refuse(Key(r.key), r.harmless));
    }
    const bool decoder = architecture_.family != Family::kBert;
    TRIPTYCH_TRY(Refuse(Key("attention.causal"), decoder ? 1 : 0));
    const std::string direct = Key("attention.q_lora_rank");
    if (architecture_.family == Family::kDeepseek && !file_.Has(direct)) {
      return file_.Fail(direct,
                        "is missing: models without a bottleneck for queries "
                        "(DeepSeek-V2-Lite) are not read",
                        ErrorCode::kUnsupported);
    }
    if (architecture_.routed) return {};
    const std::string key = Key("expert_count");
    TRIPTYCH_ASSIGN(const double experts, file_.Number(key, 0));
    if (experts == 0) return {};
    return file_.Fail(key,
                      fmt::format("{}: a {} without experts is read; qwen3moe "
                                  "and deepseek2 may have them",
                                  experts, architecture_.name),
                      ErrorCode::kUnsupported);
  }

  Status ReadInt(const GgufIntKey& row) {
    ModelConfig& c = config_;
    const std::string key = Key(row.key);
    const bool context = &row.member(c) == &c.context;
    std::optional<int64_t> otherwise;
    if (row.otherwise != nullptr) otherwise = row.otherwise(c);
    TRIPTYCH_ASSIGN(row.member(c),
                    file_.Int(key, row.low,
                              context ? kLongestContext : kLargest, otherwise));
    return {};
  }

  Status ReadHeads() {
    ModelConfig& c = config_;
    if (c.family == Family::kDeepseek) return ReadLatentHeads();
    const std::string heads = Key("attention.head_count");
    const std::string kv_heads = heads + "_kv";
    if (c.kv_heads == 0) {
      TRIPTYCH_ASSIGN(c.kv_heads,
                      file_.Int(kv_heads, c.heads, c.heads, c.heads));
    }
    if (c.head_dim == 0 && c.dim % c.heads == 0) c.head_dim = c.dim / c.heads;
    if (c.heads % c.kv_heads != 0) {
      return file_.Fail(kv_heads, fmt::format("{}: must divide {} heads",
                                              c.kv_heads, c.heads));
    }
    if (c.head_dim == 0) {
      return file_.Fail(heads, fmt::format("{}: must divide the {} features of "
                                           "a token",
                                           c.heads, c.dim));
    }
    TRIPTYCH_ASSIGN(
        const int64_t value_dim,
        file_.Int(Key("attention.value_length"), 1, kLargest, c.head_dim));
    const bool turns = c.positions == Positions::kRope;
    if (value_dim != c.head_dim || (turns && c.head_dim % 2 != 0)) {
      return file_.Fail(
          Key("attention.key_length"),
          fmt::format("{} and {}: heads of keys and values must have the same "
                      "size, even where RoPE turns pairs",
                      c.head_dim, value_dim));
    }
    return {};
  }

  // Sizes of heads before the latent is put in their place: in keys of their
  // own since files hold attn_k_b and attn_v_b (2025), which look like
  // attention with one head of keys.
  Status ReadLatentHeads() {
    ModelConfig& c = config_;
    const bool split = file_.Has(Key("attention.key_length_mla"));
    const std::string suffix = split ? "_mla" : "";
    const std::string key = Key("attention.key_length") + suffix;
    TRIPTYCH_ASSIGN(c.head_dim, file_.Int(key, 3, kLargest));
    TRIPTYCH_ASSIGN(
        c.mla.v_dim,
        file_.Int(Key("attention.value_length") + suffix, 1, kLargest));
    c.kv_heads = c.heads;
    c.rope.dim = c.mla.rope_dim;
    c.mla.nope_dim = c.head_dim - c.mla.rope_dim;
    if (c.mla.nope_dim < 1 || c.mla.rope_dim % 2 != 0) {
      return file_.Fail(Key("rope.dimension_count"),
                        fmt::format("{}: must be even and less than {}, the "
                                    "size of a head",
                                    c.mla.rope_dim, c.head_dim));
    }
    return {};
  }

  Status ReadExperts() {
    ModelConfig& c = config_;
    MoeConfig& m = c.moe;
    if (c.family == Family::kDeepseek) {
      const std::string gating = Key("expert_gating_func");
      // Files without it are DeepSeek-V2's.
      TRIPTYCH_ASSIGN(const int64_t function, file_.Int(gating, 1, 2, 1));
      m.router = function == 2 ? Router::kSigmoid : Router::kSoftmax;
      TRIPTYCH_ASSIGN(m.scale, file_.Float(Key("expert_weights_scale"), 1.0));
      TRIPTYCH_ASSIGN(m.normalize,
                      file_.Bool(Key("expert_weights_norm"), false));
      if (!std::isfinite(m.scale)) {
        return file_.Fail(Key("expert_weights_scale"), "must be finite");
      }
      if (m.groups > 1 && m.router == Router::kSoftmax) {
        return file_.Fail(Key("expert_group_count"),
                          "groups of experts are read with gating function 2 "
                          "(sigmoid, DeepSeek-V3) only",
                          ErrorCode::kUnsupported);
      }
    }
    const bool grouped = m.experts % m.groups == 0 && m.groups_used <= m.groups;
    if (!grouped || m.top_k > m.experts / m.groups * m.groups_used) {
      return file_.Fail(
          Key("expert_used_count"),
          fmt::format("{} of {} experts in {} of {} groups: groups must divide "
                      "the experts and the ones used hold enough of them",
                      m.top_k, m.experts, m.groups_used, m.groups));
    }
    return {};
  }

  Status ReadRope() {
    ModelConfig& c = config_;
    const std::string theta = Key("rope.freq_base");
    TRIPTYCH_ASSIGN(c.rope.theta, file_.Float(theta, 10000.0));
    if (!(c.rope.theta > 1) || !std::isfinite(c.rope.theta)) {
      return file_.Fail(theta, "must be greater than 1");
    }
    if (c.family != Family::kDeepseek) {
      // Nothing that is read rotates a part of a head.
      TRIPTYCH_ASSIGN(c.rope.dim,
                      file_.Int(Key("rope.dimension_count"), c.head_dim,
                                c.head_dim, c.head_dim));
    }
    TRIPTYCH_TRY(ReadScaling());
    return ReadFactors();
  }

  Result<double> ReadFactor() const {
    const std::string key = Key("rope.scaling.factor");
    // Files of 2023 have this one.
    TRIPTYCH_ASSIGN(const double old,
                    file_.Float(Key("rope.scale_linear"), 0.0));
    TRIPTYCH_ASSIGN(const double factor, file_.Float(key, old));
    if (factor == 0) return 1;  // as llama.cpp takes it
    if (factor >= 1 && std::isfinite(factor)) return factor;
    return file_.Fail(key, fmt::format("{}: must be 1 or more", factor));
  }

  Status ReadScaling() {
    RopeScaling& s = config_.rope.scaling;
    const std::string key = Key("rope.scaling.type");
    // Without a type it is linear, and mostly without a factor.
    TRIPTYCH_ASSIGN(const std::string_view type, file_.Text(key, "linear"));
    if (type == "none") return {};
    TRIPTYCH_ASSIGN(s.factor, ReadFactor());
    if (type == "linear") {
      if (s.factor == 1) return {};
      s.kind = RopeScalingKind::kLlama3;
      s.original_context = kGgufStretchAll;
      return {};
    }
    if (type != "yarn") {
      return file_.Fail(
          key,
          fmt::format("{}: none, linear and yarn are read", Printable(type)),
          ErrorCode::kUnsupported);
    }
    return ReadYarn();
  }

  Status ReadYarn() {
    RopeScaling& s = config_.rope.scaling;
    s.kind = RopeScalingKind::kYarn;
    const std::string key = Key("rope.scaling.");
    TRIPTYCH_ASSIGN(s.original_context,
                    file_.Int(key + "original_context_length", 1,
                              kLongestContext, config_.context));
    TRIPTYCH_ASSIGN(s.low_freq, file_.Float(key + "yarn_beta_slow", 1.0));
    TRIPTYCH_ASSIGN(s.high_freq, file_.Float(key + "yarn_beta_fast", 32.0));
    // llama.cpp sharpens the scores of DeepSeek's by this key alone.
    const bool latent = config_.family == Family::kDeepseek;
    TRIPTYCH_ASSIGN(s.log_multiplier, file_.Float(key + "yarn_log_multiplier",
                                                  latent ? 0.0 : 0.1));
    if (!(s.low_freq > 0 && s.high_freq > s.low_freq) ||
        !std::isfinite(s.high_freq)) {
      return file_.Fail(key + "yarn_beta_fast",
                        fmt::format("{}: must be more than yarn_beta_slow, "
                                    "{}, and that more than 0",
                                    s.high_freq, s.low_freq));
    }
    if (!(s.log_multiplier >= 0 && s.log_multiplier <= 1)) {
      return file_.Fail(key + "yarn_log_multiplier", "must be 0 to 1");
    }
    return {};
  }

  // Llama 3's scaling is a tensor of what each wavelength is multiplied by.
  // The largest is the factor; the rest must follow from it.
  Status ReadFactors() {
    const GgufTensor* tensor = file_.FindTensor(kGgufRopeFactors);
    if (tensor == nullptr) return {};
    RopeConfig& rope = config_.rope;
    if (rope.scaling.kind != RopeScalingKind::kNone) {
      return file_.Fail(*tensor, "must not be there when rope.scaling is");
    }
    if (tensor->dtype != DType::kF32 || tensor->shape.size() != 1 ||
        tensor->shape[0] != rope.dim / 2) {
      return file_.Fail(
          *tensor, fmt::format("must be {} f32 numbers, one a pair of features",
                               rope.dim / 2));
    }
    std::vector<float> factors(static_cast<size_t>(tensor->shape[0]));
    std::memcpy(factors.data(), tensor->data.data(), tensor->data.size());
    const float factor = *std::max_element(factors.begin(), factors.end());
    if (std::ranges::all_of(factors, [](float f) { return f == 1; })) return {};

    const std::string key = Key("rope.scaling.");
    TRIPTYCH_ASSIGN(const int64_t context,
                    file_.Int(key + "original_context_length", 1,
                              kLongestContext, kLlama3Context));
    RopeScaling scaling;
    scaling.kind = RopeScalingKind::kLlama3;
    scaling.factor = factor;
    TRIPTYCH_ASSIGN(scaling.low_freq,
                    file_.Float(key + "low_freq_factor", 1.0));
    TRIPTYCH_ASSIGN(scaling.high_freq,
                    file_.Float(key + "high_freq_factor", 4.0));
    for (const int64_t original : {context, kLlama3Context}) {
      scaling.original_context = original;
      rope.scaling = scaling;
      if (Explains(GgufRopeFactors(rope), factors)) return {};
    }
    return file_.Fail(
        *tensor,
        fmt::format("are no factors of Llama 3's scaling by {} from {} tokens, "
                    "which are the ones that are read",
                    factor, context),
        ErrorCode::kUnsupported);
  }

  // Whoever made them did so in f32, in an order of his own.
  static bool Explains(std::span<const float> ours,
                       std::span<const float> theirs) {
    return std::ranges::equal(ours, theirs, [](float a, float b) {
      return std::abs(a - b) <= 1e-5f * std::abs(a);
    });
  }

  bool Has(std::string_view tensor) const {
    return file_.FindTensor(tensor) != nullptr;
  }
  // Rows of a matrix that only its tensor knows; 0 if it is not there.
  Result<int64_t> RowsOf(std::string_view name) const {
    const GgufTensor* tensor = file_.FindTensor(name);
    if (tensor == nullptr) return 0;
    if (tensor->shape.size() == 2) return tensor->shape[0];
    return file_.Fail(*tensor, "must be a tensor of 2 dimensions");
  }

  // What no key says.
  Status LookAtTensors() {
    ModelConfig& c = config_;
    constexpr std::string_view kTable = "token_embd.weight";
    TRIPTYCH_ASSIGN(c.vocab, RowsOf(kTable));
    if (c.vocab == 0) {
      return file_.Fail(kTable, "must be a tensor of 2 dimensions");
    }
    if (c.family == Family::kBert) {
      TRIPTYCH_ASSIGN(c.segments, RowsOf("token_types.weight"));
      TRIPTYCH_ASSIGN(c.classes, RowsOf("cls.output.weight"));
      c.pooler = Has("cls.weight");
      c.head_bias = Has("cls.output.bias");
      return {};
    }
    c.tied_head = !Has("output.weight");
    if (c.architecture == "llama") {
      c.attn_bias = Has("blk.0.attn_q.bias");
      c.key_bias = Has("blk.0.attn_k.bias");
      c.out_bias = !c.attn_bias || Has("blk.0.attn_output.bias");
      c.ffn_bias = Has("blk.0.ffn_gate.bias");
    }
    if (c.family == Family::kDeepseek) {
      c.moe.router_bias =
          Has(fmt::format("blk.{}.exp_probs_b.bias", c.moe.dense_layers));
    }
    return {};
  }

  const GgufFile& file_;
  const GgufArchitecture& architecture_;
  ModelConfig config_;
};

}  // namespace

Result<ModelConfig> ReadGgufConfig(const GgufFile& file) {
  constexpr std::string_view kArchitecture = "general.architecture";
  TRIPTYCH_ASSIGN(const std::string_view name, file.Text(kArchitecture));
  const GgufArchitecture* architecture = FindGgufArchitecture(name);
  if (architecture == nullptr) {
    return file.Fail(kArchitecture,
                     fmt::format("{}: architectures that are read: {}",
                                 Printable(name), GgufArchitectureNames()),
                     ErrorCode::kUnsupported);
  }
  return ConfigReader(file, *architecture).Read();
}

}  // namespace triptych
