// Checkpoints of every architecture that is read, against an implementation
// of each that shares nothing with the product (oracle.h): logits in f64.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "kernels/base/formats.h"
#include "models/build/build.h"
#include "models/reference.h"
#include "models/weights.h"
#include "tests/models/hf/checkpoint.h"
#include "tests/models/hf/oracle.h"
#include "tests/shared_data.h"

namespace triptych::hf {
namespace {

const Ids kIds = {3, 1, 4, 1, 5, 9, 2, 6, 5};

// A model that was read, and a session of its graph.
struct Session {
  ModelFile file;
  Graph graph;
  Weights weights;
  Reference reference;

  static std::unique_ptr<Session> Open(const std::string& path) {
    auto file = LoadModel(path);
    REQUIRE_MESSAGE(file, (file ? "" : file.error().message));
    auto graph = BuildGraph(file->config, {.all_logits = true});
    REQUIRE_MESSAGE(graph, (graph ? "" : graph.error().message));
    auto weights = Weights::Bind(*graph, *file);
    REQUIRE_MESSAGE(weights, (weights ? "" : weights.error().message));
    return std::unique_ptr<Session>(
        new Session(std::move(*file), std::move(*graph), std::move(*weights)));
  }

  // What an entry gives for inputs by name, each a row of `batch` 1.
  Matrix Run(Phase phase, int64_t tokens,
             const std::vector<std::pair<std::string, Matrix>>& inputs) {
    for (const auto& [name, rows] : inputs) {
      auto to = reference.store().Make(graph.FindValue(name)->id,
                                       static_cast<int64_t>(rows.size()),
                                       static_cast<int64_t>(rows[0].size()));
      for (size_t r = 0; r < rows.size(); ++r) {
        std::copy(rows[r].begin(), rows[r].end(), to.row(r));
      }
    }
    const auto out = reference.Run(phase, {.batch = 1, .tokens = tokens});
    REQUIRE_MESSAGE(out, (out ? "" : out.error().message));
    Matrix rows;
    for (size_t r = 0; r < out->rows(); ++r) {
      rows.emplace_back(out->row(r), out->row(r) + out->cols());
    }
    return rows;
  }

 private:
  Session(ModelFile f, Graph g, Weights w)
      : file(std::move(f)),
        graph(std::move(g)),
        weights(std::move(w)),
        reference(graph, weights, 1, 64) {}
};

Matrix Column(const Ids& ids) {
  Matrix column;
  for (const int32_t id : ids) column.push_back({static_cast<double>(id)});
  return column;
}

// The largest difference, as a share of the largest magnitude.
double Difference(const Matrix& a, const Matrix& b) {
  REQUIRE(a.size() == b.size());
  REQUIRE(a[0].size() == b[0].size());
  double difference = 0, largest = 0;
  for (size_t r = 0; r < a.size(); ++r) {
    for (size_t c = 0; c < a[r].size(); ++c) {
      difference = std::max(difference, std::abs(a[r][c] - b[r][c]));
      largest = std::max(largest, std::abs(b[r][c]));
    }
  }
  return difference / largest;
}

void CheckClose(const Matrix& ours, const Matrix& oracle) {
  const double difference = Difference(ours, oracle);
  INFO("relative difference ", difference);
  CHECK(difference <= 1e-9);
}

// ---- Decoders with rotated positions ----

std::string DecoderConfig(const std::string& architecture,
                          const DecoderShape& s, const std::string& more) {
  return fmt::format(
      R"({{"architectures": ["{}"], "num_hidden_layers": {}, "hidden_size": {},
"num_attention_heads": {}, "num_key_value_heads": {}, "vocab_size": {},
"max_position_embeddings": 32, "rms_norm_eps": {}, "hidden_act": "silu",
"tie_word_embeddings": {}, "rope_theta": {}, "intermediate_size": {}{}}})",
      architecture, s.layers, s.dim, s.heads, s.kv_heads, s.vocab, s.eps,
      s.tied, s.rotation.theta, s.ffn, more);
}

Matrix DecoderRun(Session& session) {
  return session.Run(Phase::kPrefill, static_cast<int64_t>(kIds.size()),
                     {{"tokens", Column(kIds)}});
}

