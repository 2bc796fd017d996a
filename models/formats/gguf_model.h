// Models in GGUF: which key is which number of an architecture, and which
// tensor is which. Reading and writing share the two tables of the .cc file.
//
// Read: architecture "llama" with the tokenizer model "llama" (SentencePiece
// BPE). Rows of Q and K come in the order of interleaved RoPE: whoever
// converts a checkpoint that rotates halves permutes them on the way in.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_FORMATS_GGUF_MODEL_H_
#define TRIPTYCH_MODELS_FORMATS_GGUF_MODEL_H_

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "kernels/base/dtype.h"
#include "kernels/base/result.h"
#include "models/weights.h"

namespace triptych {

bool LooksLikeGguf(std::span<const std::byte> bytes);

// `bytes` start at a multiple of 64 and outlive the result, which has no
// storage. `file` is for messages.
Result<ModelFile> ParseGgufModel(std::span<const std::byte> bytes,
                                 const std::string& file);

// The model as a GGUF file; the same model gives the same bytes. Matrices
// are stored as `matrices`, or as bf16 where their rows are not whole blocks
// of it; vectors stay f32. A tensor already in the type it is to have is
// copied bit by bit. Errors: a model that is not of the llama family, lacks
// a tensor, has one of another shape, or a type that GGUF does not have.
Result<std::vector<std::byte>> GgufModelBytes(const ModelFile& model,
                                              DType matrices);

// The same into a file.
Status WriteGgufModel(const ModelFile& model, DType matrices,
                      const std::string& path);

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_FORMATS_GGUF_MODEL_H_
