// Which token comes next, given the logits.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_SAMPLING_H_
#define TRIPTYCH_MODELS_SAMPLING_H_

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/base/result.h"
#include "kernels/base/rng.h"
#include "models/tokenizer.h"

namespace triptych {

struct SamplingOptions {
  double temperature = 0;  // 0: always the largest logit
  int64_t top_k = 0;       // of so many of the largest; 0: of all
  double top_p = 1;        // of the fewest whose probabilities reach this
  uint64_t seed = 0;
};

// Errors: a temperature below 0 or not finite, a negative top_k, a top_p
// outside (0, 1]. Keys as on the command line.
Status Validate(const SamplingOptions& options);

// The id of the largest logit; of equal ones the lowest. A NaN is smaller
// than everything. `logits` is not empty.
TokenId Greedy(std::span<const float> logits);

// Draws tokens one after the other. The filters apply in llama.cpp's order:
// top-k, then top-p on the probabilities at temperature 1, then temperature.
// Draw i uses word i of Philox(seed): the same seed and logits give the same
// tokens on any machine whose exp rounds alike. Not thread-safe.
class Sampler {
 public:
  // Options must be valid (a check).
  explicit Sampler(const SamplingOptions& options);

  // `logits` is not empty; token ids are its indices.
  TokenId Sample(std::span<const float> logits);

 private:
  struct Candidate {
    double logit;
    TokenId id;
  };
  // Fills candidates_, best first, ties by id; then the filters.
  void Gather(std::span<const float> logits);
  void KeepTopP();

  SamplingOptions options_;
  Rng rng_;
  std::vector<Candidate> candidates_;
};

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_SAMPLING_H_
