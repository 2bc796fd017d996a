// Hugging Face's architectures once more, in f64, straight from tensors by
// its names and in its layouts, the way its model classes compute them. Made
// without the graph, the ops or the readers of the product: what both say
// alike is right, or wrong twice for different reasons.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TESTS_MODELS_HF_ORACLE_H_
#define TRIPTYCH_TESTS_MODELS_HF_ORACLE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tests/models/hf/checkpoint.h"

namespace triptych::hf {

using Matrix = std::vector<std::vector<double>>;
using Ids = std::vector<int32_t>;

// How the inverse frequencies of a rotation are made.
struct Rotation {
  double theta = 10000;
  std::string kind = "default";  // llama3, yarn
  double factor = 1, low = 1, high = 4, original = 0;
  double mscale = 1;  // DeepSeek's
};

// The sizes of a decoder with rotated positions; 0 and false: without.
struct DecoderShape {
  int layers = 2;
  int64_t dim = 16, heads = 4, kv_heads = 2, head_dim = 4, ffn = 24, vocab = 19;
  double eps = 1e-6;
  Rotation rotation;
  bool qk_norm = false, bias = false, tied = false;
  bool out_bias = true;  // where there is a bias at all
  // Experts, in layers from `dense_layers` on.
  int64_t experts = 0, top_k = 0, expert_ffn = 0, shared = 0;
  int dense_layers = 0;
  bool normalize = false, sigmoid = false;
  int64_t groups = 1, groups_used = 1;
  double routed_scale = 1;
  // Latent attention.
  int64_t q_lora = 0, kv_lora = 0, nope = 0, rope = 0, v_dim = 0;
};
// The tensors of such a decoder, and its logits, a row a token.
Tensors DecoderTensors(const DecoderShape& s);
Matrix DecoderLogits(const DecoderShape& s, const Tensors& t, const Ids& ids);

// The others have one shape each; `prefix` is in front of most names.
struct ClassicShape {
  int layers = 2;
  int64_t dim = 16, heads = 4, ffn = 24, vocab = 19, positions = 12;
  double eps = 1e-5;
  std::string prefix;
};

Tensors Gpt2Tensors(const ClassicShape& s);
Matrix Gpt2Logits(const ClassicShape& s, const Tensors& t, const Ids& ids);

// Norms are called gamma and beta if `old_names`.
Tensors BertTensors(const ClassicShape& s, bool old_names, bool pooler);
// One row a token, or the pooled row.
Matrix BertRows(const ClassicShape& s, const Tensors& t, const Ids& ids,
                const Ids& segments, bool old_names, bool pooler);

// Images of `side` pixels a side and three channels, in patches of `patch`.
struct VitShape : ClassicShape {
  int64_t side = 6, patch = 2, classes = 5;
};
Tensors VitTensors(const VitShape& s);
// pixels[channel][row * side + column].
Matrix VitLogits(const VitShape& s, const Tensors& t, const Matrix& pixels);

struct WhisperShape : ClassicShape {
  int64_t mels = 6, source = 5;  // positions of the encoder
  int encoder_layers = 1;
};
Tensors WhisperTensors(const WhisperShape& s);
// mel[bin][frame], 2 * source frames.
Matrix WhisperLogits(const WhisperShape& s, const Tensors& t, const Matrix& mel,
                     const Ids& ids);

}  // namespace triptych::hf

#endif  // TRIPTYCH_TESTS_MODELS_HF_ORACLE_H_
