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

}  // namespace
}  // namespace triptych

int main(int argc, char** argv) {
  using namespace triptych;
  const std::map<std::string, std::function<FileBytes()>> kSeeds = {
      {"model.gguf", Model},          {"container.gguf", Container},
      {"model.bin", Checkpoint},      {"least.bin", LeastCheckpoint},
      {"vocabulary.tok", Vocabulary}, {"least.tok", LeastVocabulary},
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
