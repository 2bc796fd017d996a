// What an importer gives: the numbers of an architecture, its tensors as
// views into the mapped file, and the tokenizer when the file has one.
//
// Every format ends in the same names and layouts, so that whoever builds a
// graph never asks which file it came from:
//
//   tok_embed            [vocab, dim]
//   layers.N.norm.attn   [dim]
//   layers.N.attn.q      [heads * head_dim, dim]
//   layers.N.attn.k, .v  [kv_heads * head_dim, dim]
//   layers.N.attn.o      [dim, heads * head_dim]
//   layers.N.norm.ffn    [dim]
//   layers.N.ffn.gate    [ffn, dim]
//   layers.N.ffn.up      [ffn, dim]
//   layers.N.ffn.down    [dim, ffn]
//   norm.final           [dim]
//   head                 [vocab, dim], absent when config.tied_head
//
// Rows of Q and K are in the order that config.rope.style rotates. That is a
// llama; models/build/ makes the names of the other families, in this style.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_WEIGHTS_H_
#define TRIPTYCH_MODELS_WEIGHTS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/dtype.h"
#include "models/config.h"
#include "models/mapped_file.h"
#include "models/tokenizer.h"

namespace triptych {

// A rectangle of a tensor, where its file has it: rows [row, row + rows) and
// columns [col, col + cols). Steps are bytes from one element to the next one
// in the same column or row; nothing is aligned.
struct WeightPiece {
  int64_t row = 0, col = 0;
  int64_t rows = 0, cols = 0;
  const std::byte* data = nullptr;
  size_t row_step = 0, col_step = 0;
};

// A view, row-major, outermost dimension first: W[n, k]. Valid as long as the
// storage behind it.
//
// Most tensors lie in their file as they are wanted: `data` is then the
// first of `bytes` bytes, aligned to their element where the format is plain.
// One that a file has transposed, fused with another, cut up or at an odd
// address has no `data` but pieces, so that nothing is copied for it; ReadRow
// reads both.
struct WeightTensor {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;
  const std::byte* data = nullptr;
  size_t bytes = 0;
  // Of a plain format. They tile the tensor, in the order of their rows, then
  // columns; those that share a row share all their rows.
  std::vector<WeightPiece> pieces;

  // A vector is one row.
  int64_t cols() const { return shape.back(); }
  int64_t rows() const;

  // Keeps alive what `data` points to when a reader had to make it; empty when
  // it lies in the model's storage.
  std::shared_ptr<const void> owner;
};

// The values of one row in f32. `out` has cols() elements and does not
// overlap the tensor. 0 <= row < rows() (a check).
void ReadRow(const WeightTensor& tensor, int64_t row, float* out);

// The files of one model: one, or the shards of a large checkpoint.
using ModelStorage = std::vector<MappedFile>;

class FrontEnd;
class GraphSource;

struct ModelFile {
  ModelConfig config;
  std::vector<WeightTensor> tensors;
  Tokenizer tokenizer;  // empty() when the file has none
  // What the tensors point into.
  std::shared_ptr<const void> storage;
  // Tensors that the file has and the graph has no use for, by their names
  // there: masks, heads of other tasks.
  std::vector<std::string> left_out;
  // Where the graph comes from (models/build/build.h); null: from `config`.
  std::shared_ptr<const GraphSource> graph;
  // What makes the graph's input of sound (models/audio/front_end.h), where
  // the file has that; null: nothing does. No longer valid than `storage`.
  std::shared_ptr<const FrontEnd> front_end;

  // Null if there is no tensor of that name.
  const WeightTensor* Find(std::string_view name) const;
};

// The model in `path`, and the tokenizer in `tokenizer_path` (of any kind that
// LoadTokenizer reads) instead of the one inside, or beside, unless that is "".
// A file's first bytes say which format it is; a Hugging Face checkpoint may be
// named by its directory, its .safetensors file or the index of its shards.
// Located errors; nothing is ever half read.
Result<ModelFile> LoadModel(const std::string& path,
                            const std::string& tokenizer_path = "");

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_WEIGHTS_H_
