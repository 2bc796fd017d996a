// Small transformers as ONNX files, node by node as exporters write them.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TESTS_MODELS_ONNX_BUILD_MODELS_H_
#define TRIPTYCH_TESTS_MODELS_ONNX_BUILD_MODELS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace triptych {

// The bytes of a file, where weights start at any offset.
using OnnxBytes = std::vector<std::byte>;

struct OnnxSizes {
  int64_t vocab = 61, context = 24, dim = 32, ffn = 48, layers = 2;
  int64_t heads = 4, kv_heads = 4;
  bool neighbours = false;  // rotated pairs: neighbours, or halves of a head
  uint64_t seed = 1;
};

// A decoder: LayerNorm and tanh GELU in small pieces, one linear layer for
// queries, keys and values, learned positions, a boolean mask that is a slice
// of a stored one, the embedding as head. Input "input_ids", output "logits".
OnnxBytes Gpt2Onnx(const OnnxSizes& sizes);

// An encoder: LayerNorm in small pieces after each block, GELU by erf,
// attention_mask and token_type_ids. Output "pooler_output", or
// "last_hidden_state" if not `pooled`.
OnnxBytes BertOnnx(const OnnxSizes& sizes, bool pooled);

// A decoder: RMSNorm, rotations from a table of frequencies, keys shared by
// neighbouring heads, SwiGLU, an additive mask made on the way. `qk_norm`:
// queries and keys are normalised, a head at a time.
OnnxBytes LlamaOnnx(const OnnxSizes& sizes, bool qk_norm);

// An encoder of images of 3 x 8 x 8 in patches of 4 x 4: a convolution, a
// class token, LayerNormalization, fused queries, keys and values. Input
// "pixel_values".
OnnxBytes VitOnnx(const OnnxSizes& sizes);

// An encoder of 16 frames of 10 numbers: two convolutions along the tokens,
// the second with stride 2, one layer without a mask, the mean of all tokens.
// Input "input_features" [batch, 10, 16].
OnnxBytes AudioOnnx(const OnnxSizes& sizes);

}  // namespace triptych

#endif  // TRIPTYCH_TESTS_MODELS_ONNX_BUILD_MODELS_H_
