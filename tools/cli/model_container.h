// A model file as a container: what it holds by its own names, whether or not
// anything here can run it.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_CLI_MODEL_CONTAINER_H_
#define TRIPTYCH_TOOLS_CLI_MODEL_CONTAINER_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "kernels/base/result.h"

namespace triptych::cli {

struct ContainerTensor {
  std::string name, type;
  std::vector<int64_t> shape;  // outermost first
  size_t file = 0;             // index into Container::files
  uint64_t offset = 0, bytes = 0;
};

struct Container {
  std::string format;              // "GGUF", "safetensors", "llama2.c"
  std::vector<std::string> files;  // paths; several for a sharded checkpoint
  uint64_t bytes = 0;              // of all files
  std::vector<ContainerTensor> tensors;  // in the order of the files
  std::vector<std::pair<std::string, std::string>> metadata;  // key, text
};

// Errors: what is there is no model file, or a broken one.
Result<Container> OpenContainer(const std::string& path);

}  // namespace triptych::cli

#endif  // TRIPTYCH_TOOLS_CLI_MODEL_CONTAINER_H_