void CheckDecoder(const std::string& architecture, const DecoderShape& s,
                  const std::string& more) {
  const TempDirectory directory;
  const Checkpoint checkpoint{DecoderConfig(architecture, s, more),
                              DecoderTensors(s)};
  WriteCheckpoint(checkpoint, directory);
  const auto session = Session::Open(directory.path());
  CHECK(session->file.left_out.empty());
  CheckClose(DecoderRun(*session), DecoderLogits(s, checkpoint.tensors, kIds));
}

TEST_CASE("Llama: grouped heads, untied and tied, with and without biases") {
  DecoderShape s;
  CheckDecoder("LlamaForCausalLM", s, R"(, "attention_bias": false)");
  s.tied = s.bias = true;
  s.kv_heads = 1;
  s.rotation.theta = 5e5;
  CheckDecoder("LlamaForCausalLM", s, R"(, "attention_bias": true)");
  s.bias = false;
  CheckDecoder("MistralForCausalLM", s, R"(, "sliding_window": null)");
}

TEST_CASE("Qwen2: biases, though not of the output") {
  DecoderShape s;
  s.bias = s.tied = true;
  s.out_bias = false;
  CheckDecoder("Qwen2ForCausalLM", s,
               R"(, "use_sliding_window": false, "sliding_window": 32768)");
}

TEST_CASE("Llama: stretched rotations") {
  DecoderShape s;
  s.head_dim = 8;  // not dim / heads
  s.rotation = {10, "llama3", 8, 1, 4, 16};
  CheckDecoder("LlamaForCausalLM", s, R"(, "head_dim": 8, "rope_scaling": {
"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
"high_freq_factor": 4.0, "original_max_position_embeddings": 16})");
  s.rotation = {20, "yarn", 4, 1, 32, 256};
  CheckDecoder("LlamaForCausalLM", s, R"(, "head_dim": 8, "rope_scaling": {
"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 256})");
  // The newer way to write the same, with what it comes to.
  CheckDecoder("LlamaForCausalLM", s, R"(, "head_dim": 8, "rope_parameters": {
"rope_type": "yarn", "rope_theta": 20, "factor": 4.0,
"attention_factor": 1.1386294361119891,
"original_max_position_embeddings": 256})");
}

TEST_CASE("Qwen3: normalised queries and keys, dense and experts") {
  DecoderShape s;
  s.qk_norm = true;
  s.head_dim = 6;
  s.rotation.theta = 1e6;
  CheckDecoder("Qwen3ForCausalLM", s,
               R"(, "head_dim": 6, "attention_bias": false,
"use_sliding_window": false, "sliding_window": null)");
  s.experts = 6;
  s.top_k = 2;
  s.expert_ffn = 10;
  for (const bool normalize : {true, false}) {
    s.normalize = normalize;
    CheckDecoder("Qwen3MoeForCausalLM", s,
                 fmt::format(R"(, "head_dim": 6, "num_experts": 6,
"num_experts_per_tok": 2, "moe_intermediate_size": 10, "norm_topk_prob": {},
"decoder_sparse_step": 1, "mlp_only_layers": [])",
                             normalize));
  }
}

DecoderShape DeepseekShape() {
  DecoderShape s;
  s.layers = 3;
  s.kv_heads = s.heads;
  s.experts = 8;
  s.top_k = 3;
  s.expert_ffn = 10;
  s.shared = 2;
  s.dense_layers = 1;
  s.normalize = s.sigmoid = true;
  s.groups = 4;
  s.groups_used = 2;
  s.routed_scale = 2.5;
  s.q_lora = 12;
  s.kv_lora = 10;
  s.nope = 6;
  s.rope = 4;
  s.v_dim = 5;
  return s;
}
constexpr char kDeepseekKeys[] = R"(, "q_lora_rank": 12, "kv_lora_rank": 10,
"qk_nope_head_dim": 6, "qk_rope_head_dim": 4, "v_head_dim": 5,
"n_routed_experts": 8, "num_experts_per_tok": 3, "moe_intermediate_size": 10,
"n_shared_experts": 2, "first_k_dense_replace": 1, "n_group": 4,
"topk_group": 2, "norm_topk_prob": true, "routed_scaling_factor": 2.5,
"scoring_func": "sigmoid", "topk_method": "noaux_tc")";

