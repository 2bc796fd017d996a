// SPDX-License-Identifier: Apache-2.0
#include "emulators/accuracy.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "emulators/session.h"
#include "kernels/base/check.h"
#include "models/reference.h"
#include "models/sampling.h"

namespace triptych {
namespace {

// Mean KL(full precision || quantised) of files of one 8B model (HF
// eaddario/Watt-Tool-8B-GGUF): Q8 is its Q8_0, Q5 its Q5_K_M, Q3 its Q3_K_S.
// Users know what texts of such files are like. No measurement of Q6 and Q4
// was found for it: they are as far from Q5 as the default model's weights
// rounded to 6 and 4 bits, in groups of 32 with one scale, are from the same
// at 5: 1,500 tokens of its own give KL 2.87e-3, 9.11e-3 and 4.22e-2 (and 8
// bits 1.94e-4, 3 bits 0.223, beside the 2.4e-4 and 0.164 of the files).
constexpr AccuracyClassRow kClasses[] = {{"Q8", 0.00024},
                                         {"Q6", 0.0015},
                                         {"Q5", 0.0047},
                                         {"Q4", 0.022},
                                         {"Q3", 0.164}};

template <class T>
double LogSumExp(std::span<const T> logits) {
  const double largest = *std::ranges::max_element(logits);
  double sum = 0;
  for (const T x : logits) sum += std::exp(static_cast<double>(x) - largest);
  return largest + std::log(sum);
}

template <class T>
size_t ArgMax(std::span<const T> logits) {
  return static_cast<size_t>(std::ranges::max_element(logits) - logits.begin());
}

// Of the mean of one member of all scores, which is `mean`.
double StandardError(std::span<const TokenScore> scores,
                     double TokenScore::*member, double mean) {
  if (scores.size() < 2) return 0;
  double squares = 0;
  for (const TokenScore& score : scores) {
    squares += (score.*member - mean) * (score.*member - mean);
  }
  const auto n = static_cast<double>(scores.size());
  return std::sqrt(squares / (n - 1) / n);
}

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

Status NeedsTokenizer(const Tokenizer& tokenizer) {
  if (!tokenizer.empty()) return {};
  return MakeError(ErrorCode::kInvalid,
                   "the model has no tokenizer; allowed --tokenizer FILE");
}

// BOS and the text, whether or not the tokenizer adds BOS by itself.
std::vector<int32_t> EncodeWithBos(std::string_view text,
                                   const Tokenizer& tokenizer) {
  std::vector<int32_t> ids = tokenizer.Encode(text);
  const int32_t bos = tokenizer.start();
  if (ids.empty() || ids.front() != bos) ids.insert(ids.begin(), bos);
  return ids;
}

std::unexpected<Error> NothingToScore(std::string_view why) {
  return MakeError(ErrorCode::kInvalid,
                   fmt::format("the text has nothing to score: {}", why));
}

size_t TokensOf(const std::vector<Segment>& segments) {
  size_t tokens = 0;
  for (const Segment& segment : segments) tokens += segment.fed().size();
  return tokens;
}

// Tokens that the reference takes at once: a fraction of a second.
constexpr size_t kTellEvery = 16;

template <class T>
Status CheckRows(const Graph& graph, ConstMatView<T> logits, size_t rows) {
  if (logits.rows() == rows) return {};
  return MakeError(ErrorCode::kInvalid,
                   fmt::format("{}: {} rows of logits for {} tokens; the "
                               "graph must give logits of all tokens",
                               graph.name(), logits.rows(), rows));
}

}  // namespace

std::span<const AccuracyClassRow> AccuracyClasses() { return kClasses; }

std::string_view AccuracyClass(double kl_nats_per_token) {
  for (const AccuracyClassRow& row : kClasses) {
    if (kl_nats_per_token <= row.kl_nats_per_token) return row.name;
  }
  return "below Q3";
}

// ---- Scores ----

TokenScore ScoreOf(std::span<const double> reference,
                   std::span<const float> logits, int32_t next) {
  TRIPTYCH_CHECK(reference.size() == logits.size() && next >= 0 &&
                     static_cast<size_t>(next) < logits.size(),
                 "reference", reference.size(), "logits", logits.size(), "next",
                 next);
  const double reference_norm = LogSumExp(reference);
  const double norm = LogSumExp(logits);
  double kl = 0;
  for (size_t i = 0; i < logits.size(); ++i) {
    const double log_p = reference[i] - reference_norm;
    const double log_q = static_cast<double>(logits[i]) - norm;
    kl += std::exp(log_p) * (log_p - log_q);
  }
  const auto at = static_cast<size_t>(next);
  return {.nll = norm - static_cast<double>(logits[at]),
          .reference_nll = reference_norm - reference[at],
          .kl = kl,
          .agree = ArgMax(reference) == ArgMax(logits)};
}

Accuracy SummaryOf(std::span<const TokenScore> scores) {
  Accuracy a;
  a.predictions = static_cast<int64_t>(scores.size());
  if (scores.empty()) return a;
  for (const TokenScore& score : scores) {
    a.nll_nats_per_token += score.nll;
    a.reference_nll_nats_per_token += score.reference_nll;
    a.kl_nats_per_token += score.kl;
    a.kl_max = std::max(a.kl_max, score.kl);
    a.top1_agreement += score.agree ? 1 : 0;
  }
  const auto n = static_cast<double>(scores.size());
  for (double* mean : {&a.nll_nats_per_token, &a.reference_nll_nats_per_token,
                       &a.kl_nats_per_token, &a.top1_agreement}) {
    *mean /= n;
  }
  a.nll_stderr = StandardError(scores, &TokenScore::nll, a.nll_nats_per_token);
  a.kl_stderr = StandardError(scores, &TokenScore::kl, a.kl_nats_per_token);
  a.perplexity = std::exp(a.nll_nats_per_token);
  a.accuracy_class = AccuracyClass(a.kl_nats_per_token);
  return a;
}

// ---- Protocols ----

Result<std::vector<Segment>> StorySegments(std::string_view text,
                                           const Tokenizer& tokenizer) {
  constexpr std::string_view kEnd = "<|endoftext|>";
  TRIPTYCH_TRY(NeedsTokenizer(tokenizer));
  std::vector<Segment> segments;
  while (!text.empty()) {
    const size_t end = std::min(text.find(kEnd), text.size());
    const std::string_view story = Trim(text.substr(0, end));
    if (!story.empty()) {
      segments.push_back({EncodeWithBos(story, tokenizer), 0});
    }
    text.remove_prefix(std::min(end + kEnd.size(), text.size()));
  }
  if (segments.empty()) return NothingToScore("it is empty");
  return segments;
}

Result<std::vector<Segment>> ChunkSegments(std::string_view text,
                                           const Tokenizer& tokenizer,
                                           int64_t context) {
  TRIPTYCH_TRY(NeedsTokenizer(tokenizer));
  if (context < 4) {
    return MakeError(ErrorCode::kInvalid,
                     fmt::format("context: {} is not allowed; allowed 4 and "
                                 "up",
                                 context));
  }
  const std::vector<int32_t> ids = EncodeWithBos(text, tokenizer);
  std::vector<Segment> segments;
  for (auto rest = std::span(ids); rest.size() >= static_cast<size_t>(context);
       rest = rest.subspan(static_cast<size_t>(context))) {
    const auto chunk = rest.first(static_cast<size_t>(context));
    Segment& segment = segments.emplace_back();
    segment.tokens.assign(chunk.begin(), chunk.end());
    segment.tokens.front() = tokenizer.start();
    segment.first_scored = static_cast<size_t>(context / 2);
  }
  if (segments.empty()) {
    return NothingToScore(fmt::format(
        "{} tokens are less than the context of {}", ids.size(), context));
  }
  return segments;
}

Result<std::vector<Segment>> SelfSegments(const Graph& graph,
                                          const Weights& weights, int32_t bos,
                                          int64_t count, uint64_t seed,
                                          const TokensDone& tell) {
  if (count < 1) return NothingToScore("0 tokens; allowed 1 and up");
  Reference reference(graph, weights, 1, count + 1);
  Sampler sampler({.temperature = 1, .seed = seed});
  Segment segment{{bos}, 0};
  for (int64_t i = 0; i < count; ++i) {
    TRIPTYCH_ASSIGN(const ConstMatView<double> logits,
                    reference.Feed(std::span(&segment.tokens.back(), 1)));
    const auto row = logits.row_span(logits.rows() - 1);
    segment.tokens.push_back(
        sampler.Sample(std::vector<float>(row.begin(), row.end())));
    if (tell) tell(static_cast<size_t>(i + 1), static_cast<size_t>(count));
  }
  return std::vector<Segment>{std::move(segment)};
}

// ---- AccuracyTest ----

Result<AccuracyTest> AccuracyTest::Make(const Graph& graph,
                                        const Weights& weights,
                                        std::vector<Segment> segments,
                                        const TokensDone& tell) {
  AccuracyTest test;
  test.graph_ = &graph;
  const size_t total = TokensOf(segments);
  size_t done = 0;
  for (const Segment& segment : segments) {
    TRIPTYCH_CHECK(segment.tokens.size() >= 2);
    auto rest = segment.fed();
    Reference reference(graph, weights, 1, static_cast<int64_t>(rest.size()));
    std::vector<double>& all = test.logits_.emplace_back();
    while (!rest.empty()) {
      const auto part = rest.first(std::min(rest.size(), kTellEvery));
      rest = rest.subspan(part.size());
      TRIPTYCH_ASSIGN(const ConstMatView<double> logits, reference.Feed(part));
      TRIPTYCH_TRY(CheckRows(graph, logits, part.size()));
      all.insert(all.end(), logits.data(), logits.data() + logits.size());
      if (tell) tell(done += part.size(), total);
    }
  }
  test.segments_ = std::move(segments);
  return test;
}

Result<AccuracyTest> AccuracyTest::FromLogits(
    const Graph& graph, std::vector<Segment> segments,
    std::vector<std::vector<double>> logits) {
  const Entry* entry = graph.FindEntry(Phase::kPrefill);
  if (entry == nullptr || logits.size() != segments.size()) {
    return MakeError(ErrorCode::kInvalid,
                     fmt::format("{}: logits of {} segments for {} segments",
                                 graph.name(), logits.size(), segments.size()));
  }
  const auto vocab = static_cast<size_t>(graph.value(entry->output).shape.cols);
  for (size_t s = 0; s < segments.size(); ++s) {
    const size_t needed = segments[s].fed().size() * vocab;
    if (logits[s].size() == needed) continue;
    return MakeError(ErrorCode::kInvalid,
                     fmt::format("{}: segment {}: {} logits; needed {}",
                                 graph.name(), s, logits[s].size(), needed));
  }
  AccuracyTest test;
  test.graph_ = &graph;
  test.segments_ = std::move(segments);
  test.logits_ = std::move(logits);
  return test;
}

Result<std::vector<TokenScore>> AccuracyTest::Scores(
    const Program& program, uint64_t seed, int threads,
    const TokensDone& tell) const {
  std::vector<TokenScore> scores;
  const size_t total = TokensOf(segments_);
  size_t done = 0;
  for (size_t s = 0; s < segments_.size(); ++s) {
    const Segment& segment = segments_[s];
    const auto fed = segment.fed();
    Session session(*graph_, program,
                    {.capacity = static_cast<int64_t>(fed.size()),
                     .seed = seed + s,
                     .threads = threads});
    TRIPTYCH_ASSIGN(const ConstMatView<float> logits, session.Prefill(fed));
    TRIPTYCH_TRY(CheckRows(*graph_, logits, fed.size()));
    const size_t vocab = logits.cols();
    for (size_t i = segment.first_scored; i < fed.size(); ++i) {
      scores.push_back(ScoreOf(std::span(logits_[s]).subspan(i * vocab, vocab),
                               logits.row_span(i), segment.tokens[i + 1]));
    }
    if (tell) tell(done += fed.size(), total);
  }
  return scores;
}

Result<Accuracy> AccuracyTest::Run(const Program& program, uint64_t seed,
                                   int threads, const TokensDone& tell) const {
  TRIPTYCH_ASSIGN(const std::vector<TokenScore> scores,
                  Scores(program, seed, threads, tell));
  return SummaryOf(scores);
}

std::vector<Segment> Beginning(std::span<const Segment> segments,
                               int64_t tokens) {
  auto left = static_cast<size_t>(std::max<int64_t>(tokens, 1));
  std::vector<Segment> beginning;
  for (const Segment& segment : segments) {
    if (left == 0) break;
    Segment& part = beginning.emplace_back(segment);
    part.tokens.resize(std::min(segment.tokens.size(), left + 1));
    left -= part.fed().size();
  }
  return beginning;
}

}  // namespace triptych
