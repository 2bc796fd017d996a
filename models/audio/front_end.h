// What stands between a microphone and a graph: sound in, the rows of the
// graph's input out.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_AUDIO_FRONT_END_H_
#define TRIPTYCH_MODELS_AUDIO_FRONT_END_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "kernels/base/result.h"
#include "models/graph.h"
#include "models/weights.h"

namespace triptych {

// Immutable; thread-safe. The host runs it, in f64 and rounded at the end, for
// every target: it is no part of the graph and of no target's costs.
class FrontEnd {
 public:
  virtual ~FrontEnd() = default;
  // Samples of one sequence, from -1 to 1.
  virtual int64_t samples() const = 0;
  // Of the graph's input: rows a sequence, features a row.
  virtual int64_t rows() const = 0;
  virtual int64_t cols() const = 0;
  // `sound` has samples() of them; the result is [rows(), cols()], row-major.
  // Errors: another number of samples, or what the model's file gets wrong.
  virtual Result<std::vector<float>> Run(
      std::span<const float> sound) const = 0;
};

// The front end of `file`, whose graph is `graph`: the one inside; or, where
// the encoder takes features that KWT-1's front end makes (models/audio/mfcc.h)
// from whoever calls it, that. No longer valid than the file's storage.
// Errors: an encoder of anything else.
Result<std::shared_ptr<const FrontEnd>> FrontEndOf(const ModelFile& file,
                                                   const Graph& graph);

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_AUDIO_FRONT_END_H_
