// The gradient against central differences of the loss.
// SPDX-License-Identifier: Apache-2.0
#include "tools/trainer/transformer.h"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "kernels/base/rng.h"

namespace triptych::trainer {
namespace {

// Small, but with everything: grouped heads, an ffn that is no multiple of a
// vector, more tokens than one tile.
ModelConfig SmallConfig() {
  ModelConfig c;
  c.layers = 2;
  c.dim = 24;
  c.ffn = 20;
  c.heads = 4;
  c.kv_heads = 2;
  c.head_dim = 6;
  c.vocab = 17;
  c.context = 32;
  c.rope.dim = c.head_dim;
  c.tied_head = true;
  return c;
}

std::vector<int32_t> RandomTokens(size_t count, uint64_t stream) {
  Rng rng(7, stream);
  std::vector<int32_t> tokens(count);
  for (int32_t& t : tokens) t = static_cast<int32_t>(rng.Below(17));
  return tokens;
}

struct Problem {
  Layout layout{SmallConfig()};
  AlignedVector<float> parameters = InitialParameters(layout, 3);
  std::vector<int32_t> tokens = RandomTokens(19, 1);
  std::vector<int32_t> targets = RandomTokens(19, 2);

  double LossAt(const AlignedVector<float>& values) const {
    SequenceWorker worker(layout, tokens.size());
    return worker.Loss(PackedModel(layout, values, 1), tokens, targets);
  }
  // d loss / d s at parameters + s * direction, from two losses.
  double Slope(const std::vector<double>& direction, double step) const {
    AlignedVector<float> up = parameters, down = parameters;
    for (size_t i = 0; i < up.size(); ++i) {
      up[i] += static_cast<float>(step * direction[i]);
      down[i] -= static_cast<float>(step * direction[i]);
    }
    return (LossAt(up) - LossAt(down)) / (2 * step);
  }
};

TEST_CASE("each tensor's gradient predicts the loss along random directions") {
  const Problem problem;
  AlignedVector<float> gradient(problem.layout.size(), 0.0f);
  SequenceWorker worker(problem.layout, problem.tokens.size());
  worker.LossAndGradient(PackedModel(problem.layout, problem.parameters, 1),
                         problem.tokens, problem.targets, 1.0f, gradient);
  for (const Parameter& p : problem.layout.parameters()) {
    // Unit directions, so that 1e-3 moves the loss by far more than the
    // rounding of its 19 f32 terms (about 19 * 3 * 2^-24 = 3e-6, or 2e-3 in
    // the slope), while the cubic term stays below that.
    Rng rng(11, p.offset);
    std::vector<double> direction(problem.layout.size(), 0.0);
    double norm = 0, predicted = 0, gradient_norm = 0;
    for (size_t i = p.offset; i < p.offset + p.rows * p.cols; ++i) {
      direction[i] = rng.Normal();
      norm += direction[i] * direction[i];
      gradient_norm += double{gradient[i]} * gradient[i];
    }
    for (size_t i = p.offset; i < p.offset + p.rows * p.cols; ++i) {
      direction[i] /= std::sqrt(norm);
      predicted += direction[i] * gradient[i];
    }
    const double measured = problem.Slope(direction, 1e-2);
    INFO(p.name, ": predicted ", predicted, " measured ", measured,
         " gradient norm ", std::sqrt(gradient_norm));
    CHECK(gradient_norm > 0);
    CHECK(std::abs(predicted - measured) <
          2e-3 + 5e-3 * std::sqrt(gradient_norm));
    // Along the gradient itself the slope is its norm: a gradient that is
    // wrong in size, or elsewhere in direction, fails here.
    for (size_t i = p.offset; i < p.offset + p.rows * p.cols; ++i) {
      direction[i] = gradient[i] / std::sqrt(gradient_norm);
    }
    CHECK(problem.Slope(direction, 1e-2) ==
          doctest::Approx(std::sqrt(gradient_norm)).epsilon(5e-3));
  }
}

TEST_CASE("a token's prediction does not depend on the tokens after it") {
  const Problem problem;
  const PackedModel model(problem.layout, problem.parameters, 1);
  SequenceWorker worker(problem.layout, problem.tokens.size());
  std::vector<int32_t> changed = problem.tokens;
  changed.back() = (changed.back() + 1) % 17;
  const auto row = [&](const std::vector<int32_t>& tokens, size_t t) {
    const auto logits = worker.Logits(model, tokens);
    return std::vector<float>(logits.row(t), logits.row(t) + 17);
  };
  const size_t last = problem.tokens.size() - 1;
  CHECK(row(problem.tokens, last - 1) == row(changed, last - 1));
  CHECK(row(problem.tokens, last) != row(changed, last));
}

TEST_CASE("gradients add up over sequences and scale with their weight") {
  const Problem problem;
  const PackedModel model(problem.layout, problem.parameters, 1);
  SequenceWorker worker(problem.layout, problem.tokens.size());
  AlignedVector<float> once(problem.layout.size(), 0.0f), twice = once;
  worker.LossAndGradient(model, problem.tokens, problem.targets, 1, once);
  worker.LossAndGradient(model, problem.tokens, problem.targets, 0.5, twice);
  worker.LossAndGradient(model, problem.tokens, problem.targets, 0.5, twice);
  for (size_t i = 0; i < once.size(); ++i) {
    REQUIRE(twice[i] == doctest::Approx(once[i]).epsilon(1e-4));
  }
}

}  // namespace
}  // namespace triptych::trainer
