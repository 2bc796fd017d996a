// Encoders with one input, a sequence at a time.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/encoder.h"

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "kernels/base/rng.h"
#include "models/build/build.h"
#include "models/config.h"
#include "models/graph_weights.h"
#include "models/reference.h"

namespace triptych {
namespace {

ModelConfig Small() {
  ModelConfig c;
  c.name = "small";
  c.family = Family::kKwt;
  c.layers = 1;
  c.dim = c.ffn = 16;
  c.heads = c.kv_heads = 2;
  c.head_dim = 8;
  c.norm = NormKind::kLayer;
  c.norm_place = NormPlace::kPost;
  c.activation = Activation::kGeluTanh;
  c.positions = Positions::kLearned;
  c.patch = {.frames = 5,
             .height = 6,
             .width = 1,
             .patch_height = 6,
             .patch_width = 1};
  c.class_token = true;
  c.classes = 3;
  return c;
}

std::vector<float> Noise(uint64_t stream) {
  Rng rng(11, stream);
  std::vector<float> features(5 * 6);
  for (float& x : features) x = static_cast<float>(rng.Normal());
  return features;
}

struct Machine {
  Graph graph;
  Weights weights;
  std::unique_ptr<Target> target;
  std::unique_ptr<Program> program;

  explicit Machine(const std::string& name)
      : graph(*BuildGraph(Small())),
        weights(Weights::Random(graph, 5)),
        target(*MakeTarget(name)),
        program(*target->Compile(graph, &weights)) {}
};

std::vector<float> Copy(const ConstMatView<float>& m) {
  return {m.data(), m.data() + m.size()};
}

TEST_CASE("an encoder gives the reference's result, again and again") {
  const Machine m("cpu");
  Encoder encoder(m.graph, *m.program, {});
  for (const uint64_t stream : {0, 1, 0}) {
    const std::vector<float> features = Noise(stream);
    const auto got = encoder.Run(features);
    REQUIRE_MESSAGE(got, (got ? "" : got.error().message));
    Reference reference(m.graph, m.weights, 1, 1);
    const auto x =
        reference.store().Make(m.graph.FindValue("patches")->id, 5, 6);
    std::copy(features.begin(), features.end(), x.data());
    const auto want = reference.Run(Phase::kEncode, {1, 1, 0});
    REQUIRE(want);
    REQUIRE(got->size() == 3);
    for (size_t c = 0; c < 3; ++c) {
      CHECK(std::abs(got->data()[c] - want->data()[c]) < 1e-5);
    }
  }
  CHECK(encoder.runs() == 3);
  CHECK(!encoder.ledger().rows().empty());
}

TEST_CASE("noise is of a seed and of a run's number") {
  const Machine m("optical");
  const auto twice = [&](uint64_t seed) {
    Encoder encoder(m.graph, *m.program, {.seed = seed});
    std::vector<std::vector<float>> results;
    for (int run = 0; run < 2; ++run) {
      const auto got = encoder.Run(Noise(0));
      REQUIRE(got);
      results.push_back(Copy(*got));
    }
    return results;
  };
  const auto first = twice(1);
  CHECK(first == twice(1));
  CHECK(first[0] != first[1]);
  CHECK(first[0] != twice(2)[0]);
}

TEST_CASE("what is no encoder, or another number of features, is refused") {
  const Machine m("cpu");
  Encoder encoder(m.graph, *m.program, {});
  const auto few = encoder.Run(std::vector<float>(29));
  REQUIRE(!few);
  CHECK(few.error().message ==
        "small: input patches: 29 numbers: must be 5 rows of 6");
  CHECK(encoder.runs() == 0);

  ModelConfig c;
  c.name = "llama";
  c.layers = 1;
  c.dim = c.ffn = 16;
  c.heads = c.kv_heads = 2;
  c.head_dim = c.rope.dim = 8;
  c.vocab = 9;
  c.context = 8;
  const auto decoder = BuildGraph(c);
  REQUIRE(decoder);
  Encoder wrong(*decoder, *m.program, {});
  const auto refused = wrong.Run(Noise(0));
  REQUIRE(!refused);
  CHECK(refused.error().message ==
        "llama: must be an encoder with one input of a fixed number of rows");
}

TEST_CASE("probabilities add up, whatever the logits") {
  const std::vector<double> p = ProbabilitiesOf(std::vector<float>{1, 2, 3});
  const double sum = std::exp(-2.0) + std::exp(-1.0) + 1;
  CHECK(p[0] == doctest::Approx(std::exp(-2.0) / sum));
  CHECK(p[2] == doctest::Approx(1 / sum));
  CHECK(ProbabilitiesOf(std::vector<float>{1000, 1000})[0] == 0.5);
  CHECK(ProbabilitiesOf({}).empty());
}

}  // namespace
}  // namespace triptych
