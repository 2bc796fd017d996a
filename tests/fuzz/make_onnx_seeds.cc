// Writes the ONNX files that fuzzing starts from: make_onnx_seeds KIND.onnx...
// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <fstream>
#include <functional>
#include <map>
#include <string>

#include "tests/models/onnx/build_models.h"

int main(int argc, char** argv) {
  using namespace triptych;
  const OnnxSizes small = {.vocab = 5,
                           .context = 8,
                           .dim = 8,
                           .ffn = 8,
                           .layers = 1,
                           .heads = 2,
                           .kv_heads = 1};
  const std::map<std::string, std::function<OnnxBytes()>> kSeeds = {
      {"gpt2.onnx", [&] { return Gpt2Onnx(small); }},
      {"bert.onnx", [&] { return BertOnnx(small, true); }},
      {"llama.onnx", [&] { return LlamaOnnx(small, true); }},
      {"vit.onnx", [&] { return VitOnnx(small); }},
      {"audio.onnx", [&] { return AudioOnnx(small); }},
  };
  for (int i = 1; i < argc; ++i) {
    const std::string path = argv[i];
    const auto seed = kSeeds.find(path.substr(path.find_last_of('/') + 1));
    if (seed == kSeeds.end()) {
      std::fprintf(stderr, "make_onnx_seeds: %s: no such seed\n", argv[i]);
      return 2;
    }
    const OnnxBytes bytes = seed->second();
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  }
  return 0;
}
