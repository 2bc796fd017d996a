// The architectures that GGUF files name, as tables: which key is which
// number of a ModelConfig, and which tensor is which. Readers and writers
// walk the same rows; a new architecture is rows here and no code elsewhere.
//
// Source of the names: ggml-org/llama.cpp, gguf-py/gguf/constants.py and
// convert_hf_to_gguf.py.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_FORMATS_GGUF_ARCH_H_
#define TRIPTYCH_MODELS_FORMATS_GGUF_ARCH_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "models/config.h"

namespace triptych {

using GgufSize = int64_t (*)(const ModelConfig&);
// Whether layer `layer` has it; of tensors outside the layers, layer is 0.
using GgufWhen = bool (*)(const ModelConfig&, int64_t layer);

// Rows of a tensor that are one of ours: "attn.q" and how many.
struct GgufPart {
  std::string_view name;
  GgufSize rows;
};

// A tensor "<gguf>.weight", "blk.N.<gguf>.weight" in a layer.
struct GgufTensorRow {
  std::string_view gguf;
  // Ours, below each other; for a vector, behind each other.
  std::span<const GgufPart> parts;
  GgufSize cols = nullptr;     // none: a vector
  GgufWhen when = nullptr;     // none: always
  GgufSize experts = nullptr;  // an outermost dimension; parts are of each
  bool bias = false;           // "<gguf>.bias", and ours with ".bias"
  bool f32 = false;            // a matrix that is not stored in fewer bits
  // Rows that RoPE turns, when files may have them in another order than we
  // do: the heads of it. None: it has none.
  GgufSize heads = nullptr;
};

// An integer "<architecture>.<key>".
struct GgufIntKey {
  std::string_view key;
  int64_t& (*member)(ModelConfig&);
  int64_t low;
  // What it is when the key is missing; none: it must not be.
  GgufSize otherwise = nullptr;
};

struct GgufArchitecture {
  std::string_view name;
  Family family;
  bool routed;  // its layers may have experts, and must say how many
  // Sets what the name says without a key.
  void (*implies)(ModelConfig&);
  std::string_view eps_key;  // of the norms
  std::span<const GgufIntKey> keys;
  // In file order: before the layers, of each, after them.
  std::span<const GgufTensorRow> before, layer, after;
};

std::span<const GgufArchitecture> GgufArchitectures();
// Null if there is none of that name.
const GgufArchitecture* FindGgufArchitecture(std::string_view name);
// The one for `config`: of its name if that fits, else the first of its
// family; null if there is none. It need not be able to say all of it.
const GgufArchitecture* GgufArchitectureOf(const ModelConfig& config);
// "llama, qwen2, ..."
std::string GgufArchitectureNames();

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_FORMATS_GGUF_ARCH_H_
