// What a checkpoint gets wrong, in its configuration, its tensors or its
// index: refused with its place and what is allowed.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "models/build/build.h"
#include "models/formats/hf_config.h"
#include "models/presets/config_keys.h"
#include "models/presets/presets.h"
#include "models/weights.h"
#include "tests/models/hf/checkpoint.h"
#include "tests/models/hf/oracle.h"

namespace triptych {
namespace {

// A good configuration with `key` set to `value`, or without it for "".
std::string Llama(const std::string& key = "", const std::string& value = "") {
  const std::pair<std::string, std::string> kKeys[] = {
      {"architectures", R"(["LlamaForCausalLM"])"},
      {"num_hidden_layers", "2"},
      {"hidden_size", "16"},
      {"intermediate_size", "24"},
      {"num_attention_heads", "4"},
      {"num_key_value_heads", "2"},
      {"vocab_size", "19"},
      {"max_position_embeddings", "32"},
      {"rms_norm_eps", "1e-6"},
      {"hidden_act", "\"silu\""},
  };
  std::string text;
  const auto add = [&](const std::string& k, const std::string& v) {
    text += fmt::format("{}\"{}\": {}", text.empty() ? "{\n" : ",\n", k, v);
  };
  bool replaced = false;
  for (const auto& [k, v] : kKeys) {
    if (k != key) {
      add(k, v);
    } else if (!value.empty()) {
      add(k, value);
      replaced = true;
    } else {
      replaced = true;
    }
  }
  if (!replaced && !key.empty()) add(key, value);
  return text + "\n}";
}

std::string Complaint(const std::string& text) {
  const auto config = ParseHfConfig(text, "f");
  return config ? std::string() : config.error().message;
}

TEST_CASE("A configuration says what is wrong and what is allowed") {
  CHECK(Complaint(Llama()).empty());
  CHECK(Complaint("").starts_with("f: offset 0: JSON: "));
  CHECK(Complaint("[]") == "f: line 1: configuration: []: must be an object");
  CHECK(Complaint(Llama("architectures", R"(["MambaForCausalLM"])"))
            .starts_with("f: line 2: architectures: \"MambaForCausalLM\": must "
                         "be one of LlamaForCausalLM, "));
  CHECK(Complaint(Llama("architectures")) ==
        "f: line 1: architectures: is missing");
  CHECK(Complaint(Llama("hidden_size")) ==
        "f: line 1: hidden_size: is missing");
  CHECK(Complaint(Llama("hidden_size", "\"16\"")) ==
        "f: line 4: hidden_size: \"16\": must be an integer in 1..1048576");
  for (const char* bad : {"0", "-1", "1e3", "2147483648", "[16]", "true"}) {
    CHECK(Complaint(Llama("hidden_size", bad))
              .find(bad[0] == '[' ? "a list" : "line 4") != std::string::npos);
  }
  CHECK(Complaint(Llama("hidden_act", "\"gelu\"")) ==
        "f: line 11: hidden_act: \"gelu\": must be \"silu\"");
  CHECK(Complaint(Llama("rms_norm_eps", "0")) ==
        "f: line 10: rms_norm_eps: 0: must be a positive number");
  CHECK(Complaint(Llama("num_key_value_heads", "3"))
            .ends_with("num_key_value_heads: 3: must divide 4 heads"));
  CHECK(Complaint(Llama("hidden_size", "18")).find("multiple of 4 heads") !=
        std::string::npos);
  CHECK(Complaint(Llama("head_dim", "5")).find("pairs") != std::string::npos);
  CHECK(Complaint(Llama("sliding_window", "4096"))
            .ends_with("sliding_window: 4096: must be null"));
  CHECK(Complaint(Llama("quantization_config", R"({"quant_method": "gptq"})"))
            .ends_with("quantization_config: an object: must be null"));
  CHECK(Complaint(Llama("tie_word_embeddings", "1"))
            .ends_with("tie_word_embeddings: 1: must be true or false"));
}

TEST_CASE("Stretched rotations that the graph does not turn are refused") {
  const auto scaling = [](const std::string& text) {
    return Complaint(Llama("rope_scaling", text));
  };
  CHECK(scaling("null").empty());
  CHECK(scaling(R"({"rope_type": "default"})").empty());
  CHECK(scaling(R"({"type": "linear", "factor": 2})")
            .ends_with("rope_type: \"linear\": must be one of \"default\", "
                       "\"llama3\", \"yarn\""));
  CHECK(scaling(R"({"type": "yarn"})")
            .ends_with("factor: must be a number, 1 or more"));
  CHECK(scaling(R"({"type": "yarn", "factor": 4, "truncate": false})")
            .ends_with("truncate: false: must be true"));
  CHECK(scaling(R"({"type": "yarn", "factor": 4, "mscale": 1})")
            .ends_with("mscale: 1: must be null"));
  CHECK(scaling(R"({"type": "llama3", "factor": 4, "low_freq_factor": 4})")
            .ends_with("must be above its low counterpart"));
  CHECK(scaling("7").ends_with("rope_scaling: 7: must be null or an object"));
}

// Members that differ, by name.
std::string Differences(ModelConfig a, ModelConfig b) {
  std::vector<std::string> names;
  std::string differing;
  size_t at = 0;
  const auto text = [](const auto& member) {
    if constexpr (requires { member[0]; }) {
      return fmt::format("{},{},{}", member[0], member[1], member[2]);
    } else {
      return fmt::format("{}", static_cast<double>(member));
    }
  };
  VisitKeys(a, [&](std::string_view, auto& m) { names.push_back(text(m)); });
  VisitKeys(b, [&](std::string_view key, auto& m) {
    if (names[at++] != text(m)) differing += std::string(key) + " ";
  });
  return differing;
}

TEST_CASE("Published configurations give the presets") {
  // The keys of the published files that matter here, with their values.
  const std::pair<const char*, const char*> kPublished[] = {
      {"llama-3.2-1b", R"({"architectures": ["LlamaForCausalLM"],
"attention_bias": false, "head_dim": 64, "hidden_act": "silu",
"hidden_size": 2048, "intermediate_size": 8192, "mlp_bias": false,
"max_position_embeddings": 131072, "num_attention_heads": 32,
"num_hidden_layers": 16, "num_key_value_heads": 8, "pretraining_tp": 1,
"rms_norm_eps": 1e-05, "rope_scaling": {"factor": 32.0,
"high_freq_factor": 4.0, "low_freq_factor": 1.0,
"original_max_position_embeddings": 8192, "rope_type": "llama3"},
"rope_theta": 500000.0, "tie_word_embeddings": true, "vocab_size": 128256})"},
      {"qwen3-30b-a3b", R"({"architectures": ["Qwen3MoeForCausalLM"],
"attention_bias": false, "decoder_sparse_step": 1, "head_dim": 128,
"hidden_act": "silu", "hidden_size": 2048, "intermediate_size": 6144,
"max_position_embeddings": 40960, "mlp_only_layers": [],
"moe_intermediate_size": 768, "norm_topk_prob": true,
"num_attention_heads": 32, "num_experts": 128, "num_experts_per_tok": 8,
"num_hidden_layers": 48, "num_key_value_heads": 4, "rms_norm_eps": 1e-06,
"rope_scaling": null, "rope_theta": 1000000.0, "sliding_window": null,
"tie_word_embeddings": false, "use_sliding_window": false,
"vocab_size": 151936})"},
      {"deepseek-v3", R"({"architectures": ["DeepseekV3ForCausalLM"],
"attention_bias": false, "first_k_dense_replace": 3, "hidden_act": "silu",
"hidden_size": 7168, "intermediate_size": 18432, "kv_lora_rank": 512,
"max_position_embeddings": 163840, "moe_intermediate_size": 2048,
"moe_layer_freq": 1, "n_group": 8, "n_routed_experts": 256,
"n_shared_experts": 1, "norm_topk_prob": true, "num_attention_heads": 128,
"num_experts_per_tok": 8, "num_hidden_layers": 61,
"num_key_value_heads": 128, "num_nextn_predict_layers": 1,
"q_lora_rank": 1536, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64,
"rms_norm_eps": 1e-06, "rope_scaling": {"beta_fast": 32, "beta_slow": 1,
"factor": 40, "mscale": 1.0, "mscale_all_dim": 1.0,
"original_max_position_embeddings": 4096, "type": "yarn"},
"rope_theta": 10000, "routed_scaling_factor": 2.5, "scoring_func": "sigmoid",
"tie_word_embeddings": false, "topk_group": 4, "topk_method": "noaux_tc",
"v_head_dim": 128, "vocab_size": 129280})"},
      {"gpt2", R"({"activation_function": "gelu_new",
"architectures": ["GPT2LMHeadModel"], "layer_norm_epsilon": 1e-05,
"n_ctx": 1024, "n_embd": 768, "n_head": 12, "n_layer": 12,
"n_positions": 1024, "vocab_size": 50257})"},
      {"minilm-l6", R"({"architectures": ["BertModel"], "hidden_act": "gelu",
"hidden_size": 384, "intermediate_size": 1536, "layer_norm_eps": 1e-12,
"max_position_embeddings": 512, "num_attention_heads": 12,
"num_hidden_layers": 6, "position_embedding_type": "absolute",
"type_vocab_size": 2, "vocab_size": 30522})"},
      {"whisper-base", R"({"activation_function": "gelu",
"architectures": ["WhisperForConditionalGeneration"], "d_model": 512,
"decoder_attention_heads": 8, "decoder_ffn_dim": 2048, "decoder_layers": 6,
"encoder_attention_heads": 8, "encoder_ffn_dim": 2048, "encoder_layers": 6,
"max_source_positions": 1500, "max_target_positions": 448,
"num_mel_bins": 80, "scale_embedding": false, "vocab_size": 51865})"},
  };
  for (const auto& [preset, text] : kPublished) {
    CAPTURE(preset);
    const auto read = ParseHfConfig(text, "f");
    REQUIRE_MESSAGE(read, (read ? "" : read.error().message));
    const auto expected = PresetByName(preset);
    REQUIRE(expected);
    CHECK(Differences(read->config, *expected) == "");
  }
}

