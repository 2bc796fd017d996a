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

// One scored position.
struct TokenScore {
  double nll = 0;  // of the target, on the token that followed
  double reference_nll = 0;
  double kl = 0;       // KL(reference || target)
  bool agree = false;  // the same most likely token
  friend bool operator==(const TokenScore&, const TokenScore&) = default;
};

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
  // "Q8" to "Q3", or "below Q3": the best class of quantised files whose KL
  // this does not exceed.
  std::string_view accuracy_class;
};

// Classes from the best to the worst, each with the most KL that is still in
// it. accuracy.cc says which files they are and who measured them.
struct AccuracyClassRow {
  std::string_view name;
  double kl_nats_per_token;
};
std::span<const AccuracyClassRow> AccuracyClasses();
std::string_view AccuracyClass(double kl_nats_per_token);

// Means, errors and class of scored positions; zeros of none.
Accuracy SummaryOf(std::span<const TokenScore> scores);

// Scores one position by the logits of the reference and of the target and
// the token that followed; sizes are equal and next is within.
TokenScore ScoreOf(std::span<const double> reference,
                   std::span<const float> logits, int32_t next);

// A text as it is fed: tokens (the first is BOS) in one prefill; of its rows,
// row i predicts tokens[i + 1] and is scored from `first_scored` on.
struct Segment {
  std::vector<int32_t> tokens;
  size_t first_scored = 0;

  // All but the last token, which is only predicted.
  std::span<const int32_t> fed() const {
    return std::span(tokens).first(tokens.size() - 1);
  }
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

  // The same from logits that were computed before: by segment, [tokens - 1,
  // vocab]. Errors: other numbers of them.
  static Result<AccuracyTest> FromLogits(
      const Graph& graph, std::vector<Segment> segments,
      std::vector<std::vector<double>> logits);

  // Runs every segment through `program`, a compilation of the same graph;
  // the scores of all positions that are scored, in order. Segment i has the
  // noise of seed + i: no two share theirs.
  Result<std::vector<TokenScore>> Scores(const Program& program, uint64_t seed,
                                         int threads,
                                         const TokensDone& tell = {}) const;
  // Their summary.
  Result<Accuracy> Run(const Program& program, uint64_t seed, int threads,
                       const TokensDone& tell = {}) const;

  const Graph& graph() const { return *graph_; }
  const std::vector<Segment>& segments() const { return segments_; }
  const std::vector<std::vector<double>>& logits() const { return logits_; }

 private:
  const Graph* graph_ = nullptr;
  std::vector<Segment> segments_;
  std::vector<std::vector<double>> logits_;
};

// The seed of the i-th repetition of a run with other noise: as far from the
// others' that no segment of one has the noise of a segment of another.
inline uint64_t SeedOfRepeat(uint64_t seed, uint64_t i) {
  return seed + (i << 32);
}

// The first segments of a text and the beginning of the last of them, with at
// most `tokens` tokens to feed; at least one is fed.
std::vector<Segment> Beginning(std::span<const Segment> segments,
                               int64_t tokens);

}  // namespace triptych

#endif  // TRIPTYCH_EMULATORS_ACCURACY_H_
