// llama2.c's checkpoint (.bin, the legacy layout) and its tokenizer.bin.
//
// Checkpoint: seven int32 (dim, ffn, layers, heads, kv_heads, vocab, context;
// a negative vocab says that the head is not the embedding table), then f32
// tensors, each stacked over the layers: embedding, attention norms, Q, K, V,
// O, feed-forward norms, gate, down, up, final norm, two RoPE tables of
// context x head_dim / 2 that nobody needs, and the head if it is its own.
// RoPE rotates interleaved pairs, theta 10000; RMSNorm's eps is 1e-5.
//
// Tokenizer: int32 longest piece in bytes, then for each piece a f32 score,
// an int32 length and its bytes, to the end of the file.
//
// Source: karpathy/llama2.c, export.py (legacy_export), run.c, tokenizer.py.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_FORMATS_LLAMA2C_H_
#define TRIPTYCH_MODELS_FORMATS_LLAMA2C_H_

#include <cstddef>
#include <span>
#include <string>

#include "kernels/base/result.h"
#include "models/tokenizer.h"
#include "models/weights.h"

namespace triptych {

// Whether the header and the size fit each other: the format has no magic.
bool LooksLikeLlama2c(std::span<const std::byte> bytes);

// `bytes` start at a multiple of 4 and outlive the result, which has no
// storage and no tokenizer. `file` is for messages.
Result<ModelFile> ParseLlama2c(std::span<const std::byte> bytes,
                               const std::string& file);

Result<Tokenizer> ParseLlama2cTokenizer(std::span<const std::byte> bytes,
                                        const std::string& file);

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_FORMATS_LLAMA2C_H_