// ---- Tensors ----

std::string LoadComplaint(const hf::TempDirectory& directory) {
  const auto model = LoadModel(directory.path());
  if (model) return "";
  std::string message = model.error().message;
  const size_t at = message.find(directory.path());
  if (at != std::string::npos) message.erase(at, directory.path().size() + 1);
  return message;
}

TEST_CASE("Tensors that do not fit the architecture are refused by name") {
  const hf::Tensors good = hf::DecoderTensors({});
  const std::string q = "model.layers.1.self_attn.q_proj.weight";
  const auto complaint = [](const hf::Tensors& tensors) {
    const hf::TempDirectory directory;
    hf::WriteCheckpoint({Llama(), tensors}, directory);
    return LoadComplaint(directory);
  };
  CHECK(complaint(good) == "");
  hf::Tensors bad = good;
  bad.erase(q);
  CHECK(complaint(bad) == "model.safetensors: " + q + ": tensor is missing");
  hf::Add(bad, q, {8, 16});
  CHECK(complaint(bad).ends_with(q + ": shape [8, 16]: must be [16, 16]"));
  bad = good;
  hf::Add(bad, "model.layers.2.self_attn.q_proj.weight", {16, 16});
  CHECK(complaint(bad).find("is no tensor of a LlamaForCausalLM") !=
        std::string::npos);
  const hf::TempDirectory huge;
  hf::WriteCheckpoint({Llama("num_hidden_layers", "1000000"), good}, huge);
  CHECK(LoadComplaint(huge) ==
        "model.safetensors: 21 tensors: too few for 1000000 layers");
  // fp8 with scales beside it is not read.
  const hf::TempDirectory fp8;
  fp8.Write("config.json", Llama());
  fp8.Write("model.safetensors",
            hf::RawSafetensors(
                R"({"model.embed_tokens.weight":{"dtype":"F8_E4M3",)"
                R"("shape":[19,16],"data_offsets":[0,304]},"a":{"dtype":"U8",)"
                R"("shape":[0],"data_offsets":[304,304]}})",
                304));
  CHECK(LoadComplaint(fp8).ends_with(
      "model.embed_tokens.weight: F8_E4M3: weights must be F32, BF16, F16 or "
      "F64"));
}