TEST_CASE("DeepSeek-V3: latent attention, groups of experts, YaRN") {
  DecoderShape s = DeepseekShape();
  CheckDecoder("DeepseekV3ForCausalLM", s, kDeepseekKeys);
  s.rotation = {30, "yarn", 40, 1, 32, 128, 0.7};
  CheckDecoder("DeepseekV3ForCausalLM", s,
               std::string(kDeepseekKeys) + R"(, "rope_scaling": {
"beta_fast": 32, "beta_slow": 1, "factor": 40, "mscale": 0.7,
"mscale_all_dim": 0.7, "original_max_position_embeddings": 128,
"type": "yarn"})");
}

TEST_CASE("DeepSeek-V3: the layer that predicts a second token is left out") {
  const DecoderShape s = DeepseekShape();
  Checkpoint checkpoint{
      DecoderConfig("DeepseekV3ForCausalLM", s, kDeepseekKeys),
      DecoderTensors(s)};
  const Matrix oracle = DecoderLogits(s, checkpoint.tensors, kIds);
  Add(checkpoint.tensors, "model.layers.3.eh_proj.weight", {16, 32});
  const TempDirectory directory;
  WriteCheckpoint(checkpoint, directory);
  const auto session = Session::Open(directory.path());
  CHECK(session->file.left_out ==
        std::vector<std::string>{"model.layers.3.eh_proj.weight"});
  CheckClose(DecoderRun(*session), oracle);
}

// ---- The others ----

TEST_CASE("GPT-2: transposed and fused weights, with and without the prefix") {
  ClassicShape s;
  const std::string config =
      R"({"architectures": ["GPT2LMHeadModel"], "n_layer": 2, "n_embd": 16,
"n_head": 4, "n_positions": 12, "vocab_size": 19, "n_inner": 24,
"layer_norm_epsilon": 1e-5, "activation_function": "gelu_new"})";
  for (const char* prefix : {"", "transformer."}) {
    s.prefix = prefix;
    const Checkpoint checkpoint{config, Gpt2Tensors(s)};
    const TempDirectory directory;
    WriteCheckpoint(checkpoint, directory);
    const auto session = Session::Open(directory.path() + "/");
    CHECK(session->file.left_out.size() == 2);  // the masks
    CheckClose(DecoderRun(*session), Gpt2Logits(s, checkpoint.tensors, kIds));
  }
}

TEST_CASE("BERT: with a pooler, and as a masked language model") {
  const Ids segments = {0, 0, 0, 0, 1, 1, 1, 1, 1};
  for (const bool masked : {false, true}) {
    ClassicShape s;
    s.eps = 1e-12;
    s.prefix = masked ? "bert." : "";
    const bool old_names = masked, pooler = !masked;
    Checkpoint checkpoint{
        fmt::format(R"({{"architectures": ["{}"], "num_hidden_layers": 2,
"hidden_size": 16, "num_attention_heads": 4, "intermediate_size": 24,
"vocab_size": 19, "max_position_embeddings": 12, "type_vocab_size": 2,
"layer_norm_eps": 1e-12, "hidden_act": "gelu"}})",
                    masked ? "BertForMaskedLM" : "BertModel"),
        BertTensors(s, old_names, pooler)};
    const Matrix oracle =
        BertRows(s, checkpoint.tensors, kIds, segments, old_names, pooler);
    if (masked) Add(checkpoint.tensors, "cls.predictions.bias", {19});
    const TempDirectory directory;
    WriteCheckpoint(checkpoint, directory);
    const auto session = Session::Open(directory.path());
    CHECK(session->file.left_out.size() == (masked ? 1 : 0));
    CheckClose(session->Run(
                   Phase::kEncode, static_cast<int64_t>(kIds.size()),
                   {{"tokens", Column(kIds)}, {"segments", Column(segments)}}),
               oracle);
  }
}

TEST_CASE("ViT: an image in patches of channels, rows and columns") {
  VitShape s;
  s.eps = 1e-12;
  const Checkpoint checkpoint{
      R"({"architectures": ["ViTForImageClassification"],
"num_hidden_layers": 2, "hidden_size": 16, "num_attention_heads": 4,
"intermediate_size": 24, "image_size": 6, "patch_size": 2,
"num_channels": 3, "hidden_act": "gelu", "qkv_bias": true,
"id2label": {"0": "a", "1": "b", "2": "c", "3": "d", "4": "e"}})",
      VitTensors(s)};
  Matrix pixels(3, std::vector<double>(36));
  for (size_t i = 0; i < 108; ++i) {
    pixels[i / 36][i % 36] = std::sin(static_cast<double>(i * i));
  }
  Matrix patches;
  for (size_t top = 0; top < 6; top += 2) {
    for (size_t left = 0; left < 6; left += 2) {
      std::vector<double>& patch = patches.emplace_back();
      for (const std::vector<double>& channel : pixels) {
        for (size_t at : {top * 6 + left, top * 6 + left + 1,
                          top * 6 + left + 6, top * 6 + left + 7}) {
          patch.push_back(channel[at]);
        }
      }
    }
  }
  const TempDirectory directory;
  WriteCheckpoint(checkpoint, directory);
  const auto session = Session::Open(directory.path());
  CheckClose(session->Run(Phase::kEncode, 1, {{"patches", patches}}),
             VitLogits(s, checkpoint.tensors, pixels));
}

