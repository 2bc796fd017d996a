// A model in training: parameters, AdamW's moments, and the step.
//
// A batch is cut into a fixed number of groups. A group's gradient is summed
// by one thread, and groups are added in order, element by element: the
// result does not depend on how many threads there were.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_TRAINER_LEARNER_H_
#define TRIPTYCH_TOOLS_TRAINER_LEARNER_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kernels/base/aligned.h"
#include "kernels/base/result.h"
#include "models/tokenizer.h"
#include "tools/trainer/corpus.h"
#include "tools/trainer/transformer.h"

namespace triptych::trainer {

struct OptimizerConfig {
  float beta1 = 0.9f, beta2 = 0.99f, eps = 1e-8f;
  float weight_decay = 0.1f;  // of matrices, not of gains
  float clip = 1.0f;          // largest norm of the gradient
};

// How far held-out stories are from being told as well as possible.
struct Assessment {
  size_t stories = 0, tokens = 0;  // predictions
  double loss = 0;    // nats a token
  double bound = 0;   // the entropy of these very stories, nats a token
  double bound_error = 0;   // standard error of the bound over stories
  double excess = 0;        // loss - bound: KL(grammar || model) a token
  double excess_error = 0;  // standard error over stories
  double top1 = 0;          // share of tokens that were the likeliest
};

class Learner {
 public:
  Learner(const ModelConfig& config, uint64_t seed, int threads);

  // One update. Returns the mean loss before it, nats a token.
  double Step(const std::vector<TokenStory>& stories, float learning_rate);

  Assessment Assess(Corpus& corpus, size_t stories);

  // Continues `prompt` (which starts with <s>) until `last` or the end of
  // the context; temperature 0 takes the likeliest token.
  std::vector<TokenId> Continue(std::vector<TokenId> prompt, TokenId last,
                                double temperature, uint64_t seed);

  // Rounds the matrices to bf16, as they will be stored.
  void RoundToBf16();

  uint64_t steps() const { return steps_; }
  const Layout& layout() const { return layout_; }
  std::span<const float> parameters() const { return parameters_; }

  // Everything needed to go on exactly. `key` names the run; Load refuses a
  // file with another one.
  Status Save(const std::string& path, const std::string& key) const;
  Status Load(const std::string& path, const std::string& key);

 private:
  static constexpr size_t kGroups = 8;

  double Gradient(const std::vector<TokenStory>& stories);
  void Update(float learning_rate);

  Layout layout_;
  int threads_;
  OptimizerConfig optimizer_;
  uint64_t steps_ = 0;
  AlignedVector<float> parameters_, moment1_, moment2_;
  std::vector<AlignedVector<float>> gradients_;  // one a group
  std::vector<SequenceWorker> workers_;          // one a thread
};

}  // namespace triptych::trainer

#endif  // TRIPTYCH_TOOLS_TRAINER_LEARNER_H_
