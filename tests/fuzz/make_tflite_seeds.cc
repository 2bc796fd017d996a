// Writes the TFLite files that fuzzing starts from: make_tflite_seeds
// KIND.tflite...
// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <fstream>
#include <functional>
#include <map>
#include <string>

#include "tests/models/tflite/build_models.h"

namespace triptych {
namespace {

// Tables, and no operator.
FileBytes Least() {
  TfliteWriter w;
  const int x = w.Tensor("x", {1, 2});
  w.Input(x);
  w.Output(x);
  return w.Bytes();
}

}  // namespace
}  // namespace triptych

int main(int argc, char** argv) {
  using namespace triptych;
  const std::map<std::string, std::function<FileBytes()>> kSeeds = {
      {"keyword.tflite", [] { return KeywordTflite({.layers = 1}); }},
      {"heads.tflite",
       [] {
         return KeywordTflite({.layers = 1, .heads = 2, .gelu_operator = true});
       }},
      {"int8.tflite",
       [] { return KeywordTflite({.layers = 1, .int8 = true}); }},
      {"least.tflite", Least},
  };
  for (int i = 1; i < argc; ++i) {
    const std::string path = argv[i];
    const auto seed = kSeeds.find(path.substr(path.find_last_of('/') + 1));
    if (seed == kSeeds.end()) {
      std::fprintf(stderr, "make_tflite_seeds: %s: no such seed\n", argv[i]);
      return 2;
    }
    const FileBytes bytes = seed->second();
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  }
  return 0;
}
