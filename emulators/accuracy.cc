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

// Mean KL(full precision || quantised) of the files Q8_0, Q5_K_M and Q3_K_S
// of one 8B model (HF eaddario/Watt-Tool-8B-GGUF). Users know what texts of
// such files are like.
struct ClassRow {
  std::string_view name;
  double kl;
};
constexpr ClassRow kClasses[] = {
    {"Q8", 0.00024}, {"Q5", 0.0047}, {"Q3", 0.164}};

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

// Of the mean of `count` values.
double StandardError(double sum, double squares, int64_t count) {
  if (count < 2) return 0;
  const auto n = static_cast<double>(count);
  const double variance = (squares - sum * sum / n) / (n - 1);
  return std::sqrt(std::max(variance, 0.0) / n);
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

// All but the last token, which is only predicted.
std::span<const int32_t> FedTokens(const Segment& segment) {
  return std::span(segment.tokens).first(segment.tokens.size() - 1);
}

size_t TokensOf(const std::vector<Segment>& segments) {
  size_t tokens = 0;
  for (const Segment& segment : segments) tokens += FedTokens(segment).size();
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

std::string_view AccuracyClass(double kl_nats_per_token) {
  for (const ClassRow& row : kClasses) {
    if (kl_nats_per_token <= row.kl) return row.name;
  }
  return "below Q3";
}

// ---- AccuracySum ----

void AccuracySum::Add(std::span<const double> reference,
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
  const double nll = norm - static_cast<double>(logits[at]);
  ++count_;
  agree_ += ArgMax(reference) == ArgMax(logits);
  nll_ += nll;
  nll_squares_ += nll * nll;
  reference_nll_ += reference_norm - reference[at];
  kl_ += kl;
  kl_squares_ += kl * kl;
  kl_max_ = std::max(kl_max_, kl);
}

Accuracy AccuracySum::Result() const {
  Accuracy a;
  a.predictions = count_;
  if (count_ == 0) return a;
  const auto n = static_cast<double>(count_);
  a.nll_nats_per_token = nll_ / n;
  a.nll_stderr = StandardError(nll_, nll_squares_, count_);
  a.reference_nll_nats_per_token = reference_nll_ / n;
  a.perplexity = std::exp(a.nll_nats_per_token);
  a.kl_nats_per_token = kl_ / n;
  a.kl_stderr = StandardError(kl_, kl_squares_, count_);
  a.kl_max = kl_max_;
  a.top1_agreement = static_cast<double>(agree_) / n;
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
    auto rest = FedTokens(segment);
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

Result<Accuracy> AccuracyTest::Run(const Program& program, uint64_t seed,
                                   int threads, const TokensDone& tell) const {
  AccuracySum sum;
  const size_t total = TokensOf(segments_);
  size_t done = 0;
  for (size_t s = 0; s < segments_.size(); ++s) {
    const Segment& segment = segments_[s];
    const auto fed = FedTokens(segment);
    Session session(*graph_, program,
                    {.capacity = static_cast<int64_t>(fed.size()),
                     .seed = seed + s,  // no two segments share their noise
                     .threads = threads});
    TRIPTYCH_ASSIGN(const ConstMatView<float> logits, session.Prefill(fed));
    TRIPTYCH_TRY(CheckRows(*graph_, logits, fed.size()));
    const size_t vocab = logits.cols();
    for (size_t i = segment.first_scored; i < fed.size(); ++i) {
      sum.Add(std::span(logits_[s]).subspan(i * vocab, vocab),
              logits.row_span(i), segment.tokens[i + 1]);
    }
    if (tell) tell(done += fed.size(), total);
  }
  return sum.Result();
}

}  // namespace triptych
