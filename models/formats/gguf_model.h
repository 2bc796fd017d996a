// Models in GGUF, read and written by the tables of gguf_arch.h.
//
// Rows of Q and K of a llama come in the order of interleaved RoPE: whoever
// converts a checkpoint that rotates halves permutes them on the way in. The
// other architectures with RoPE rotate halves, but for DeepSeek's.
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
// of it; vectors, tables of positions and segments, and routers of experts
// stay f32, as llama.cpp leaves them. A tensor already in the type it is to
// have is copied bit by bit. The rows of Q and K of a llama that rotates
// halves are put in the order that GGUF wants. Errors: a model that no
// architecture of GGUF can say, with the number it cannot; one that lacks a
// tensor or has one of another shape; a type that GGUF does not have.
Result<std::vector<std::byte>> GgufModelBytes(const ModelFile& model,
                                              DType matrices);

// The same into a file, a megabyte at a time.
Status WriteGgufModel(const ModelFile& model, DType matrices,
                      const std::string& path);

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_FORMATS_GGUF_MODEL_H_
