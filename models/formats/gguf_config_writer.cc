// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/rope/rope.h"
#include "models/formats/gguf_config.h"
#include "models/formats/gguf_writer.h"
#include "models/presets/config_keys.h"

namespace triptych {
namespace {

// What a reader makes of the keys for `c`: what the architecture implies, and
// all that has a key or shows in the tensors.
ModelConfig AsRead(ModelConfig c, const GgufArchitecture& architecture) {
  ModelConfig read;
  read.family = c.family;
  architecture.implies(read);
  for (const GgufIntKey& key : architecture.keys)
    key.member(read) = key.member(c);
  read.vocab = c.vocab;
  read.norm_eps = c.norm_eps;
  read.rope.theta = c.rope.theta;
  read.rope.scaling = c.rope.scaling;
  read.kv_heads = read.kv_heads == 0 ? c.heads : c.kv_heads;
  if (read.head_dim == 0 && c.heads > 0) read.head_dim = c.dim / c.heads;
  if (c.positions == Positions::kRope) read.rope.dim = read.head_dim;
  if (c.family == Family::kDeepseek) {
    read.head_dim = c.mla.nope_dim + c.mla.rope_dim;
    read.rope.dim = c.mla.rope_dim;
    read.mla = c.mla;
    read.moe.router = c.moe.router;
    read.moe.scale = c.moe.scale;
    read.moe.normalize = c.moe.normalize;
    read.moe.router_bias = c.moe.router_bias;
  }
  if (c.family == Family::kBert) {
    read.segments = c.segments;
    read.classes = c.classes;
    read.pooler = c.pooler;
    read.head_bias = c.head_bias;
  } else {
    read.tied_head = c.tied_head;
  }
  if (architecture.name == "llama") {
    read.attn_bias = c.attn_bias;
    read.key_bias = c.key_bias;
    read.out_bias = c.out_bias;
    read.ffn_bias = c.ffn_bias;
  }
  return read;
}

using Numbers = std::vector<std::pair<std::string_view, double>>;
Numbers NumbersOf(const ModelConfig& config) {
  Numbers numbers;
  VisitKeys(config, [&](std::string_view key, const auto& member) {
    if constexpr (requires { member.begin(); }) {
      for (const int64_t size : member) {
        numbers.emplace_back(key, static_cast<double>(size));
      }
    } else {
      numbers.emplace_back(key, static_cast<double>(member));
    }
  });
  return numbers;
}

Status CheckSayable(const ModelConfig& c,
                    const GgufArchitecture& architecture) {
  const bool turns =
      c.family == Family::kLlama || c.positions != Positions::kRope;
  const Numbers want = NumbersOf(c);
  const Numbers got = NumbersOf(AsRead(c, architecture));
  for (size_t i = 0; i < want.size(); ++i) {
    const auto& [key, value] = want[i];
    // The order of the rows of Q and K is the writer's to change; integers get
    // 32 bits.
    const bool fits = value == got[i].second || (key == "rope.style" && turns);
    if (fits && value >= 0 && value <= 4294967295.0) continue;
    return MakeError(
        ErrorCode::kUnsupported,
        fmt::format("{}: {}: {}: a GGUF file of architecture {} says {}",
                    c.name, key, value, architecture.name, got[i].second));
  }
  return {};
}

void AddScaling(const ModelConfig& c, const std::string& prefix,
                GgufWriter& writer) {
  const RopeScaling& s = c.rope.scaling;
  const std::string key = prefix + "rope.scaling.";
  const auto number = [&](std::string_view name, double value) {
    writer.Add(key + std::string(name), static_cast<float>(value));
  };
  if (s.kind == RopeScalingKind::kNone) return;
  if (s.kind == RopeScalingKind::kLlama3 &&
      s.original_context == kGgufStretchAll) {
    writer.Add(key + "type", "linear");
    return number("factor", s.factor);
  }
  writer.Add(key + "original_context_length",
             static_cast<uint32_t>(s.original_context));
  if (s.kind == RopeScalingKind::kLlama3) {
    // The factors are a tensor. llama.cpp does not know these two keys, which
    // say what the tensor follows from where it is not the usual.
    if (s.low_freq != 1) number("low_freq_factor", s.low_freq);
    if (s.high_freq != 4) number("high_freq_factor", s.high_freq);
    return;
  }
  writer.Add(key + "type", "yarn");
  number("factor", s.factor);
  number("yarn_beta_slow", s.low_freq);
  number("yarn_beta_fast", s.high_freq);
  number("yarn_log_multiplier", s.log_multiplier);
}

void AddLatent(const ModelConfig& c, const std::string& prefix,
               GgufWriter& writer) {
  writer.Add(prefix + "attention.key_length",
             static_cast<uint32_t>(c.head_dim));
  writer.Add(prefix + "attention.value_length",
             static_cast<uint32_t>(c.mla.v_dim));
  writer.Add(prefix + "expert_gating_func",
             c.moe.router == Router::kSigmoid ? 2u : 1u);
  writer.Add(prefix + "expert_weights_scale", static_cast<float>(c.moe.scale));
  writer.Add(prefix + "expert_weights_norm", c.moe.normalize);
}

}  // namespace

std::vector<float> GgufRopeFactors(const RopeConfig& rope) {
  const RopeScaling& s = rope.scaling;
  if (s.kind != RopeScalingKind::kLlama3 ||
      s.original_context == kGgufStretchAll) {
    return {};
  }
  const auto dim = static_cast<size_t>(rope.dim);
  RopeFrequencies spec{.theta = rope.theta};
  const std::vector<float> plain = InverseFrequencies(dim, spec);
  spec.factor = s.factor;
  spec.low_freq_factor = s.low_freq;
  spec.high_freq_factor = s.high_freq;
  spec.original_context = static_cast<double>(s.original_context);
  std::vector<float> factors = InverseFrequencies(dim, spec);
  std::ranges::transform(plain, factors, factors.begin(), std::divides<>());
  return factors;
}

Status AddGgufConfig(const ModelConfig& c, const GgufArchitecture& architecture,
                     GgufWriter& writer) {
  TRIPTYCH_TRY(CheckSayable(c, architecture));
  const std::string prefix = std::string(architecture.name) + ".";
  const auto size = [](int64_t value) { return static_cast<uint32_t>(value); };
  writer.Add("general.architecture", architecture.name);
  writer.Add("general.name", c.name);
  for (const GgufIntKey& row : architecture.keys) {
    ModelConfig copy = c;
    writer.Add(prefix + std::string(row.key), size(row.member(copy)));
  }
  const bool rope = c.positions == Positions::kRope;
  const bool latent = c.family == Family::kDeepseek;
  if (latent) AddLatent(c, prefix, writer);
  if (rope && !latent) {
    writer.Add(prefix + "attention.value_length", size(c.head_dim));
  }
  writer.Add(prefix + std::string(architecture.eps_key),
             static_cast<float>(c.norm_eps));
  if (c.family == Family::kBert) writer.Add(prefix + "attention.causal", false);
  if (rope && !latent) {
    writer.Add(prefix + "rope.dimension_count", size(c.rope.dim));
  }
  if (rope) {
    writer.Add(prefix + "rope.freq_base", static_cast<float>(c.rope.theta));
  }
  writer.Add(prefix + "vocab_size", size(c.vocab));
  if (rope) AddScaling(c, prefix, writer);
  return {};
}

}  // namespace triptych
