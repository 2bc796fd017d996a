// Writes the files that fuzzing starts from: make_seeds KIND.SUFFIX...
// A whole small model of each kind, and the least that is one.
// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/formats/gguf_model.h"
#include "models/formats/gguf_tokenizer.h"
#include "models/formats/gguf_writer.h"
#include "tests/models/hf/checkpoint.h"
#include "tests/models/hf/oracle.h"
#include "tests/models/llama2c_bytes.h"
#include "tests/models/seeded_model.h"
#include "tests/models/small_vocabularies.h"
#include "tests/models/tiny_gguf_configs.h"
#include "tests/models/tiny_model.h"

namespace triptych {
namespace {

FileBytes Text(std::string_view text) {
  return AsFile(std::as_bytes(std::span(text)));
}

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

FileBytes Pieces() { return Llama2cTokenizerBytes(TinyPieces()); }

FileBytes LeastPieces() {
  return Llama2cTokenizerBytes({{"?"}, {"<s>"}, {"</s>"}, {"a"}, {"aa", 1}});
}

FileBytes FromText(std::string_view text) {
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

FileBytes TokenizerKeys(const TokenizerSpec& spec) {
  GgufWriter writer;
  if (!AddGgufTokenizer(*Tokenizer::Create(spec), writer)) std::abort();
  return AsFile(writer.Finish());
}

FileBytes Bytes() {
  TokenizerSpec spec = LearnByteBpe(*FindRules("gpt-2"), 40);
  spec.chat_template = "<|im_start|><|im_end|>";
  spec.pieces.push_back({"<|im_start|>", 0, PieceType::kControl});
  spec.pieces.push_back({"<|im_end|>", 0, PieceType::kControl});
  return TokenizerKeys(spec);
}

FileBytes Words() { return TokenizerKeys(SmallWordPiece()); }

FileBytes BytesJson() {
  return FromText(
      R"({"added_tokens": [{"id": 4, "content": "<e>", "special": true},
{"id": 5, "content": "<x>", "lstrip": true}], "normalizer": {"type": "NFC"},
"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Split",
"pattern": {"Regex": "(?i:'s|'t)|[^\\r\\n\\p{L}]?\\p{L}+|\\s+(?!\\S)|\\s++$"},
"behavior": "Isolated", "invert": false}, {"type": "Digits"},
{"type": "ByteLevel", "add_prefix_space": false, "use_regex": true}]},
"model": {"type": "BPE", "ignore_merges": true,
"vocab": {"a": 0, "b": 1, "ab": 2, "\u0120": 3}, "merges": ["a b"]}})");
}

FileBytes MarksJson() {
  return FromText(
      R"({"normalizer": {"type": "Sequence", "normalizers": [{"type":
"Prepend", "prepend": "\u2581"}, {"type": "Replace", "pattern": {"String": " "},
"content": "\u2581"}]}, "post_processor": {"type": "TemplateProcessing",
"single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}]},
"model": {"type": "BPE", "unk_token": "<s>", "fuse_unk": true,
"byte_fallback": true, "vocab": {"<s>": 0, "<0x41>": 1, "\u2581": 2, "a": 3,
"\u2581a": 4}, "merges": [["\u2581", "a"]]}})");
}

FileBytes WordsJson() {
  return FromText(R"({"normalizer": {"type": "BertNormalizer"}, "pre_tokenizer":
{"type": "BertPreTokenizer"}, "post_processor": {"type": "BertProcessing",
"sep": ["[S]", 1], "cls": ["[C]", 0]}, "model": {"type": "WordPiece",
"unk_token": "[U]", "vocab": {"[C]": 0, "[S]": 1, "[U]": 2, "a": 3,
"##b": 4, ".": 5}}})");
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
  seeds["vocabulary.tok"] = Pieces;
  seeds["least.tok"] = LeastPieces;
  seeds["bytes.gguf"] = Bytes;
  seeds["words.gguf"] = Words;
  seeds["bytes.json"] = BytesJson;
  seeds["marks.json"] = MarksJson;
  seeds["words.json"] = WordsJson;
  seeds["two.tensors"] = Tensors;
  seeds["no.tensors"] = NoTensors;
  seeds["experts.hf"] = Experts;
  seeds["fused.hf"] = Fused;
  seeds["conv.topology"] = [] {
    return Text(
        "layer,h,w,r,s,c,n,stride,padding,groups,kind\n# a note\n"
        "conv1,224,224,7,7,3,64,2,3,1,conv+add\n"
        "pool1,112,112,3,3,64,64,2,1,64,pool\n");
  };
  seeds["product.topology"] = [] {
    return Text("Layer, M, N, K,\nqk, 128, 768, 64,\n");
  };
  seeds["machine.cfg"] = [] {
    return Text(
        "[general]\nrun_name = a\n[architecture_presets]\nArrayHeight: 16\n"
        "ArrayWidth: 8\nIfmapSramSzkB: 32\nDataflow : os\nBandwidth: 7\n"
        "[run_presets]\nInterfaceBandwidth: USER\n");
  };
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