TEST_CASE("Whisper: convolutions, cross-attention, keys without a bias") {
  const WhisperShape s;
  Checkpoint checkpoint{
      R"({"architectures": ["WhisperForConditionalGeneration"],
"decoder_layers": 2, "encoder_layers": 1, "d_model": 16,
"decoder_ffn_dim": 24, "encoder_ffn_dim": 24, "decoder_attention_heads": 4,
"encoder_attention_heads": 4, "vocab_size": 19, "max_target_positions": 12,
"max_source_positions": 5, "num_mel_bins": 6, "activation_function": "gelu",
"scale_embedding": false})",
      WhisperTensors(s)};
  Matrix mel(6, std::vector<double>(10)), frames(10, std::vector<double>(6));
  for (size_t m = 0; m < 6; ++m) {
    for (size_t f = 0; f < 10; ++f) {
      frames[f][m] = mel[m][f] = std::cos(static_cast<double>(m * 7 + f * f));
    }
  }
  const TempDirectory directory;
  WriteCheckpoint(checkpoint, directory);
  const auto session = Session::Open(directory.path());
  session->Run(Phase::kEncode, 1, {{"frames", frames}});
  CheckClose(DecoderRun(*session),
             WhisperLogits(s, checkpoint.tensors, mel, kIds));

  // Positions that are no sines are another model's.
  checkpoint.tensors["model.encoder.embed_positions.weight"].values[17] += 0.1f;
  WriteCheckpoint(checkpoint, directory);
  const auto refused = LoadModel(directory.path());
  REQUIRE(!refused);
  CHECK(refused.error().message.find("embed_positions") != std::string::npos);
}

// ---- Files ----

TEST_CASE("Types, odd addresses and shards change nothing") {
  DecoderShape s = DeepseekShape();
  Checkpoint checkpoint{
      DecoderConfig("DeepseekV3ForCausalLM", s, kDeepseekKeys),
      DecoderTensors(s)};
  for (auto& [name, tensor] : checkpoint.tensors) {
    for (float& x : tensor.values) x = RoundToBf16(x);
  }
  const TempDirectory plain;
  WriteCheckpoint(checkpoint, plain);
  const Matrix expected = DecoderRun(*Session::Open(plain.path()));
  for (const char* dtype : {"F64", "F32", "BF16"}) {
    for (const size_t shift : {0, 1, 3, 4}) {
      CAPTURE(dtype);
      CAPTURE(shift);
      const TempDirectory directory;
      WriteCheckpoint(checkpoint, directory, {.dtype = dtype, .shift = shift});
      const auto session =
          Session::Open(directory.path() + "/model.safetensors");
      CHECK(Difference(DecoderRun(*session), expected) == 0);
    }
  }
  // Every other tensor in the second shard, experts of a layer among them.
  Tensors halves[2];
  std::string map;
  size_t n = 0;
  for (const auto& [name, tensor] : checkpoint.tensors) {
    const size_t half = n++ % 2;
    halves[half][name] = tensor;
    map += fmt::format("{}\"{}\": \"part-{}.safetensors\"",
                       map.empty() ? "" : ", ", name, half);
  }
  const TempDirectory shards;
  shards.Write("config.json", checkpoint.config);
  shards.Write("part-0.safetensors", SafetensorsText(halves[0]));
  shards.Write("part-1.safetensors", SafetensorsText(halves[1]));
  const std::string index = shards.Write(
      "model.safetensors.index.json",
      fmt::format(R"({{"metadata": {{}}, "weight_map": {{{}}}}})", map));
  for (const std::string& path : {shards.path(), index}) {
    const auto session = Session::Open(path);
    CHECK(Difference(DecoderRun(*session), expected) == 0);
  }
}

