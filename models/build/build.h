// Graphs from configurations: one file here a family of architectures.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_BUILD_BUILD_H_
#define TRIPTYCH_MODELS_BUILD_BUILD_H_

#include "kernels/base/result.h"
#include "models/config.h"
#include "models/graph.h"

namespace triptych {

struct BuildOptions {
  // Logits of every new token (accuracy runs), or of each sequence's last
  // one only, as a server computes them.
  bool all_logits = false;
};

struct ModelFile;

// The graph of a model whose file says what it is, operator by operator, and
// not just which family it is of. Immutable; thread-safe.
class GraphSource {
 public:
  virtual ~GraphSource() = default;
  virtual Result<Graph> Build(const BuildOptions& options) const = 0;
};

// The graph of a model: the one its file brings, or that of its family.
Result<Graph> BuildGraph(const ModelFile& file,
                         const BuildOptions& options = {});

// Inputs and entries by family:
//   decoders: "tokens" [batch * tokens, 1] of ids; prefill, decode -> logits.
//   bert: "tokens" and "segments"; encode -> pooled row a sequence, or rows.
//   vit, kwt: "patches" [batch * patches, features]; encode -> class logits.
//   whisper: "frames" [batch * frames, mels]; encode fills the cross caches;
//     then as a decoder.
//   wan: "latents" [batch * tokens, features], "time" [batch, features],
//     "text" [batch * text tokens, text dim]; encode -> predicted noise.
// Weights are named as in models/weights.h; a bias is its weight's name with
// ".bias". Errors name the configuration and the node.
Result<Graph> BuildGraph(const ModelConfig& config,
                         const BuildOptions& options = {});

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_BUILD_BUILD_H_
