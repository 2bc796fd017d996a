// Writes the files that fuzzing starts from: make_seeds KIND.SUFFIX...
// A whole small model of each kind, and the least that is one.
// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "models/formats/gguf_model.h"
#include "models/formats/gguf_writer.h"
#include "tests/models/hf/checkpoint.h"
#include "tests/models/hf/oracle.h"
#include "tests/models/llama2c_bytes.h"
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
  const std::map<std::string, std::function<FileBytes()>> kSeeds = {
      {"model.gguf", Model},          {"container.gguf", Container},
      {"model.bin", Checkpoint},      {"least.bin", LeastCheckpoint},
      {"vocabulary.tok", Vocabulary}, {"least.tok", LeastVocabulary},
      {"two.tensors", Tensors},       {"no.tensors", NoTensors},
      {"experts.hf", Experts},        {"fused.hf", Fused},
  };
  for (int i = 1; i < argc; ++i) {
    const std::string path = argv[i];
    const auto seed = kSeeds.find(path.substr(path.find_last_of('/') + 1));
    if (seed == kSeeds.end()) {
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
