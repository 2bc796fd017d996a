// SPDX-License-Identifier: Apache-2.0
#include "tools/trainer/learner.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <utility>

#include "kernels/base/check.h"
#include "kernels/base/formats.h"
#include "kernels/base/parallel.h"
#include "kernels/base/rng.h"
#include "kernels/base/units.h"
#include "tools/trainer/train_ops.h"

namespace triptych::trainer {
namespace {

// Elements one thread updates at a time: in L2 with gradient and moments.
constexpr size_t kChunk = 16384;

// A mean over stories of x / a mean over stories of y, and its standard
// error to first order (the delta method).
struct Ratio {
  double value, error;
};
Ratio RatioOf(const std::vector<double>& x, const std::vector<double>& y) {
  const double n = static_cast<double>(x.size());
  double sum_x = 0, sum_y = 0, squares = 0;
  for (const double v : x) sum_x += v;
  for (const double v : y) sum_y += v;
  const double ratio = sum_x / sum_y;
  for (size_t i = 0; i < x.size(); ++i) {
    const double residual = x[i] - ratio * y[i];
    squares += residual * residual;
  }
  return {ratio, std::sqrt(squares / (n * (n - 1))) / (sum_y / n)};
}

std::span<const TokenId> Inputs(const TokenStory& story) {
  return std::span(story.tokens).first(story.predictions());
}
std::span<const TokenId> Targets(const TokenStory& story) {
  return std::span(story.tokens).subspan(1);
}

}  // namespace

Learner::Learner(const ModelConfig& config, uint64_t seed, int threads)
    : layout_(config),
      threads_(threads),
      parameters_(InitialParameters(layout_, seed)),
      moment1_(layout_.size(), 0.0f),
      moment2_(layout_.size(), 0.0f),
      gradients_(kGroups, AlignedVector<float>(layout_.size())) {
  for (int i = 0; i < threads; ++i) {
    workers_.emplace_back(layout_, static_cast<size_t>(config.context));
  }
}

double Learner::Step(const std::vector<TokenStory>& stories,
                     float learning_rate) {
  const double loss = Gradient(stories);
  Update(learning_rate);
  return loss;
}

double Learner::Gradient(const std::vector<TokenStory>& stories) {
  const PackedModel model(layout_, parameters_, threads_);
  size_t predictions = 0;
  for (const TokenStory& s : stories) predictions += s.predictions();
  std::vector<double> losses(kGroups, 0);
  ParallelFor(kGroups, threads_, [&](size_t group) {
    SequenceWorker& worker =
        workers_[static_cast<size_t>(omp_get_thread_num())];
    std::fill(gradients_[group].begin(), gradients_[group].end(), 0.0f);
    for (size_t i = group; i < stories.size(); i += kGroups) {
      losses[group] += worker.LossAndGradient(
          model, Inputs(stories[i]), Targets(stories[i]),
          1.0f / static_cast<float>(predictions), gradients_[group]);
    }
  });
  double loss = 0;
  for (const double l : losses) loss += l;
  return loss / static_cast<double>(predictions);
}

void Learner::Update(float learning_rate) {
  // The groups' gradients into the first one, and its norm.
  const size_t chunks = CeilDiv(layout_.size(), kChunk);
  const auto chunk = [&](auto& values, size_t i) {
    return std::span(values).subspan(
        i * kChunk, std::min(kChunk, layout_.size() - i * kChunk));
  };
  std::vector<double> squares(chunks);
  ParallelFor(chunks, threads_, [&](size_t i) {
    for (size_t g = 1; g < kGroups; ++g) {
      AddTo(chunk(gradients_[g], i), chunk(gradients_[0], i));
    }
    squares[i] = SumOfSquares(chunk(gradients_[0], i));
  });
  double norm = 0;
  for (const double s : squares) norm += s;
  norm = std::sqrt(norm);

  ++steps_;
  const double t = static_cast<double>(steps_);
  AdamStep step;
  step.learning_rate = learning_rate;
  step.beta1 = optimizer_.beta1;
  step.beta2 = optimizer_.beta2;
  step.eps = optimizer_.eps;
  step.gradient_scale = static_cast<float>(
      std::min(1.0, optimizer_.clip / std::max(norm, 1e-30)));
  step.correction1 =
      static_cast<float>(1 / (1 - std::pow(double{optimizer_.beta1}, t)));
  step.correction2 =
      static_cast<float>(1 / (1 - std::pow(double{optimizer_.beta2}, t)));
  ParallelFor(layout_.parameters().size(), threads_, [&](size_t i) {
    const Parameter& p = layout_.parameters()[i];
    AdamStep mine = step;
    mine.weight_decay = p.vector ? 0 : optimizer_.weight_decay;
    const auto part = [&](AlignedVector<float>& values) {
      return std::span(values).subspan(p.offset, p.rows * p.cols);
    };
    AdamUpdate(mine, part(gradients_[0]), part(moment1_), part(moment2_),
               part(parameters_));
  });
}

Assessment Learner::Assess(Corpus& corpus, size_t stories) {
  const PackedModel model(layout_, parameters_, threads_);
  std::vector<TokenStory> texts;
  for (size_t i = 0; i < stories; ++i) texts.push_back(corpus.HeldOut(i));
  std::vector<double> losses(stories), bounds(stories), tokens(stories),
      excesses(stories);
  std::vector<size_t> hits(stories, 0);
  ParallelFor(stories, threads_, [&](size_t i) {
    SequenceWorker& worker =
        workers_[static_cast<size_t>(omp_get_thread_num())];
    const auto targets = Targets(texts[i]);
    const MatView<float> logits = worker.Logits(model, Inputs(texts[i]));
    for (size_t t = 0; t < targets.size(); ++t) {
      const auto row = logits.row_span(t);
      hits[i] += std::max_element(row.begin(), row.end()) - row.begin() ==
                 targets[t];
    }
    losses[i] = CrossEntropy(logits, targets, 0);
    bounds[i] = -texts[i].log_probability;
    excesses[i] = losses[i] - bounds[i];
    tokens[i] = static_cast<double>(targets.size());
  });
  Assessment a;
  a.stories = stories;
  for (size_t i = 0; i < stories; ++i) {
    a.tokens += static_cast<size_t>(tokens[i]);
    a.top1 += static_cast<double>(hits[i]);
  }
  a.top1 /= static_cast<double>(a.tokens);
  a.loss = RatioOf(losses, tokens).value;
  const Ratio bound = RatioOf(bounds, tokens);
  a.bound = bound.value;
  a.bound_error = bound.error;
  const Ratio excess = RatioOf(excesses, tokens);
  a.excess = excess.value;
  a.excess_error = excess.error;
  return a;
}

std::vector<TokenId> Learner::Continue(std::vector<TokenId> prompt,
                                       TokenId last, double temperature,
                                       uint64_t seed) {
  const PackedModel model(layout_, parameters_, threads_);
  Rng rng(seed);
  while (prompt.size() < static_cast<size_t>(layout_.config().context) &&
         prompt.back() != last) {
    const auto logits =
        workers_[0].Logits(model, prompt).row_span(prompt.size() - 1);
    // Gumbel's trick: the largest of logit / temperature + noise is a draw.
    size_t best = 0;
    double best_score = -INFINITY;
    for (size_t i = 0; i < logits.size(); ++i) {
      const double noise =
          temperature > 0 ? -temperature * std::log(-std::log(rng.Uniform()))
                          : 0;
      if (logits[i] + noise > best_score) {
        best_score = logits[i] + noise;
        best = i;
      }
    }
    prompt.push_back(static_cast<TokenId>(best));
  }
  return prompt;
}

void Learner::RoundToBf16() {
  for (const Parameter& p : layout_.parameters()) {
    if (p.vector) continue;
    for (size_t i = p.offset; i < p.offset + p.rows * p.cols; ++i) {
      parameters_[i] = triptych::RoundToBf16(parameters_[i]);
    }
  }
}

Status Learner::Save(const std::string& path, const std::string& key) const {
  const std::string unfinished = path + ".part";
  std::ofstream out(unfinished, std::ios::binary);
  const auto write = [&](const AlignedVector<float>& values) {
    out.write(reinterpret_cast<const char*>(values.data()),
              static_cast<std::streamsize>(values.size() * sizeof(float)));
  };
  out << key << '\n';
  out.write(reinterpret_cast<const char*>(&steps_), sizeof steps_);
  write(parameters_);
  write(moment1_);
  write(moment2_);
  out.close();
  if (!out || std::rename(unfinished.c_str(), path.c_str()) != 0) {
    return MakeError(ErrorCode::kIo, path + ": cannot be written");
  }
  return {};
}

Status Learner::Load(const std::string& path, const std::string& key) {
  std::ifstream in(path, std::ios::binary);
  std::string found;
  std::getline(in, found);
  if (found != key) {
    return MakeError(ErrorCode::kInvalid,
                     path + ": is of another run (\"" + found +
                         "\"): remove it, or give the same options");
  }
  const auto read = [&](AlignedVector<float>& values) {
    in.read(reinterpret_cast<char*>(values.data()),
            static_cast<std::streamsize>(values.size() * sizeof(float)));
  };
  in.read(reinterpret_cast<char*>(&steps_), sizeof steps_);
  read(parameters_);
  read(moment1_);
  read(moment2_);
  if (!in) return MakeError(ErrorCode::kCorrupt, path + ": is truncated");
  return {};
}

}  // namespace triptych::trainer
