// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "emulators/accuracy.h"
#include "emulators/target.h"
#include "models/build/build.h"
#include "models/weights.h"
#include "tests/shared_data.h"

namespace triptych {
namespace {

TEST_CASE("timing-only runs are the roofline of the parameters") {
  const std::vector<std::string> sets = {"matrix_gflops=100",
                                         "dram_gb_per_s=10"};
  const auto target = MakeTarget("cpu", sets);
  REQUIRE(target);
  // 2e9 flops at 100 GFLOP/s beat 12 MB at 10 GB/s.
  const auto big = (*target)->Predict(
      "matmul", {{"m", "1000"}, {"n", "1000"}, {"k", "1000"}});
  REQUIRE(big);
  CHECK(big->at("seconds") == doctest::Approx(0.02));
  CHECK(big->at("utilisation") <= 1);
  // A vector does not: 4 MB of weights and 8 kB of vectors.
  const auto thin =
      (*target)->Predict("matmul", {{"m", "1"}, {"n", "1000"}, {"k", "1000"}});
  REQUIRE(thin);
  CHECK(thin->at("seconds") == doctest::Approx(4.008e6 / 1e10));
}

struct Row {
  const char* dtype;
  double low, high;  // of the mean KL, nats a token
};

// The rows bf16, fp16 and fp8_e4m3_unscaled of shared/validation/models/
// sensitivity.csv, within a factor 1.3; the one of fp16 has a single digit.
TEST_CASE("formats cost what they cost elsewhere: stories260K") {
  const std::string model_path = SharedData("stories260K.bin");
  const std::string vocab_path = SharedData("tok512.bin");
  const std::string text_path = SharedData("tinystories_sample.txt");
  if (model_path.empty() || vocab_path.empty() || text_path.empty()) return;
  const auto file = LoadModel(model_path, vocab_path);
  REQUIRE(file);
  const auto graph = BuildGraph(file->config, {.all_logits = true});
  REQUIRE(graph);
  const auto weights = Weights::Bind(*graph, *file);
  REQUIRE(weights);
  std::ifstream in(text_path);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const auto segments = StorySegments(text, file->tokenizer);
  REQUIRE(segments);
  const auto test = AccuracyTest::Make(*graph, *weights, *segments);
  REQUIRE(test);
  const Row rows[] = {{"f32", 0, 1e-9},
                      {"bf16", 6.6e-5 / 1.3, 6.6e-5 * 1.3},
                      {"f16", 0.5e-6 / 1.3, 1.5e-6 * 1.3},
                      {"fp8_e4m3", 0.0155 / 1.3, 0.0155 * 1.3}};
  for (const Row& row : rows) {
    const std::vector<std::string> sets = {std::string("dtype=") + row.dtype};
    const auto target = MakeTarget("cpu", sets);
    REQUIRE(target);
    const auto program = (*target)->Compile(*graph, &*weights);
    REQUIRE(program);
    const auto accuracy = test->Run(**program, 0, 2);
    REQUIRE(accuracy);
    MESSAGE(sets[0] << ": KL " << accuracy->kl_nats_per_token << ", NLL "
                    << accuracy->nll_nats_per_token << ", top-1 "
                    << accuracy->top1_agreement);
    CHECK(accuracy->predictions == 1804);
    CHECK(accuracy->reference_nll_nats_per_token ==
          doctest::Approx(1.266441).epsilon(1e-6));
    CHECK(accuracy->kl_nats_per_token >= row.low);
    CHECK(accuracy->kl_nats_per_token <= row.high);
  }
}

}  // namespace
}  // namespace triptych
