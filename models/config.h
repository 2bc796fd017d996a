// What has to be known to build the graph of a transformer: the numbers of
// one architecture, whoever wrote them down (a GGUF header, a .bin header, a
// row of models/presets). No weights here, no graph either.
//
// All sizes are element counts. Zero means "this architecture has none".
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_CONFIG_H_
#define TRIPTYCH_MODELS_CONFIG_H_

#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

#include "kernels/rope/rope.h"

namespace triptych {

// Which graph to build. Members that only one family reads say so.
enum class Family : uint8_t {
  kLlama,     // decoder; RMSNorm before, RoPE, grouped KV heads, SwiGLU
  kQwen3,     // as llama, with normalised Q and K; dense or experts
  kDeepseek,  // decoder; latent attention, dense layers, then experts
  kGpt2,      // decoder; LayerNorm before, learned positions, GELU
  kBert,      // encoder; LayerNorm after, learned positions and segments
  kVit,       // encoder of image patches; LayerNorm before, class token
  kKwt,       // encoder of sound frames; LayerNorm after, class token
  kWhisper,   // encoder of sound and decoder of text, cross-attention
  kWan,       // diffusion step over video latents, conditioned on text
};

enum class NormKind : uint8_t { kRms, kLayer };
enum class NormPlace : uint8_t { kPre, kPost };
// kSwiGlu: silu(x Wgate) * (x Wup), then Wdown; the others have no gate.
enum class Activation : uint8_t { kSwiGlu, kGeluTanh, kGeluErf };
// RMSNorm of queries and keys before RoPE: over each head, or over all heads.
enum class QkNorm : uint8_t { kNone, kPerHead, kAllHeads };
enum class Positions : uint8_t { kRope, kLearned, kSinusoidal };
enum class Router : uint8_t { kNone, kSoftmax, kSigmoid };
enum class RopeScalingKind : uint8_t { kNone, kLlama3, kYarn };

// How a model trained on `original_context` tokens reaches further: each
// inverse frequency is divided by `factor`, by 1, or by something between,
// according to its wavelength.
struct RopeScaling {
  RopeScalingKind kind = RopeScalingKind::kNone;
  double factor = 1;
  int64_t original_context = 0;
  // Wavelengths longer than original_context / low_freq are divided by
  // `factor`, shorter than original_context / high_freq are left alone.
  // Llama 3: 1 and 4. YaRN calls them beta_slow and beta_fast: 1 and 32.
  double low_freq = 1;
  double high_freq = 4;
  // YaRN: scores are multiplied by (log_multiplier ln factor + 1)^2. 0.1 is
  // the paper's; DeepSeek calls it 0.1 mscale_all_dim.
  double log_multiplier = 0.1;
  double ScoreScale() const {
    if (kind != RopeScalingKind::kYarn) return 1;
    const double sharper = log_multiplier * std::log(factor) + 1;
    return sharper * sharper;
  }
};

struct RopeConfig {
  RopeStyle style = RopeStyle::kInterleaved;
  double theta = 10000;
  // Features of a head that rotate; the rest pass. Usually head_dim.
  int64_t dim = 0;
  RopeScaling scaling;
  // wan: features that rotate with the frame, the row and the column of a
  // token; they add up to dim. All zero: positions have one axis.
  std::array<int64_t, 3> axes{};
};

// Mixture of experts, in place of the feed-forward network.
struct MoeConfig {
  int64_t experts = 0;  // routed
  int64_t top_k = 0;    // routed experts a token visits
  int64_t expert_ffn = 0;
  int64_t shared_experts = 0;  // visited by every token; width expert_ffn
  int64_t dense_layers = 0;    // the first ones have a plain network of
  int64_t dense_ffn = 0;       // this width
  int64_t groups = 1;          // experts come in groups, of which the best
  int64_t groups_used = 1;     // few are searched
  Router router = Router::kNone;
  bool router_bias = false;  // added for choosing, not for weighing
  bool normalize = false;    // weights of the chosen add up to 1
  double scale = 1;          // then multiplied by this
};

// Multi-head latent attention: Q and KV go through narrow bottlenecks, and
// the cache holds kv_lora + rope_dim numbers a token, whatever the heads.
struct MlaConfig {
  int64_t q_lora = 0;
  int64_t kv_lora = 0;
  int64_t nope_dim = 0;  // of a head's Q and K: not rotated
  int64_t rope_dim = 0;  // rotated; one K part is shared by all heads
  int64_t v_dim = 0;
};

// An input cut into patches, one token each: images, video latents, frames
// of sound features (height = features, width = 1).
struct PatchConfig {
  int64_t frames = 1, height = 0, width = 0, channels = 1;
  int64_t patch_frames = 1, patch_height = 0, patch_width = 0;

