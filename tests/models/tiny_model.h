// A llama of a few hundred numbers, to write files from and to break.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TESTS_MODELS_TINY_MODEL_H_
#define TRIPTYCH_TESTS_MODELS_TINY_MODEL_H_

#include <cstddef>
#include <cstring>
#include <deque>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "kernels/base/aligned.h"
#include "kernels/base/rng.h"
#include "models/tokenizer.h"
#include "models/weights.h"

namespace triptych {

// Three special pieces, 256 bytes, the letters a to e and some joints.
inline std::vector<Piece> TinyPieces() {
  std::vector<Piece> pieces = {{"<unk>", 0, PieceType::kUnknown},
                               {"<s>", 0, PieceType::kControl},
                               {"</s>", 0, PieceType::kControl}};
  for (int i = 0; i < 256; ++i) {
    const char* digits = "0123456789ABCDEF";
    pieces.push_back(
        {std::string("<0x") + digits[i / 16] + digits[i % 16] + '>', 0,
         PieceType::kByte});
  }
  const char* texts[] = {" ", "a", "b", "c", "d", "e"};
  for (const char* text : texts) {
    pieces.push_back({text, -100, PieceType::kNormal});
  }
  pieces.push_back({"ab", -3, PieceType::kNormal});
  pieces.push_back({"bc", -2, PieceType::kNormal});
  pieces.push_back({" a", -4, PieceType::kNormal});
  pieces.push_back({"cd", -2, PieceType::kNormal});
  pieces.push_back({"abc", -1, PieceType::kNormal});
  pieces.push_back({"\xC3\xA9", -50, PieceType::kNormal});  // e acute
  return pieces;
}

// Owns the numbers that its tensors point to.
struct TinyModel {
  ModelFile model;
  std::deque<std::vector<float>> values;

  explicit TinyModel(bool tied) {
    ModelConfig& c = model.config;
    c.architecture = "llama";
    c.name = "tiny";
    c.layers = 2;
    c.dim = 32;
    c.ffn = 64;
    c.heads = 4;
    c.kv_heads = 2;
    c.head_dim = 8;
    c.context = 16;
    c.rope.dim = 8;
    c.tied_head = tied;
    const auto pieces = TinyPieces();
    c.vocab = static_cast<int64_t>(pieces.size());
    model.tokenizer = *Tokenizer::Create(pieces, {});
    Add("tok_embed", {c.vocab, c.dim});
    for (const std::string layer : {"layers.0.", "layers.1."}) {
      Add(layer + "norm.attn", {c.dim});
      Add(layer + "attn.q", {c.q_dim(), c.dim});
      Add(layer + "attn.k", {c.kv_dim(), c.dim});
      Add(layer + "attn.v", {c.kv_dim(), c.dim});
      Add(layer + "attn.o", {c.dim, c.q_dim()});
      Add(layer + "norm.ffn", {c.dim});
      Add(layer + "ffn.gate", {c.ffn, c.dim});
      Add(layer + "ffn.up", {c.ffn, c.dim});
      Add(layer + "ffn.down", {c.dim, c.ffn});
    }
    Add("norm.final", {c.dim});
    if (!tied) Add("head", {c.vocab, c.dim});
  }
  TinyModel(const TinyModel&) = delete;

 private:
  void Add(const std::string& name, std::vector<int64_t> shape) {
    size_t size = 1;
    for (const int64_t n : shape) size *= static_cast<size_t>(n);
    Rng rng(1, values.size());
    std::vector<float>& data = values.emplace_back(size);
    for (float& x : data) x = static_cast<float>(rng.Normal());
    const auto bytes = std::as_bytes(std::span<const float>(data));
    model.tensors.push_back(
        {name, DType::kF32, std::move(shape), bytes.data(), bytes.size()});
  }
};

// Bytes that start where a mapped file would: readers ask for alignment.
using FileBytes = AlignedVector<std::byte>;

inline FileBytes AsFile(std::span<const std::byte> bytes) {
  return FileBytes(bytes.begin(), bytes.end());
}

}  // namespace triptych

#endif  // TRIPTYCH_TESTS_MODELS_TINY_MODEL_H_