TEST_CASE("F16 is read as F16") {
  DecoderShape s;
  Checkpoint checkpoint{DecoderConfig("LlamaForCausalLM", s, ""),
                        DecoderTensors(s)};
  for (auto& [name, tensor] : checkpoint.tensors) {
    for (float& x : tensor.values) x = RoundToF16(x);
  }
  const TempDirectory directory;
  WriteCheckpoint(checkpoint, directory, {.dtype = "F16"});
  CheckClose(DecoderRun(*Session::Open(directory.path())),
             DecoderLogits(s, checkpoint.tensors, kIds));
}

// ---- A trained model ----

// The rows of each head that rotate together: (i, i + d/2) in a checkpoint,
// (2i, 2i + 1) in llama2.c. Here from the latter to the former.
Tensor ToHalves(Tensor tensor, int64_t head_dim) {
  const Tensor from = tensor;
  const int64_t cols = tensor.shape[1];
  for (int64_t r = 0; r < tensor.shape[0]; ++r) {
    const int64_t head = r / head_dim * head_dim, i = r % head_dim;
    const int64_t half = head_dim / 2;
    const int64_t source = head + (i < half ? 2 * i : 2 * (i - half) + 1);
    std::copy_n(from.values.begin() + source * cols, cols,
                tensor.values.begin() + r * cols);
  }
  return tensor;
}

Tensors StoriesTensors(const ModelFile& bin) {
  const std::pair<const char*, const char*> kNames[] = {
      {"norm.attn", "input_layernorm"},
      {"attn.q", "self_attn.q_proj"},
      {"attn.k", "self_attn.k_proj"},
      {"attn.v", "self_attn.v_proj"},
      {"attn.o", "self_attn.o_proj"},
      {"norm.ffn", "post_attention_layernorm"},
      {"ffn.gate", "mlp.gate_proj"},
      {"ffn.up", "mlp.up_proj"},
      {"ffn.down", "mlp.down_proj"}};
  Tensors t;
  const auto put = [&](const std::string& ours, const std::string& theirs) {
    const WeightTensor& from = *bin.Find(ours);
    Tensor to{from.shape, {}};
    to.values.resize(static_cast<size_t>(from.rows() * from.cols()));
    for (int64_t r = 0; r < from.rows(); ++r) {
      ReadRow(from, r, to.values.data() + r * from.cols());
    }
    const bool rotates = ours.ends_with("attn.q") || ours.ends_with("attn.k");
    t[theirs] = rotates ? ToHalves(to, bin.config.head_dim) : to;
  };
  put("tok_embed", "model.embed_tokens.weight");
  put("norm.final", "model.norm.weight");
  for (int64_t n = 0; n < bin.config.layers; ++n) {
    for (const auto& [ours, theirs] : kNames) {
      put(fmt::format("layers.{}.{}", n, ours),
          fmt::format("model.layers.{}.{}.weight", n, theirs));
    }
  }
  return t;
}

TEST_CASE("stories260K as a checkpoint has the logits of the .bin") {
  const std::string path = SharedData("stories260K.bin");
  if (path.empty()) return;
  const auto bin = Session::Open(path);
  const ModelConfig& c = bin->file.config;
  const Checkpoint checkpoint{
      fmt::format(R"({{"architectures": ["LlamaForCausalLM"],
"num_hidden_layers": {}, "hidden_size": {}, "num_attention_heads": {},
"num_key_value_heads": {}, "vocab_size": {}, "max_position_embeddings": {},
"rms_norm_eps": 1e-5, "hidden_act": "silu", "tie_word_embeddings": true,
"intermediate_size": {}}})",
                  c.layers, c.dim, c.heads, c.kv_heads, c.vocab, c.context,
                  c.ffn),
      StoriesTensors(bin->file)};
  const TempDirectory directory;
  WriteCheckpoint(checkpoint, directory);
  const auto session = Session::Open(directory.path());
  CHECK(session->graph.Parameters() == 260032);
  const Ids ids = {1, 403, 407, 261, 378, 432, 383, 286, 261, 376};
  const auto run = [&](Session& s) {
    return s.Run(Phase::kPrefill, static_cast<int64_t>(ids.size()),
                 {{"tokens", Column(ids)}});
  };
  const double difference = Difference(run(*session), run(*bin));
  INFO("relative difference ", difference);
  CHECK(difference <= 1e-12);
}

}  // namespace
}  // namespace triptych::hf
