// Every architecture that GGUF names here, written and read again: the same
// numbers, the same logits in f64; and what files of others look like.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "kernels/base/formats.h"
#include "models/build/build.h"
#include "models/formats/gguf.h"
#include "models/formats/gguf_config.h"
#include "models/formats/gguf_model.h"
#include "models/formats/gguf_writer.h"
#include "models/ops/op.h"
#include "models/presets/config_keys.h"
#include "models/presets/presets.h"
#include "models/reference.h"
#include "tests/models/seeded_model.h"
#include "tests/models/temp_file.h"
#include "tests/models/tiny_config.h"
#include "tests/models/tiny_gguf_configs.h"
#include "tests/models/tiny_model.h"

namespace triptych {
namespace {

// Every number of a configuration, by key.
std::vector<std::pair<std::string, double>> NumbersOf(const ModelConfig& c) {
  std::vector<std::pair<std::string, double>> numbers;
  VisitKeys(c, [&](std::string_view key, const auto& member) {
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

void CheckSameConfig(const ModelConfig& got, const ModelConfig& want) {
  const auto a = NumbersOf(got), b = NumbersOf(want);
  for (size_t i = 0; i < a.size(); ++i) {
    CAPTURE(a[i].first);
    CHECK(a[i].second == b[i].second);
  }
}

// What the model says to a few tokens, in f64: all of it.
std::vector<double> Answer(const ModelFile& model) {
  const auto graph = BuildGraph(model.config, {.all_logits = true});
  REQUIRE_MESSAGE(graph, (graph ? "" : graph.error().message));
  const auto weights = Weights::Bind(*graph, model);
  REQUIRE_MESSAGE(weights, (weights ? "" : weights.error().message));
  const std::vector<int32_t> ids = {3, 1, 4, 1, 5, 9, 2, 6};
  Reference reference(*graph, *weights, 1, 16);
  Result<ConstMatView<double>> out = MakeError(ErrorCode::kInvalid, "");
  if (model.config.family == Family::kBert) {
    for (const Value& value : graph->values()) {
      if (value.kind != ValueKind::kInput) continue;
      const auto input = reference.store().Make(value.id, ids.size(), 1);
      for (size_t i = 0; i < ids.size(); ++i) {
        const double segment = model.config.segments > 1 && i >= 5 ? 1 : 0;
        input(i, 0) = value.name == "tokens" ? ids[i] : segment;
      }
    }
    out = reference.Run(Phase::kEncode, {.batch = 1, .tokens = 8});
  } else {
    out = reference.Feed(ids);
  }
  REQUIRE_MESSAGE(out, (out ? "" : out.error().message));
  std::vector<double> all;
  for (size_t r = 0; r < out->rows(); ++r) {
    all.insert(all.end(), out->row(r), out->row(r) + out->cols());
  }
  CHECK(std::ranges::all_of(all, [](double x) { return std::isfinite(x); }));
  return all;
}

double Distance(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double most = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    most = std::max(most, std::abs(a[i] - b[i]));
  }
  return most;
}

struct Written {
  FileBytes bytes;
  ModelFile model;  // into `bytes`
};
Written WriteAndRead(const ModelFile& model, DType dtype) {
  const auto bytes = GgufModelBytes(model, dtype);
  REQUIRE_MESSAGE(bytes, (bytes ? "" : bytes.error().message));
  Written written{AsFile(*bytes), {}};
  const auto read = ParseGgufModel(written.bytes, "f");
  REQUIRE_MESSAGE(read, (read ? "" : read.error().message));
  written.model = *read;
  return written;
}

TEST_CASE("Every architecture comes back: numbers, tensors, logits") {
  for (const ModelConfig& config : TinyGgufConfigs()) {
    CAPTURE(config.name);
    const ModelFile model = SeededModel(config);
    const Written written = WriteAndRead(model, DType::kF32);
    CHECK(written.model.config.architecture == config.architecture);
    CheckSameConfig(written.model.config, config);
    CHECK(written.model.tensors.size() == model.tensors.size());
    CHECK(Answer(written.model) == Answer(model));
    // What was read writes the same file again.
    const FileBytes again = AsFile(*GgufModelBytes(written.model, DType::kF32));
    CHECK(again == written.bytes);
  }
}

TEST_CASE("Matrices are stored in any block format, vectors are not") {
  for (const ModelConfig& config : TinyGgufConfigs()) {
    CAPTURE(config.name);
    const ModelFile model = SeededModel(config);
    const auto exact = Answer(model);
    for (const DType dtype :
         {DType::kBf16, DType::kF16, DType::kQ8_0, DType::kQ4_0, DType::kQ4_1,
          DType::kQ5_0, DType::kQ5_1, DType::kQ4_K, DType::kQ5_K, DType::kQ6_K,
          DType::kMxfp4}) {
      CAPTURE(InfoOf(dtype).name);
      const Written written = WriteAndRead(model, dtype);
      for (const WeightTensor& t : written.model.tensors) {
        CAPTURE(t.name);
        const bool table = t.name == "pos_embed" || t.name == "segment_embed" ||
                           t.name.ends_with("moe.router");
        const auto block = static_cast<int64_t>(InfoOf(dtype).block_elements);
        CHECK(t.dtype == (t.shape.size() == 1 || table ? DType::kF32
                          : t.cols() % block == 0      ? dtype
                                                       : DType::kBf16));
        std::vector<float> got(static_cast<size_t>(t.cols()));
        std::vector<float> want(got.size());
        std::vector<std::byte> coded(RowBytes(t.dtype, got.size()));
        const int64_t row = t.rows() - 1;
        ReadRow(t, row, got.data());
        ReadRow(*model.Find(t.name), row, want.data());
        QuantizeRow(t.dtype, want.data(), coded.data(), got.size());
        DequantizeRow(t.dtype, coded.data(), want.data(), got.size());
        CHECK(got == want);
      }
      // Near, by what the format can do, and not by chance the same. Where
      // experts are chosen, a rounding may choose others.
      const double distance = Distance(Answer(written.model), exact);
      const bool routed = config.moe.experts > 0;
      CHECK(distance > 0);
      CHECK(distance < (routed                  ? 4
                        : dtype == DType::kF16  ? 0.02
                        : dtype == DType::kBf16 ? 0.2
                                                : 4));
    }
  }
}

TEST_CASE("A llama that rotates halves is put in the order of GGUF") {
  ModelConfig config = TinyLlama();
  config.name = "halves";
  config.rope.style = RopeStyle::kHalf;
  config.attn_bias = config.key_bias = true;
  const ModelFile model = SeededModel(config);
  const Written written = WriteAndRead(model, DType::kF32);
  CHECK(written.model.config.rope.style == RopeStyle::kInterleaved);
  // The same products, added in another order.
  CHECK(Distance(Answer(written.model), Answer(model)) < 1e-13);
  const auto row = [](const ModelFile& m, const char* name, int64_t r) {
    const WeightTensor& t = *m.Find(name);
    std::vector<float> values(static_cast<size_t>(t.cols()));
    ReadRow(t, r, values.data());
    return values;
  };
  // Head 1 of 8 features: pairs (0, 4), (1, 5), ... become neighbours.
  for (const char* name : {"layers.1.attn.q", "layers.1.attn.k"}) {
    for (const auto& [file, ours] :
         {std::pair{8, 8}, {9, 12}, {10, 9}, {11, 13}, {15, 15}}) {
      CHECK(row(written.model, name, file) == row(model, name, ours));
    }
  }
  CHECK(row(written.model, "layers.1.attn.q.bias", 0)[9] ==
        row(model, "layers.1.attn.q.bias", 0)[12]);
  CHECK(row(written.model, "layers.1.attn.v", 9) ==
        row(model, "layers.1.attn.v", 9));
  // Back to halves: what qwen2 wants of a model in pairs.
  ModelFile pairs = written.model;
  pairs.config.architecture = "qwen2";
  pairs.config.out_bias = false;
  std::erase_if(pairs.tensors, [](const WeightTensor& t) {
    return t.name.ends_with("attn.o.bias");
  });
  const Written back = WriteAndRead(pairs, DType::kF32);
  CHECK(back.model.config.rope.style == RopeStyle::kHalf);
  CHECK(row(back.model, "layers.1.attn.k", 12) ==
        row(model, "layers.1.attn.k", 12));
  CHECK(Distance(Answer(back.model), Answer(pairs)) < 1e-13);
}

TEST_CASE("A file written to disk is the same, and replaced as a whole") {
  const ModelFile model = SeededModel(TinyGgufConfigs().front());
  const TempFile temp("what was there");
  REQUIRE(WriteGgufModel(model, DType::kQ8_0, temp.path()));
  const auto mapped = MappedFile::Open(temp.path());
  REQUIRE(mapped);
  const auto bytes = *GgufModelBytes(model, DType::kQ8_0);
  REQUIRE(mapped->bytes().size() == bytes.size());
  CHECK(std::memcmp(mapped->bytes().data(), bytes.data(), bytes.size()) == 0);
}

// ---- Other people's files ----

// The file of `config`, with keys and tensors replaced by `change`: called for
// each tensor with the new writer, true if it took care of it.
using Change = std::function<bool(const GgufTensor&, GgufWriter&)>;
FileBytes Rewritten(const ModelFile& model,
                    const std::function<void(GgufWriter&)>& keys,
                    const Change& change) {
  const FileBytes whole = AsFile(*GgufModelBytes(model, DType::kF32));
  const GgufFile file = *GgufFile::Parse(whole, "f");
  GgufWriter writer;
  keys(writer);
  for (const GgufTensor& t : file.tensors()) {
    if (change(t, writer)) continue;
    writer.AddTensor(t.name, t.dtype, t.shape, t.data);
  }
  return AsFile(writer.Finish());
}

ModelConfig TinyDeepseek() {
  for (const ModelConfig& c : TinyGgufConfigs()) {
    if (c.family == Family::kDeepseek) return c;
  }
  return {};
}

void DeepseekKeys(const ModelConfig& c, GgufWriter& w) {
  const std::string arch = "deepseek2.";
  const auto size = [&](const char* key, int64_t value) {
    w.Add(arch + key, static_cast<uint32_t>(value));
  };
  w.Add("general.architecture", "deepseek2");
  size("block_count", c.layers);
  size("context_length", c.context);
  size("embedding_length", c.dim);
  size("feed_forward_length", c.moe.dense_ffn);
  size("attention.head_count", c.heads);
  size("attention.head_count_kv", 1);
  size("attention.q_lora_rank", c.mla.q_lora);
  size("attention.kv_lora_rank", c.mla.kv_lora);
  size("attention.key_length", c.mla.kv_lora + c.mla.rope_dim);
  size("attention.value_length", c.mla.kv_lora);
  size("attention.key_length_mla", c.head_dim);
  size("attention.value_length_mla", c.mla.v_dim);
  size("rope.dimension_count", c.mla.rope_dim);
  size("leading_dense_block_count", c.moe.dense_layers);
  size("expert_count", c.moe.experts);
  size("expert_used_count", c.moe.top_k);
  size("expert_shared_count", c.moe.shared_experts);
  size("expert_feed_forward_length", c.moe.expert_ffn);
  size("expert_group_count", c.moe.groups);
  size("expert_group_used_count", c.moe.groups_used);
  size("expert_gating_func", 2);
  w.Add(arch + "expert_weights_scale", static_cast<float>(c.moe.scale));
  w.Add(arch + "expert_weights_norm", true);
  w.Add(arch + "attention.layer_norm_rms_epsilon",
        static_cast<float>(c.norm_eps));
  w.Add(arch + "rope.scaling.type", "yarn");
  w.Add(arch + "rope.scaling.factor",
        static_cast<float>(c.rope.scaling.factor));
  size("rope.scaling.original_context_length", c.rope.scaling.original_context);
  w.Add(arch + "rope.scaling.yarn_log_multiplier",
        static_cast<float>(c.rope.scaling.log_multiplier));
}

TEST_CASE("deepseek2: attn_k_b and attn_v_b are put together") {
  const ModelConfig c = TinyDeepseek();
  const ModelFile model = SeededModel(c);
  const auto nope = static_cast<size_t>(c.mla.nope_dim);
  const auto v = static_cast<size_t>(c.mla.v_dim);
  const auto latent = static_cast<size_t>(c.mla.kv_lora);
  std::vector<std::vector<float>> kept;
  kept.reserve(2 * static_cast<size_t>(c.layers));
  const auto split = [&](const GgufTensor& t, GgufWriter& writer) {
    if (!t.name.ends_with("attn_kv_b.weight")) return false;
    std::vector<float> all(t.data.size() / sizeof(float));
    std::memcpy(all.data(), t.data.data(), t.data.size());
    std::vector<float>& keys = kept.emplace_back();
    std::vector<float>& values = kept.emplace_back();
    for (size_t h = 0; h < static_cast<size_t>(c.heads); ++h) {
      const float* head = all.data() + h * (nope + v) * latent;
      for (size_t j = 0; j < latent; ++j) {
        for (size_t i = 0; i < nope; ++i) keys.push_back(head[i * latent + j]);
      }
      values.insert(values.end(), head + nope * latent,
                    head + (nope + v) * latent);
    }
    const std::string prefix(t.name.substr(0, t.name.find("attn_")));
    const std::vector<int64_t> key_shape = {c.heads, c.mla.kv_lora,
                                            c.mla.nope_dim};
    const std::vector<int64_t> value_shape = {c.heads, c.mla.v_dim,
                                              c.mla.kv_lora};
    writer.AddTensor(prefix + "attn_k_b.weight", DType::kF32, key_shape,
                     std::as_bytes(std::span(keys)));
    writer.AddTensor(prefix + "attn_v_b.weight", DType::kF32, value_shape,
                     std::as_bytes(std::span(values)));
    return true;
  };
  const FileBytes file = Rewritten(
      model, [&](GgufWriter& w) { DeepseekKeys(c, w); }, split);
  const auto read = ParseGgufModel(file, "f");
  REQUIRE_MESSAGE(read, (read ? "" : read.error().message));
  CheckSameConfig(read->config, c);
  CHECK(Answer(*read) == Answer(model));
}

TEST_CASE("deepseek2: what is not DeepSeek-V3's is refused by key") {
  const ModelConfig c = TinyDeepseek();
  const ModelFile model = SeededModel(c);
  const auto complaint = [&](std::string_view key, auto value) {
    const FileBytes file = Rewritten(
        model,
        [&](GgufWriter& writer) {
          GgufWriter all;
          DeepseekKeys(c, all);
          // Keys are unique: take them over, but the one.
          const FileBytes bytes = AsFile(all.Finish());
          const GgufFile keys = *GgufFile::Parse(bytes, "f");
          for (const char* name :
               {"block_count", "context_length", "embedding_length",
                "feed_forward_length", "attention.head_count",
                "attention.q_lora_rank", "attention.kv_lora_rank",
                "attention.key_length_mla", "attention.value_length_mla",
                "rope.dimension_count", "leading_dense_block_count",
                "expert_count", "expert_used_count", "expert_shared_count",
                "expert_feed_forward_length", "expert_group_count",
                "expert_group_used_count", "expert_gating_func"}) {
            const std::string full = std::string("deepseek2.") + name;
            if (name == key) continue;
            writer.Add(full,
                       static_cast<uint32_t>(*keys.Int(full, 0, 1 << 20)));
          }
          writer.Add("general.architecture", "deepseek2");
          writer.Add("deepseek2.attention.layer_norm_rms_epsilon", 1e-6f);
          if constexpr (!std::is_same_v<decltype(value), std::nullptr_t>) {
            writer.Add("deepseek2." + std::string(key), value);
          }
        },
        [](const GgufTensor&, GgufWriter&) { return false; });
    const auto read = ParseGgufModel(file, "f");
    return read ? std::string() : read.error().message;
  };
  const auto says = [](const std::string& got, std::string_view what) {
    CAPTURE(got);
    CHECK(got.find(what) != std::string::npos);
  };
  CHECK(complaint("none", nullptr).empty());
  says(complaint("attention.q_lora_rank", nullptr), "DeepSeek-V2-Lite");
  says(complaint("expert_gating_func", 1u), "2 (sigmoid, DeepSeek-V3) only");
  says(complaint("expert_gating_func", 3u), "must be an integer in 1..2");
  says(complaint("expert_group_count", 3u), "groups must divide");
  says(complaint("expert_used_count", 9u), "9 of 8 experts in 2 of 4 groups");
  says(complaint("rope.dimension_count", 12u), "less than 12");
  says(complaint("nextn_predict_layers", 1u), "1: only 0 is read");
  says(complaint("attention.kv_lora_rank", 17u), "must be");
}

// The keys of a tiny llama, plus `more`, and a tensor of factors if there are
// any; the configuration or the complaint.
Result<ModelConfig> Scaled(const std::vector<float>& factors,
                           const std::function<void(GgufWriter&)>& more) {
  const ModelFile model = SeededModel(TinyLlama());
  GgufWriter added;
  const FileBytes file = Rewritten(
      model,
      [&](GgufWriter& w) {
        w.Add("general.architecture", "llama");
        w.Add("llama.block_count", 2u);
        w.Add("llama.context_length", 64u);
        w.Add("llama.embedding_length", 32u);
        w.Add("llama.feed_forward_length", 48u);
        w.Add("llama.attention.head_count", 4u);
        w.Add("llama.attention.head_count_kv", 2u);
        w.Add("llama.attention.layer_norm_rms_epsilon", 1e-5f);
        w.Add("llama.rope.freq_base", 5e5f);
        more(w);
        if (factors.empty()) return;
        const std::vector<int64_t> shape = {
            static_cast<int64_t>(factors.size())};
        w.AddTensor(kGgufRopeFactors, DType::kF32, shape,
                    std::as_bytes(std::span(factors)));
      },
      [](const GgufTensor&, GgufWriter&) { return false; });
  auto read = ParseGgufModel(file, "f");
  if (!read) return std::unexpected(read.error());
  return read->config;
}

TEST_CASE("Scaled RoPE: Llama 3's factors, linear, YaRN") {
  const auto nothing = [](GgufWriter&) {};
  // theta 5e5, head of 8: wavelengths 6.28, 167, 4443, 118142 tokens. Llama
  // 3.1 leaves those below 2048, multiplies those over 8192 by 8, and the one
  // between by 1 / ((1 - s) / 8 + s), s = (8192 / 4442.88 - 1) / 3.
  const double s = (8192 / (2 * M_PI * std::pow(5e5, 0.5)) - 1) / 3;
  const auto ramp = static_cast<float>(1 / ((1 - s) / 8 + s));
  const auto llama3 = Scaled({1, 1, ramp, 8}, nothing);
  REQUIRE_MESSAGE(llama3, (llama3 ? "" : llama3.error().message));
  CHECK(llama3->rope.scaling.kind == RopeScalingKind::kLlama3);
  CHECK(llama3->rope.scaling.factor == 8);
  CHECK(llama3->rope.scaling.original_context == 8192);
  CHECK(llama3->rope.scaling.low_freq == 1);
  CHECK(llama3->rope.scaling.high_freq == 4);
  CHECK(Scaled({1, 1, 1, 1}, nothing)->rope.scaling.kind ==
        RopeScalingKind::kNone);
  CHECK(Scaled({1, 1, ramp * 1.01f, 8}, nothing)
            .error()
            .message.find("no factors of Llama 3's scaling by 8 from 8192") !=
        std::string::npos);
  CHECK(Scaled({1, 1, 8}, nothing).error().message.find("must be 4 f32") !=
        std::string::npos);
  CHECK(!Scaled({1, 1, NAN, 8}, nothing));

  const auto linear = Scaled({}, [](GgufWriter& w) {
    w.Add("llama.rope.scaling.type", "linear");
    w.Add("llama.rope.scaling.factor", 4.f);
  });
  REQUIRE(linear);
  const auto frequencies =
      InverseFrequencies(8, {.theta = 5e5,
                             .factor = linear->rope.scaling.factor,
                             .original_context = 1});
  const auto plain = InverseFrequencies(8, {.theta = 5e5});
  for (size_t i = 0; i < 4; ++i) CHECK(frequencies[i] == plain[i] / 4);
  CHECK(linear->rope.scaling.original_context == kGgufStretchAll);

  const auto yarn = Scaled({}, [](GgufWriter& w) {
    w.Add("llama.rope.scaling.type", "yarn");
    w.Add("llama.rope.scaling.factor", 4.f);
    w.Add("llama.rope.scaling.original_context_length", 16u);
    w.Add("llama.rope.scaling.yarn_beta_fast", 8.f);
  });
  REQUIRE(yarn);
  CHECK(yarn->rope.scaling.kind == RopeScalingKind::kYarn);
  CHECK(yarn->rope.scaling.factor == 4);
  CHECK(yarn->rope.scaling.original_context == 16);
  CHECK(yarn->rope.scaling.low_freq == 1);
  CHECK(yarn->rope.scaling.high_freq == 8);
  CHECK(yarn->rope.scaling.log_multiplier == 0.1);
  const auto both = Scaled({1, 1, ramp, 8}, [](GgufWriter& w) {
    w.Add("llama.rope.scaling.factor", 4.f);
  });
  CHECK(both.error().message.find("must not be there when rope.scaling is") !=
        std::string::npos);
  const auto factor = Scaled(
      {}, [](GgufWriter& w) { w.Add("llama.rope.scaling.factor", 0.5f); });
  CHECK(factor.error().message.find("0.5: must be 1 or more") !=
        std::string::npos);
}

TEST_CASE("YaRN sharpens scores where it scales, and nowhere else") {
  ModelConfig c = TinyLlama();
  CHECK(c.rope.scaling.ScoreScale() == 1);
  c.rope.scaling = {.kind = RopeScalingKind::kYarn,
                    .factor = 4,
                    .original_context = 16,
                    .low_freq = 1,
                    .high_freq = 32};
  const Graph graph = *BuildGraph(c);
  for (const Node& node : graph.nodes()) {
    if (node.op->name != "attention") continue;
    // (0.1 ln 4 + 1)^2 / sqrt(8)
    CHECK(node.attributes.Get("scale") ==
          doctest::Approx(1.2964770 / std::sqrt(8.0)).epsilon(1e-7));
  }
}

TEST_CASE("Presets can be said in GGUF as far as it has their family") {
  for (const ModelPreset& preset : ModelPresets()) {
    const ModelConfig& c = preset.config;
    CAPTURE(c.name);
    const GgufArchitecture* architecture = GgufArchitectureOf(c);
    const bool known = c.family == Family::kLlama ||
                       c.family == Family::kQwen3 ||
                       c.family == Family::kDeepseek ||
                       c.family == Family::kGpt2 || c.family == Family::kBert;
    // gpt-nano-sort is a gpt2 whose head has no bias either.
    REQUIRE((architecture != nullptr) == known);
    if (!known) continue;
    GgufWriter writer;
    const Status status = AddGgufConfig(c, *architecture, writer);
    if (c.family == Family::kLlama && c.norm == NormKind::kLayer) {
      // Falcon's shape: as GGUF a llama has another norm.
      REQUIRE(!status);
      CHECK(status.error().message.starts_with(c.name + ": norm: "));
      continue;
    }
    CHECK_MESSAGE(status, (status ? "" : status.error().message));
  }
}

}  // namespace
}  // namespace triptych
