// SPDX-License-Identifier: Apache-2.0
#include "models/build/blocks.h"

#include <cmath>

#include "models/weights.h"

namespace triptych {

void Blocks::EnterLayer(const std::string& stack, int64_t n) {
  prefix_ = stack + std::to_string(n) + ".";
  graph.SetLayer(static_cast<int>(n));
}

void Blocks::LeaveLayers() {
  prefix_.clear();
  graph.SetLayer(-1);
}

ValueId Blocks::Linear(const std::string& local, ValueId x, int64_t out,
                       bool bias) {
  const std::string name = Name(local);
  std::vector<ValueId> inputs = {
      x, graph.Weight(name, out, graph.ShapeOf(x).cols)};
  if (bias) inputs.push_back(graph.Weight(name + ".bias", 1, out));
  return graph.Add("matmul", name, std::move(inputs));
}

ValueId Blocks::Norm(const std::string& local, ValueId x) {
  if (config.norm == NormKind::kLayer) return LayerNorm(local, x, true);
  const int64_t cols = graph.ShapeOf(x).cols;
  return RmsNorm(local, x, cols, cols);
}

ValueId Blocks::LayerNorm(const std::string& local, ValueId x, bool affine) {
  const std::string name = Name(local);
  std::vector<ValueId> inputs = {x};
  if (affine) {
    const int64_t cols = graph.ShapeOf(x).cols;
    inputs.push_back(graph.Weight(name, 1, cols));
    inputs.push_back(graph.Weight(name + ".bias", 1, cols));
  }
  return graph.Add("layernorm", name, std::move(inputs),
                   {{"eps", config.norm_eps}});
}

ValueId Blocks::RmsNorm(const std::string& local, ValueId x, int64_t width,
                        int64_t group) {
  const std::string name = Name(local);
  return graph.Add("rmsnorm", name, {x, graph.Weight(name, 1, group)},
                   {{"eps", config.norm_eps},
                    {"width", static_cast<double>(width)},
                    {"group", static_cast<double>(group)}});
}

ValueId Blocks::Rope(const std::string& local, ValueId x, int64_t heads,
                     int64_t head_dim, int64_t offset) {
  const RopeConfig& rope = config.rope;
  const RopeScaling& scaling = rope.scaling;
  const bool scaled = scaling.kind != RopeScalingKind::kNone;
  const bool video = rope.axes[0] > 0;
  const PatchConfig& patch = config.patch;
  const auto tiles = [](int64_t size, int64_t patch_size) {
    return static_cast<double>(patch_size > 0 ? size / patch_size : 0);
  };
  return graph.Add(
      "rope", Name(local), {x},
      {{"heads", static_cast<double>(heads)},
       {"head_dim", static_cast<double>(head_dim)},
       {"dim", static_cast<double>(rope.dim)},
       {"offset", static_cast<double>(offset)},
       {"theta", rope.theta},
       {"half", rope.style == RopeStyle::kHalf ? 1.0 : 0.0},
       {"yarn", scaling.kind == RopeScalingKind::kYarn ? 1.0 : 0.0},
       {"scaling_factor", scaling.factor},
       {"scaling_low", scaling.low_freq},
       {"scaling_high", scaling.high_freq},
       {"scaling_context",
        scaled ? static_cast<double>(scaling.original_context) : 0.0},
       {"frames", video ? tiles(patch.frames, patch.patch_frames) : 0.0},
       {"rows", tiles(patch.height, patch.patch_height)},
       {"columns", tiles(patch.width, patch.patch_width)},
       {"dim_frames", static_cast<double>(rope.axes[0])},
       {"dim_rows", static_cast<double>(rope.axes[1])},
       {"dim_columns", static_cast<double>(rope.axes[2])}});
}

ValueId Blocks::FeedForward(const std::string& local, ValueId x, int64_t ffn) {
  const bool bias = config.ffn_bias;
  if (config.activation == Activation::kSwiGlu) {
    const ValueId gate = Linear(local + ".gate", x, ffn, bias);
    const ValueId up = Linear(local + ".up", x, ffn, bias);
    const ValueId act = Unary("silu", local + ".silu", gate);
    const ValueId inner = graph.Add("mul", Name(local + ".mul"), {act, up});
    return Linear(local + ".down", inner, config.dim, bias);
  }
  const bool erf = config.activation == Activation::kGeluErf;
  const ValueId up = Linear(local + ".up", x, ffn, bias);
  const ValueId act =
      Unary(erf ? "gelu_erf" : "gelu_tanh", local + ".gelu", up);
  return Linear(local + ".down", act, config.dim, bias);
}

ValueId Blocks::Attend(const std::string& local, ValueId q, ValueId k,
                       ValueId v, int64_t kv_heads, bool causal) {
  const auto head_dim = static_cast<double>(config.head_dim);
  return graph.Add(
      "attention", Name(local), {q, k, v},
      {{"heads", static_cast<double>(config.heads)},
       {"kv_heads", static_cast<double>(kv_heads)},
       {"head_dim", head_dim},
       {"causal", causal ? 1.0 : 0.0},
       {"scale", config.rope.scaling.ScoreScale() / std::sqrt(head_dim)}});
}

ValueId Blocks::SelfAttention(const std::string& local, ValueId x,
                              bool cached) {
  const ModelConfig& c = config;
  ValueId q = Linear(local + ".q", x, c.q_dim(), c.attn_bias);
  ValueId k = Linear(local + ".k", x, c.kv_dim(), c.key_bias);
  ValueId v = Linear(local + ".v", x, c.kv_dim(), c.attn_bias);
  if (c.qk_norm != QkNorm::kNone) {
    const bool head = c.qk_norm == QkNorm::kPerHead;
    q = RmsNorm(local + ".q_norm", q, c.q_dim(), head ? c.head_dim : c.q_dim());
    k = RmsNorm(local + ".k_norm", k, c.kv_dim(),
                head ? c.head_dim : c.kv_dim());
  }
  if (c.positions == Positions::kRope) {
    q = Rope(local + ".q_rope", q, c.heads, c.head_dim);
    k = Rope(local + ".k_rope", k, c.kv_heads, c.head_dim);
  }
  if (cached) {
    const Shape shape{kCacheRows, c.kv_dim()};
    const ValueId k_cache = graph.Cache(Name(local + ".k_cache"), shape);
    const ValueId v_cache = graph.Cache(Name(local + ".v_cache"), shape);
    k = graph.Add("kv_append", Name(local + ".k_append"), {k, k_cache});
    v = graph.Add("kv_append", Name(local + ".v_append"), {v, v_cache});
  }
  const ValueId mixed =
      Attend(local + ".attention", q, k, v, c.kv_heads, cached);
  return Linear(local + ".o", mixed, c.dim, c.attn_bias && c.out_bias);
}

ValueId Blocks::EncoderLayer(ValueId x) {
  if (config.norm_place == NormPlace::kPre) {
    const ValueId a = SelfAttention("attn", Norm("norm.attn", x), false);
    const ValueId h = Add("attn.residual", x, a);
    const ValueId f = FeedForward("ffn", Norm("norm.ffn", h), config.ffn);
    return Add("ffn.residual", h, f);
  }
  const ValueId a = SelfAttention("attn", x, false);
  const ValueId h = Norm("norm.attn", Add("attn.residual", x, a));
  const ValueId f = FeedForward("ffn", h, config.ffn);
  return Norm("norm.ffn", Add("ffn.residual", h, f));
}

ValueId Blocks::Head(ValueId x, ValueId embedding) {
  if (!options.all_logits) {
    x = graph.Add("select_rows", Name("last"), {x}, {{"last", 1}});
  }
  if (!config.tied_head) {
    return Linear("head", x, config.vocab, config.head_bias);
  }
  return graph.Add("matmul", Name("head"), {x, embedding});
}

Result<Graph> BuildGraph(const ModelFile& file, const BuildOptions& options) {
  if (file.graph) return file.graph->Build(options);
  return BuildGraph(file.config, options);
}

Result<Graph> BuildGraph(const ModelConfig& config,
                         const BuildOptions& options) {
  Blocks blocks(config, options);
  Status status;
  switch (config.family) {
    case Family::kLlama:
    case Family::kQwen3:
    case Family::kDeepseek:
    case Family::kGpt2:
      status = BuildDecoder(blocks);
      break;
    case Family::kBert:
    case Family::kVit:
    case Family::kKwt:
      status = BuildEncoder(blocks);
      break;
    case Family::kWhisper:
      status = BuildWhisper(blocks);
      break;
    case Family::kWan:
      status = BuildWan(blocks);
      break;
  }
  TRIPTYCH_TRY(status);
  return blocks.graph.Finish();
}

}  // namespace triptych
