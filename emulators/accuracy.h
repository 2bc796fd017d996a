// How far a target's answers are from the f64 reference's.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_ACCURACY_H_
#define TRIPTYCH_EMULATORS_ACCURACY_H_

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "emulators/target.h"
#include "kernels/base/result.h"
#include "models/graph.h"
#include "models/graph_weights.h"
#include "models/tokenizer.h"

namespace triptych {

struct Accuracy {
  int64_t predictions = 0;
  double nll_nats_per_token = 0;  // of the target, on the text
  double nll_stderr = 0;
  double reference_nll_nats_per_token = 0;  // of the reference, on the same
  double perplexity = 0;                    // exp(nll)
  double kl_nats_per_token = 0;             // mean of KL(reference || target)
  double kl_stderr = 0;
  double kl_max = 0;
  double top1_agreement = 0;  // fraction, 0..1
  // "Q8", "Q5", "Q3", or "below Q3": the best class of quantised files whose
  // KL this does not exceed (accuracy.cc has the table).
  std::string_view accuracy_class;
};

std::string_view AccuracyClass(double kl_nats_per_token);

// Adds up predictions one by one, in double.
class AccuracySum {
 public:
  // Logits of one position, and the token that followed; sizes are equal and
  // next is within.
  void Add(std::span<const double> reference, std::span<const float> logits,
           int32_t next);
  Accuracy Result() const;

 private:
  int64_t count_ = 0, agree_ = 0;
  double nll_ = 0, nll_squares_ = 0, reference_nll_ = 0;
  double kl_ = 0, kl_squares_ = 0, kl_max_ = 0;
};

// A text as it is fed: tokens (the first is BOS) in one prefill; of its rows,
// row i predicts tokens[i + 1] and is scored from `first_scored` on.
struct Segment {
  std::vector<int32_t> tokens;
  size_t first_scored = 0;
};

// Protocol "story": the text is cut at "<|endoftext|>", each story (without
// the white space around it) is BOS and all its tokens, all scored.
Result<std::vector<Segment>> StorySegments(std::string_view text,
                                           const Tokenizer& tokenizer);

// Protocol "llama.cpp": the text as one row of tokens, cut into chunks of
// `context`; what is left over is dropped. The first token of each chunk is
// replaced by BOS and its second half is scored.
Result<std::vector<Segment>> ChunkSegments(std::string_view text,
                                           const Tokenizer& tokenizer,
                                           int64_t context);

// Told, now and then, how many of the tokens are done. May be empty.
using TokensDone = std::function<void(size_t done, size_t total)>;

// Protocol "self": a text of `count` tokens after BOS that the reference
// writes itself, drawn at temperature 1: no data needed.
Result<std::vector<Segment>> SelfSegments(const Graph& graph,
                                          const Weights& weights, int32_t bos,
                                          int64_t count, uint64_t seed,
                                          const TokensDone& tell = {});

// The reference's answers, computed once for any number of targets. The graph
// must give logits of all rows (BuildOptions::all_logits).
class AccuracyTest {
 public:
  static Result<AccuracyTest> Make(const Graph& graph, const Weights& weights,
                                   std::vector<Segment> segments,
                                   const TokensDone& tell = {});

  // Runs every segment through `program`, a compilation of the same graph.
  Result<Accuracy> Run(const Program& program, uint64_t seed, int threads,
                       const TokensDone& tell = {}) const;

 private:
  const Graph* graph_ = nullptr;
  std::vector<Segment> segments_;
  // By segment, [tokens - 1, vocab].
  std::vector<std::vector<double>> logits_;
};

}  // namespace triptych

#endif  // TRIPTYCH_EMULATORS_ACCURACY_H_
