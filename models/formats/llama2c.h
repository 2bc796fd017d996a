// llama2.c's checkpoints (.bin, all three layouts) and its tokenizer.bin.
//
// Legacy (v0): seven int32 (dim, ffn, layers, heads, kv_heads, vocab, context;
// a negative vocab says that the head is not the embedding table), then f32
// tensors, each stacked over the layers: embedding, attention norms, Q, K, V,
// O, feed-forward norms, gate, down, up, final norm, two RoPE tables of
// context x head_dim / 2 that nobody needs, and the head if it is its own.
// v1: "ak42" as a little-endian u32, int32 1, the seven int32, a byte that is
// 1 if the head is the embedding table, zeros up to 256 bytes; then f32
// tensors: attention norms, feed-forward norms, final norm, embedding, Q, K,
// V, O, gate, down, up, and the head if it is its own.
// v2: as v1 with int32 2 and, behind the byte, an int32 group size (at an odd
// offset); norms in f32; of every other tensor, layer by layer, first its
// int8 codes and then an f32 scale for each run of a group of them, which
// need not end with a row. Such a tensor is decoded here, code * scale in
// f32: four times the file, and what any group size comes to.
// RoPE rotates interleaved pairs, theta 10000; RMSNorm's eps is 1e-5.
//
// Tokenizer: int32 longest piece in bytes, then for each piece a f32 score,
// an int32 length and its bytes, to the end of the file.
//
// Source: karpathy/llama2.c, export.py, run.c, runq.c, tokenizer.py.
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

// Whether there is the magic of v1 and v2 or, since the legacy layout has
// none, a header that could be one.
bool LooksLikeLlama2c(std::span<const std::byte> bytes);

// `bytes` start at a multiple of 4 and outlive the result, which has no
// storage and no tokenizer. `file` is for messages.
Result<ModelFile> ParseLlama2c(std::span<const std::byte> bytes,
                               const std::string& file);

Result<Tokenizer> ParseLlama2cTokenizer(std::span<const std::byte> bytes,
                                        const std::string& file);

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_FORMATS_LLAMA2C_H_
