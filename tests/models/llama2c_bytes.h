// The llama2.c formats, written: the product only reads them.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TESTS_MODELS_LLAMA2C_BYTES_H_
#define TRIPTYCH_TESTS_MODELS_LLAMA2C_BYTES_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
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

inline FileBytes Llama2cBytes(const ModelFile& model) {
  const ModelConfig& c = model.config;
  FileBytes out;
  for (const int64_t field : {c.dim, c.ffn, c.layers, c.heads, c.kv_heads,
                              c.tied_head ? c.vocab : -c.vocab, c.context}) {
    AppendValue(static_cast<int32_t>(field), &out);
  }
  const auto put = [&](const std::string& name) {
    const WeightTensor* tensor = model.Find(name);
    out.insert(out.end(), tensor->data, tensor->data + tensor->bytes);
  };
  put("tok_embed");
  for (const std::string name :
       {"norm.attn", "attn.q", "attn.k", "attn.v", "attn.o", "norm.ffn",
        "ffn.gate", "ffn.down", "ffn.up"}) {
    for (int64_t layer = 0; layer < c.layers; ++layer) {
      put("layers." + std::to_string(layer) + "." + name);
    }
  }
  put("norm.final");
  for (int64_t i = 0; i < c.context * c.head_dim; ++i) AppendValue(0.0f, &out);
  if (!c.tied_head) put("head");
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
