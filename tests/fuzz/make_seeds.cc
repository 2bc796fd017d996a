// Writes the files that fuzzing starts from: make_seeds KIND.SUFFIX...
// A whole small model of each kind, and the least that is one.
// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "models/formats/gguf_model.h"
#include "models/formats/gguf_writer.h"
#include "tests/models/hf/checkpoint.h"
#include "tests/models/hf/oracle.h"
#include "tests/models/llama2c_bytes.h"
#include "tests/models/seeded_model.h"
#include "tests/models/tiny_gguf_configs.h"
#include "tests/models/tiny_model.h"

namespace triptych {
namespace {

FileBytes Model() {
  return AsFile(*GgufModelBytes(TinyModel(true).model, DType::kQ4_0));
}

// Keys of several kinds and one tensor; too little to be a model.
FileBytes Container() {
  GgufWriter writer;
  writer.Add("general.architecture", "llama");
  writer.Add("llama.block_count", 1u);
  writer.Add("llama.rope.freq_base", 1e4f);
  writer.Add("tokenizer.ggml.add_bos_token", true);
  const std::vector<std::string> tokens = {"a", "b"};
  writer.Add("tokenizer.ggml.tokens", std::span<const std::string>(tokens));
  const std::vector<std::byte> data(64);
  const std::vector<int64_t> shape = {2, 8};
  writer.AddTensor("token_embd.weight", DType::kF32, shape, data);
  return AsFile(writer.Finish());
}

// A tiny model of each architecture, its matrices in a format of its own.
std::map<std::string, std::function<FileBytes()>> Families() {
  constexpr DType kFormats[] = {DType::kQ4_1, DType::kQ5_0,  DType::kQ5_1,
                                DType::kQ8_0, DType::kMxfp4, DType::kF16,
                                DType::kBf16};
  std::map<std::string, std::function<FileBytes()>> seeds;
  for (const ModelConfig& config : TinyGgufConfigs()) {
    const DType dtype = kFormats[seeds.size() % std::size(kFormats)];
    seeds[config.name + ".gguf"] = [=] {
      return AsFile(*GgufModelBytes(SeededModel(config), dtype));
    };
  }
  return seeds;
}

// One super-block of each K format: a row of 256.
FileBytes SuperBlocks(DType dtype) {
  ModelConfig c = TinyLlama();
  c.layers = 1;
  c.dim = 256;
  c.vocab = 8;
  c.ffn = 8;
  c.tied_head = true;
  return AsFile(*GgufModelBytes(SeededModel(c), dtype));
}

FileBytes Checkpoint() { return Llama2cBytes(TinyModel(false).model); }

// One layer, one head of two features, one token: 32 numbers.
FileBytes LeastCheckpoint() {
  FileBytes out;
  for (const int32_t field : {2, 1, 1, 1, 1, 1, 1}) AppendValue(field, &out);
  for (int i = 0; i < 32; ++i) AppendValue(0.5f, &out);
  return out;
}

FileBytes Vocabulary() { return Llama2cTokenizerBytes(TinyPieces()); }

FileBytes LeastVocabulary() {
  return Llama2cTokenizerBytes({{"?"}, {"<s>"}, {"</s>"}, {"a"}, {"aa", 1}});
}

FileBytes FromText(const std::string& text) {
  return AsFile(std::as_bytes(std::span(text)));
}

FileBytes Tensors() {
  hf::Tensors tensors;
  hf::Add(tensors, "a", {2, 3});
  hf::Add(tensors, "b", {4});
  return FromText(hf::SafetensorsText(tensors, {.dtype = "BF16"}));
}

FileBytes NoTensors() { return FromText(hf::RawSafetensors("{}", 0)); }

// A configuration, a zero byte, the tensors.
FileBytes WithConfig(std::string config, const hf::Tensors& tensors) {
  config += '\0';
  return FromText(config + hf::SafetensorsText(tensors, {.dtype = "F16"}));
}

FileBytes Experts() {
  hf::DecoderShape s;
  s.layers = 1;
  s.head_dim = 2;
  s.dim = 4;
  s.ffn = s.vocab = 3;
  s.qk_norm = true;
  s.experts = 3;
  s.expert_ffn = 2;
  return WithConfig(
      R"({"architectures": ["Qwen3MoeForCausalLM"], "num_hidden_layers": 1,
"hidden_size": 4, "num_attention_heads": 4, "num_key_value_heads": 2,
"head_dim": 2, "vocab_size": 3, "max_position_embeddings": 8,
"num_experts": 3, "num_experts_per_tok": 1, "moe_intermediate_size": 2,
"rope_scaling": {"type": "yarn", "factor": 4}, "rope_theta": 1e4})",
      hf::DecoderTensors(s));
}

FileBytes Fused() {
  hf::ClassicShape s;
  s.layers = 1;
  s.dim = s.heads = 2;
  s.ffn = s.vocab = s.positions = 3;
  return WithConfig(
      R"({"architectures": ["GPT2LMHeadModel"], "n_layer": 1, "n_embd": 2,
"n_head": 2, "n_inner": 3, "vocab_size": 3, "n_positions": 3})",
      hf::Gpt2Tensors(s));
}

}  // namespace
}  // namespace triptych

int main(int argc, char** argv) {
  using namespace triptych;
  std::map<std::string, std::function<FileBytes()>> seeds = Families();
  seeds["model.gguf"] = Model;
  seeds["container.gguf"] = Container;
  seeds["q4_k.gguf"] = [] { return SuperBlocks(DType::kQ4_K); };
  seeds["q5_k.gguf"] = [] { return SuperBlocks(DType::kQ5_K); };
  seeds["q6_k.gguf"] = [] { return SuperBlocks(DType::kQ6_K); };
  seeds["model.bin"] = Checkpoint;
  seeds["least.bin"] = LeastCheckpoint;
  seeds["v1.bin"] = [] { return Llama2cVersionBytes(TinyModel(true).model); };
  seeds["v2.bin"] = [] {
    return Llama2cVersionBytes(TinyModel(false).model, 16);
  };
  seeds["vocabulary.tok"] = Vocabulary;
  seeds["least.tok"] = LeastVocabulary;
  seeds["two.tensors"] = Tensors;
  seeds["no.tensors"] = NoTensors;
  seeds["experts.hf"] = Experts;
  seeds["fused.hf"] = Fused;
  for (int i = 1; i < argc; ++i) {
    const std::string path = argv[i];
    const auto seed = seeds.find(path.substr(path.find_last_of('/') + 1));
    if (seed == seeds.end()) {
      std::fprintf(stderr, "make_seeds: %s: no such seed\n", argv[i]);
      return 2;
    }
    const FileBytes bytes = seed->second();
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  }
  return 0;
}