  int64_t tokens() const {
    if (patch_height == 0 || patch_width == 0 || patch_frames == 0) return 0;
    return frames / patch_frames * (height / patch_height) *
           (width / patch_width);
  }
  // Inputs of the embedding of one patch.
  int64_t features() const {
    return patch_frames * patch_height * patch_width * channels;
  }
};

// whisper: two convolutions of width 3 over `frames` mel frames, the second
// with stride 2, then `layers` encoder layers as wide as the decoder's.
struct AudioEncoderConfig {
  int64_t layers = 0;
  int64_t mels = 0;
  int64_t frames = 0;   // before the stride
  int64_t context = 0;  // tokens after it
};

// wan: what conditions a diffusion step.
struct DiffusionConfig {
  int64_t text_tokens = 0, text_dim = 0;  // of the text encoder's output
  int64_t time_features = 0;              // sinusoids of the time step
  int64_t steps = 0;                      // of a whole generation
  int64_t passes_per_step = 0;  // 2: with and without the text (guidance)
  int64_t experts = 0;          // whole networks; one runs in a step
  // Inputs of one latent along time, height, width (first frame apart).
  std::array<int64_t, 3> vae_stride{};
};

struct ModelConfig {
  Family family = Family::kLlama;
  std::string architecture;  // as the file calls it: "llama"
  std::string name;          // for people

  int64_t layers = 0;
  int64_t dim = 0;  // features of the residual stream
  int64_t ffn = 0;  // inner width of a dense feed-forward network
  int64_t heads = 0;
  int64_t kv_heads = 0;  // divides heads
  int64_t head_dim = 0;  // heads * head_dim need not be dim
  int64_t vocab = 0;
  int64_t context = 0;  // most tokens the model was made for

  NormKind norm = NormKind::kRms;
  NormPlace norm_place = NormPlace::kPre;
  double norm_eps = 1e-5;
  Activation activation = Activation::kSwiGlu;
  QkNorm qk_norm = QkNorm::kNone;
  Positions positions = Positions::kRope;
  RopeConfig rope;
  bool tied_head = false;  // the head is the embedding table

  // Biases of the linear layers: of Q, V and O; of K; not of O though Q and V
  // have one, if out_bias is false; of the network; of the head.
  bool attn_bias = false;
  bool key_bias = false;
  bool out_bias = true;
  bool ffn_bias = false;
  bool head_bias = false;

  MoeConfig moe;
  MlaConfig mla;              // deepseek
  PatchConfig patch;          // vit, kwt, wan
  AudioEncoderConfig audio;   // whisper
  DiffusionConfig diffusion;  // wan
  int64_t segments = 0;       // bert: sentence A or B
  int64_t classes = 0;        // vit, kwt: outputs of the head
  bool class_token = false;   // vit, kwt: token 0 carries the answer
  bool pooler = false;        // bert: tanh(W x + b) of token 0

  int64_t q_dim() const { return heads * head_dim; }
  int64_t kv_dim() const { return kv_heads * head_dim; }
};

std::string_view NameOf(Family family);

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_CONFIG_H_
