// SPDX-License-Identifier: Apache-2.0
#include "models/sampling.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/base/check.h"

namespace triptych {
namespace {

constexpr double kLeast = -std::numeric_limits<double>::infinity();

double OrLeast(float logit) { return std::isnan(logit) ? kLeast : logit; }

// The probability of `logit` before normalisation, `best` being the largest
// one: 1 for that, even if it is infinite.
double Weight(double logit, double best, double temperature) {
  return logit == best ? 1 : std::exp((logit - best) / temperature);
}

}  // namespace

Status Validate(const SamplingOptions& o) {
  if (!(o.temperature >= 0) || !std::isfinite(o.temperature)) {
    return MakeError(ErrorCode::kInvalid,
                     fmt::format("temp: {}: must be 0 or more", o.temperature));
  }
  if (o.top_k < 0) {
    return MakeError(
        ErrorCode::kInvalid,
        fmt::format("top-k: {}: must be 0 (all) or more", o.top_k));
  }
  if (!(o.top_p > 0 && o.top_p <= 1)) {
    return MakeError(ErrorCode::kInvalid,
                     fmt::format("top-p: {}: must be in (0, 1]", o.top_p));
  }
  return {};
}

TokenId Greedy(std::span<const float> logits) {
  TRIPTYCH_CHECK(!logits.empty());
  size_t best = 0;
  for (size_t i = 1; i < logits.size(); ++i) {
    if (OrLeast(logits[i]) > OrLeast(logits[best])) best = i;
  }
  return static_cast<TokenId>(best);
}

Sampler::Sampler(const SamplingOptions& options)
    : options_(options), rng_(options.seed) {
  TRIPTYCH_CHECK(Validate(options).has_value(), "temperature",
                 options.temperature, "top_k", options.top_k, "top_p",
                 options.top_p);
}

TokenId Sampler::Sample(std::span<const float> logits) {
  if (options_.temperature == 0) return Greedy(logits);
  Gather(logits);
  if (options_.top_p < 1) KeepTopP();
  const double best = candidates_.front().logit;
  double total = 0;
  for (const Candidate& c : candidates_) {
    total += Weight(c.logit, best, options_.temperature);
  }
  double left = rng_.Uniform() * total;
  for (const Candidate& c : candidates_) {
    left -= Weight(c.logit, best, options_.temperature);
    if (left < 0) return c.id;
  }
  return candidates_.back().id;  // what rounding left over
}

void Sampler::Gather(std::span<const float> logits) {
  TRIPTYCH_CHECK(!logits.empty());
  candidates_.resize(logits.size());
  for (size_t i = 0; i < logits.size(); ++i) {
    candidates_[i] = {OrLeast(logits[i]), static_cast<TokenId>(i)};
  }
  const auto better = [](const Candidate& a, const Candidate& b) {
    return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
  };
  const size_t top_k = static_cast<size_t>(options_.top_k);
  const size_t keep =
      top_k == 0 ? candidates_.size() : std::min(top_k, candidates_.size());
  std::partial_sort(candidates_.begin(), candidates_.begin() + keep,
                    candidates_.end(), better);
  candidates_.resize(keep);
}

void Sampler::KeepTopP() {
  const double best = candidates_.front().logit;
  double total = 0;
  for (const Candidate& c : candidates_) total += Weight(c.logit, best, 1);
  double kept = 0;
  for (size_t i = 0; i < candidates_.size(); ++i) {
    kept += Weight(candidates_[i].logit, best, 1);
    if (kept >= options_.top_p * total) {
      candidates_.resize(i + 1);
      return;
    }
  }
}

}  // namespace triptych