TEST_CASE("A checkpoint without its parts, and an index that lies") {
  const hf::Tensors tensors = hf::DecoderTensors({});
  const hf::TempDirectory d;
  CHECK(LoadComplaint(d).find("neither model.safetensors nor "
                              "model.safetensors.index.json is there") !=
        std::string::npos);
  d.Write("model.safetensors", hf::SafetensorsText(tensors));
  CHECK(LoadComplaint(d).starts_with("config.json: cannot be read"));
  d.Write("config.json", Llama());
  CHECK(LoadComplaint(d) == "");
  CHECK(LoadModel(d.path() + "/config.json"));

  const auto index = [&](const std::string& map) {
    d.Write("model.safetensors.index.json", "{\n\"weight_map\": " + map + "}");
    return LoadComplaint(d);
  };
  const std::string name = "model.safetensors.index.json: ";
  CHECK(index("{}") == name +
                           "line 1: weight_map: must say which tensor is "
                           "in which file");
  CHECK(index(R"({"a": "../model.safetensors"})") ==
        name +
            "line 2: weight_map: a: \"../model.safetensors\": must be a "
            "file beside this one");
  CHECK(index(R"({"a": 7})").ends_with("a: 7: must be a file beside this one"));
  CHECK(index(R"({"a": "model.safetensors"})") ==
        name + "weight_map: a: is not in model.safetensors");
  CHECK(index(R"({"model.norm.weight": "model.safetensors"})")
            .find("does not mention it") != std::string::npos);
  CHECK(index(R"({"a": "none.safetensors"})")
            .starts_with("none.safetensors: cannot be read"));
}

}  // namespace
}  // namespace triptych
