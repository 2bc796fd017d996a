// Writes the files that fuzzing starts from: make_seeds KIND.SUFFIX...
// A whole small model of each kind, and the least that is one.
// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/formats/gguf_model.h"
#include "models/formats/gguf_tokenizer.h"
#include "models/formats/gguf_writer.h"
#include "tests/models/llama2c_bytes.h"
#include "tests/models/small_vocabularies.h"
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

FileBytes Json(std::string_view text) {
  return AsFile(std::as_bytes(std::span(text)));
}

FileBytes BytesJson() {
  return Json(R"({"added_tokens": [{"id": 4, "content": "<e>", "special": true},
{"id": 5, "content": "<x>", "lstrip": true}], "normalizer": {"type": "NFC"},
"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Split",
"pattern": {"Regex": "(?i:'s|'t)|[^\\r\\n\\p{L}]?\\p{L}+|\\s+(?!\\S)|\\s++$"},
"behavior": "Isolated", "invert": false}, {"type": "Digits"},
{"type": "ByteLevel", "add_prefix_space": false, "use_regex": true}]},
"model": {"type": "BPE", "ignore_merges": true,
"vocab": {"a": 0, "b": 1, "ab": 2, "\u0120": 3}, "merges": ["a b"]}})");
}

FileBytes MarksJson() {
  return Json(R"({"normalizer": {"type": "Sequence", "normalizers": [{"type":
"Prepend", "prepend": "\u2581"}, {"type": "Replace", "pattern": {"String": " "},
"content": "\u2581"}]}, "post_processor": {"type": "TemplateProcessing",
"single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}]},
"model": {"type": "BPE", "unk_token": "<s>", "fuse_unk": true,
"byte_fallback": true, "vocab": {"<s>": 0, "<0x41>": 1, "\u2581": 2, "a": 3,
"\u2581a": 4}, "merges": [["\u2581", "a"]]}})");
}

FileBytes WordsJson() {
  return Json(R"({"normalizer": {"type": "BertNormalizer"}, "pre_tokenizer":
{"type": "BertPreTokenizer"}, "post_processor": {"type": "BertProcessing",
"sep": ["[S]", 1], "cls": ["[C]", 0]}, "model": {"type": "WordPiece",
"unk_token": "[U]", "vocab": {"[C]": 0, "[S]": 1, "[U]": 2, "a": 3,
"##b": 4, ".": 5}}})");
}

}  // namespace
}  // namespace triptych

int main(int argc, char** argv) {
  using namespace triptych;
  const std::map<std::string, std::function<FileBytes()>> kSeeds = {
      {"model.gguf", Model},          {"container.gguf", Container},
      {"model.bin", Checkpoint},      {"least.bin", LeastCheckpoint},
      {"vocabulary.tok", Vocabulary}, {"least.tok", LeastVocabulary},
      {"bytes.gguf", Bytes},          {"words.gguf", Words},
      {"bytes.json", BytesJson},      {"marks.json", MarksJson},
      {"words.json", WordsJson},
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
