// The llama2.c formats, written: the product only reads them.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TESTS_MODELS_LLAMA2C_BYTES_H_
#define TRIPTYCH_TESTS_MODELS_LLAMA2C_BYTES_H_

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

#include "models/tokenizer.h"
#include "models/weights.h"
#include "tests/models/tiny_model.h"

namespace triptych {

template <class T>
void AppendValue(T value, FileBytes* out) {
  const auto bytes = std::as_bytes(std::span(&value, 1));
  for (const std::byte b : bytes) out->push_back(b);
}

// Appends tensors of a model by name, the layers' by their suffix.
class Llama2cTensors {
 public:
  Llama2cTensors(const ModelFile& model, FileBytes* out)
      : model_(model), out_(out) {}

  void Put(const std::string& name) {
    const WeightTensor* tensor = model_.Find(name);
    out_->insert(out_->end(), tensor->data, tensor->data + tensor->bytes);
  }
  // As export.py quantises: int8 codes, then a scale a group.
  void PutGroups(const std::string& name, size_t group) {
    const WeightTensor* tensor = model_.Find(name);
    std::vector<float> values(tensor->bytes / sizeof(float));
    std::memcpy(values.data(), tensor->data, tensor->bytes);
    std::vector<float> scales;
    for (size_t i = 0; i < values.size(); i += group) {
      float most = 0;
      for (size_t j = i; j < i + group; ++j) {
        most = std::max(most, std::abs(values[j]));
      }
      const float scale = most / 127;
      for (size_t j = i; j < i + group; ++j) {
        AppendValue(static_cast<int8_t>(std::nearbyint(values[j] / scale)),
                    out_);
      }
      scales.push_back(scale);
    }
    for (const float scale : scales) AppendValue(scale, out_);
  }
  // Each name of each layer; in groups unless `group` is 0.
  void PutLayers(std::initializer_list<const char*> names, size_t group = 0) {
    for (const char* name : names) {
      for (int64_t layer = 0; layer < model_.config.layers; ++layer) {
        PutOne("layers." + std::to_string(layer) + "." + name, group);
      }
    }
  }
  void PutOne(const std::string& name, size_t group) {
    if (group == 0) return Put(name);
    PutGroups(name, group);
  }

 private:
  const ModelFile& model_;
  FileBytes* out_;
};

inline void AppendLlama2cSizes(const ModelConfig& c, int64_t vocab,
                               FileBytes* out) {
  for (const int64_t field :
       {c.dim, c.ffn, c.layers, c.heads, c.kv_heads, vocab, c.context}) {
    AppendValue(static_cast<int32_t>(field), out);
  }
}

// The legacy layout, v0.
inline FileBytes Llama2cBytes(const ModelFile& model) {
  const ModelConfig& c = model.config;
  FileBytes out;
  AppendLlama2cSizes(c, c.tied_head ? c.vocab : -c.vocab, &out);
  Llama2cTensors tensors(model, &out);
  tensors.Put("tok_embed");
  tensors.PutLayers({"norm.attn", "attn.q", "attn.k", "attn.v", "attn.o",
                     "norm.ffn", "ffn.gate", "ffn.down", "ffn.up"});
  tensors.Put("norm.final");
  for (int64_t i = 0; i < c.context * c.head_dim; ++i) AppendValue(0.0f, &out);
  if (!c.tied_head) tensors.Put("head");
  return out;
}

// v1, or v2 with groups of that many codes.
inline FileBytes Llama2cVersionBytes(const ModelFile& model, size_t group = 0) {
  const ModelConfig& c = model.config;
  FileBytes out;
  AppendValue<uint32_t>(0x616b3432, &out);
  AppendValue<int32_t>(group == 0 ? 1 : 2, &out);
  AppendLlama2cSizes(c, c.vocab, &out);
  AppendValue<uint8_t>(c.tied_head ? 1 : 0, &out);
  if (group != 0) AppendValue(static_cast<int32_t>(group), &out);
  out.resize(256);
  Llama2cTensors tensors(model, &out);
  tensors.PutLayers({"norm.attn", "norm.ffn"});
  tensors.Put("norm.final");
  tensors.PutOne("tok_embed", group);
  tensors.PutLayers({"attn.q", "attn.k", "attn.v", "attn.o", "ffn.gate",
                     "ffn.down", "ffn.up"},
                    group);
  if (!c.tied_head) tensors.PutOne("head", group);
  return out;
}

inline FileBytes Llama2cTokenizerBytes(const std::vector<Piece>& pieces) {
  FileBytes out;
  size_t longest = 0;
  for (const Piece& piece : pieces) {
    longest = std::max(longest, piece.text.size());
  }
  AppendValue(static_cast<int32_t>(longest), &out);
  for (const Piece& piece : pieces) {
    AppendValue(piece.score, &out);
    AppendValue(static_cast<int32_t>(piece.text.size()), &out);
    for (const char c : piece.text) AppendValue(c, &out);
  }
  return out;
}

}  // namespace triptych

#endif  // TRIPTYCH_TESTS_MODELS_LLAMA2C_BYTES_H_
