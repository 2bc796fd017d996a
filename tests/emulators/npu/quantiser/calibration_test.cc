// What calibration finds, and what it is worth.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/quantiser/calibration.h"

#include <doctest/doctest.h>

#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "emulators/accuracy.h"
#include "emulators/npu/compile/image.h"
#include "emulators/target.h"
#include "kernels/base/rng.h"
#include "models/build/build.h"
#include "models/ops/op.h"
#include "models/weights.h"
#include "tests/models/tiny_config.h"
#include "tests/shared_data.h"

namespace triptych::npu {
namespace {

Params Calibrated(int64_t tokens) {
  Params params;
  params.weight_bits = 4;
  params.quant = {.scale = "search",
                  .rounding = "compensated",
                  .calibration_tokens = tokens};
  return params;
}

TEST_CASE("every product's weight is met, alike each time") {
  const auto graph = BuildGraph(TinyLlama());
  REQUIRE(graph);
  const Weights weights = Weights::Random(*graph, 3);
  const Calibration one = Calibrate(Calibrated(256), *graph, weights);
  const Calibration two = Calibrate(Calibrated(256), *graph, weights);
  size_t products = 0;
  for (const Node& node : graph->nodes()) {
    if (node.op->name != "matmul") continue;
    ++products;
    const InputMoments* moments = one.Of(node.inputs[1]);
    REQUIRE(moments != nullptr);
    CHECK(moments->count() == 256);
    for (size_t c = 0; c < moments->cols(); ++c) {
      CHECK(moments->MeanSquare(c) == two.Of(node.inputs[1])->MeanSquare(c));
    }
    CHECK(moments->MeanSquare(0) > 0);
  }
  CHECK(products > 0);
}

TEST_CASE("who is not calibrated") {
  const auto graph = BuildGraph(TinyLlama());
  REQUIRE(graph);
  const Weights weights = Weights::Random(*graph, 3);
  const auto knows = [&](const Params& params) {
    const Calibration calibration = Calibrate(params, *graph, weights);
    for (const Value& value : graph->values()) {
      if (calibration.Of(value.id) != nullptr) return true;
    }
    return false;
  };
  CHECK(knows(Calibrated(1)));
  CHECK(!knows({}));
  Params small = Calibrated(1);
  small.quant.calibration_most = 100;
  CHECK(!knows(small));
  Params nearest = Calibrated(1);
  nearest.quant.scale = "absmax";
  nearest.quant.rounding = "nearest";
  CHECK(!knows(nearest));
  // A target that is asked for the impossible says what is allowed.
  const auto target =
      MakeTarget("npu", std::vector<std::string>{"quant.rounding=compensated"});
  REQUIRE(!target);
  CHECK(target.error().message.find("quant.calibration_tokens") !=
        std::string::npos);
}

TEST_CASE("images are the same for any number of threads") {
  Rng rng(9);
  constexpr size_t kRows = 70, kCols = 64;
  std::vector<float> w(kRows * kCols), x(100 * kCols);
  for (float& each : w) each = static_cast<float>(rng.Normal());
  for (float& each : x) each = static_cast<float>(rng.Normal());
  InputMoments moments(kCols);
  moments.Add({x.data(), 100, kCols});
  const WeightLayout layout =
      WeightLayoutOf(kRows, kCols, 32, 4, MachineSize{});
  const auto image = [&](int threads) {
    return MakeWeightImage(ConstMatView<float>(w.data(), kRows, kCols), layout,
                           threads, Calibrated(1).quant, &moments);
  };
  const WeightImage one = image(1), two = image(2);
  CHECK(one.codes == two.codes);
  CHECK(one.scales == two.scales);
}

// How much larger the perplexity of a text is than the reference's.
double Increase(const AccuracyTest& test, const Weights& weights,
                const std::vector<std::string>& sets) {
  const auto target = MakeTarget("npu:tri-npu-100-w4", sets);
  REQUIRE(target);
  const auto program = (*target)->Compile(test.graph(), &weights);
  REQUIRE(program);
  const auto accuracy = test.Run(**program, 1, 2);
  REQUIRE(accuracy);
  return std::exp(accuracy->nll_nats_per_token -
                  accuracy->reference_nll_nats_per_token) -
         1;
}

const std::vector<std::string> kGroups = {"weight_group=64"};
const std::vector<std::string> kPlain = {
    "weight_group=64", "quant.scale=absmax", "quant.rounding=nearest"};

TEST_CASE("the shipped model in 4 bits") {
  const auto file = LoadModel("models/default/triptych-stories.gguf");
  REQUIRE(file);
  const auto graph = BuildGraph(file->config, {.all_logits = true});
  REQUIRE(graph);
  const auto weights = Weights::Bind(*graph, *file);
  REQUIRE(weights);
  auto segments = SelfSegments(*graph, *weights, 1, 256, 1);
  REQUIRE(segments);
  const auto test = AccuracyTest::Make(*graph, *weights, std::move(*segments));
  REQUIRE(test);
  const double plain = Increase(*test, *weights, kPlain);
  const double more = Increase(*test, *weights, kGroups);
  MESSAGE("perplexity: absmax +", 100 * plain, " %, preset +", 100 * more,
          " %");
  CHECK(more < 0.04);
}

TEST_CASE("stories260K in 4 bits") {
  const std::string model = SharedData("stories260K.bin");
  const std::string tokenizer = SharedData("tok512.bin");
  const std::string sample = SharedData("tinystories_sample.txt");
  if (model.empty() || tokenizer.empty() || sample.empty()) return;
  const auto file = LoadModel(model, tokenizer);
  REQUIRE(file);
  const auto graph = BuildGraph(file->config, {.all_logits = true});
  REQUIRE(graph);
  const auto weights = Weights::Bind(*graph, *file);
  REQUIRE(weights);
  std::ifstream in(sample, std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(in), {});
  auto segments = StorySegments(text, file->tokenizer);
  REQUIRE(segments);
  const auto test = AccuracyTest::Make(*graph, *weights, std::move(*segments));
  REQUIRE(test);
  const double plain = Increase(*test, *weights, kPlain);
  const double more = Increase(*test, *weights, kGroups);
  MESSAGE("perplexity: absmax +", 100 * plain, " %, preset +", 100 * more,
          " %");
  CHECK(plain > 0.2);
  CHECK(more <= 0.12);
}

}  // namespace
}  // namespace triptych::npu
