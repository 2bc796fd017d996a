// The shipped model: the trainer's transformer and the runtime's f64
// reference say the same about it, and it tells what the grammar tells.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "models/build/build.h"
#include "models/reference.h"
#include "models/weights.h"
#include "tools/trainer/corpus.h"
#include "tools/trainer/transformer.h"

namespace triptych::trainer {
namespace {

struct Shipped {
  ModelFile file = Load();
  Layout layout{file.config};
  AlignedVector<float> parameters = Values();
  PackedModel model{layout, parameters, 1};
  SequenceWorker worker{layout, 256};
  StoryGrammar grammar = *StoryGrammar::Load(TRIPTYCH_GRAMMAR_FILE);
  Corpus corpus{grammar, file.tokenizer, 1, 256};

  static ModelFile Load() {
    auto file = LoadModel(TRIPTYCH_DEFAULT_MODEL);
    REQUIRE_MESSAGE(file, (file ? "" : file.error().message));
    return std::move(*file);
  }
  AlignedVector<float> Values() const {
    AlignedVector<float> values(layout.size());
    for (const Parameter& p : layout.parameters()) {
      const WeightTensor* tensor = file.Find(p.name);
      REQUIRE_MESSAGE(tensor, p.name);
      for (size_t r = 0; r < p.rows; ++r) {
        ReadRow(*tensor, static_cast<int64_t>(r),
                values.data() + p.offset + r * p.cols);
      }
    }
    return values;
  }
};

TEST_CASE("the trainer and the f64 reference compute the same logits") {
  Shipped shipped;
  const TokenStory story = shipped.corpus.HeldOut(0);
  const auto graph = BuildGraph(shipped.file.config, {.all_logits = true});
  REQUIRE_MESSAGE(graph, (graph ? "" : graph.error().message));
  CHECK(graph->Parameters() == static_cast<int64_t>(shipped.layout.size()));
  const auto weights = Weights::Bind(*graph, shipped.file);
  REQUIRE_MESSAGE(weights, (weights ? "" : weights.error().message));
  Reference reference(*graph, *weights, 1, 256);
  const auto exact = reference.Feed(story.tokens);
  REQUIRE_MESSAGE(exact, (exact ? "" : exact.error().message));
  const auto logits = shipped.worker.Logits(shipped.model, story.tokens);
  REQUIRE(exact->rows() == logits.rows());
  double worst = 0;
  for (size_t t = 0; t < logits.rows(); ++t) {
    for (size_t i = 0; i < logits.cols(); ++i) {
      worst = std::max(worst, std::abs((*exact)(t, i) - logits(t, i)));
    }
  }
  // Logits of magnitude 20 through 4 layers of f32 sums over up to 352
  // terms: 20 * 4 * sqrt(352) * 2^-24 = 9e-5 if roundings are independent.
  // A wrong pairing in RoPE, or of heads, moves logits by whole units.
  CHECK(worst < 1e-3);
}

TEST_CASE("the shipped model tells stories nearly as well as can be") {
  Shipped shipped;
  double loss = 0, bound = 0, predictions = 0;
  for (uint64_t i = 0; i < 20; ++i) {
    const TokenStory story = shipped.corpus.HeldOut(i);
    loss += shipped.worker.Loss(
        shipped.model,
        std::span(story.tokens).first(story.predictions()),
        std::span(story.tokens).subspan(1));
    bound -= story.log_probability;
    predictions += static_cast<double>(story.predictions());
  }
  INFO("loss ", loss / predictions, " bound ", bound / predictions);
  // models/default/README.md has the figures over 2000 stories. No model can
  // be better than the grammar, whose entropy is the mean of the bound; on
  // 20 stories luck is worth some hundredths.
  CHECK((loss - bound) / predictions < 0.08);
  CHECK((loss - bound) / predictions > -0.01);
}

TEST_CASE("the shipped model is small enough to ship") {
  CHECK(std::filesystem::file_size(TRIPTYCH_DEFAULT_MODEL) <= 2500000);
}

}  // namespace
}  // namespace triptych::trainer
