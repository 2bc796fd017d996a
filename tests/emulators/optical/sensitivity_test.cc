// What rounding and noise do to a language model: the stories260K rows of a
// table computed in f64 for this project, from which ours may differ by a
// factor of 1.3 in KL.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "emulators/accuracy.h"
#include "emulators/target.h"
#include "models/build/build.h"
#include "models/weights.h"
#include "tests/shared_data.h"

namespace triptych {
namespace {

struct Row {
  const char* name;
  std::vector<std::string> set;
  double kl_nats_per_token;
};

// 8-bit weights by output row, 8-bit activations by token; noise and ADC
// steps relative to the largest number of each output row.
const std::vector<std::string> kCommon = {
    "noise.physical=false",   "dac.unit_sigma=0",
    "adc.unit_sigma=0",       "dac.bits=8",
    "plane.weight_bits=8",    "vector.encoding=offset",
    "adc.full_scale=row_max", "rx.gain=row_scale"};

const Row kRows[] = {
    {"w8_row_a8_token", {"adc.bits=0"}, 0.00148},
    {"w8a8_adc10", {"adc.bits=10"}, 0.00175},
    {"w8a8_adc8", {"adc.bits=8"}, 0.00459},
    {"w8a8_adc7", {"adc.bits=7"}, 0.0167},
    {"w8a8_adc6", {"adc.bits=6"}, 0.0824},
    {"w8a8_noise0.2pct", {"adc.bits=0", "noise.output_sigma=0.002"}, 0.00431},
    {"w8a8_noise0.5pct", {"adc.bits=0", "noise.output_sigma=0.005"}, 0.0184},
    {"w8a8_noise1pct", {"adc.bits=0", "noise.output_sigma=0.01"}, 0.0874},
    {"w8a8_noise2pct", {"adc.bits=0", "noise.output_sigma=0.02"}, 0.546},
    {"w8a8_noise5pct", {"adc.bits=0", "noise.output_sigma=0.05"}, 2.92},
};

TEST_CASE("KL of stories260K by ADC bits and output noise") {
  const std::string model = SharedData("stories260K.bin");
  const std::string tokenizer = SharedData("tok512.bin");
  const std::string sample = SharedData("tinystories_sample.txt");
  if (model.empty() || tokenizer.empty() || sample.empty()) return;
  const auto file = LoadModel(model, tokenizer);
  REQUIRE(file.has_value());
  const auto graph = BuildGraph(file->config, {.all_logits = true});
  REQUIRE(graph.has_value());
  const auto weights = Weights::Bind(*graph, *file);
  REQUIRE(weights.has_value());
  std::ifstream in(sample, std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(in), {});
  auto segments = StorySegments(text, file->tokenizer);
  REQUIRE(segments.has_value());
  const auto test = AccuracyTest::Make(*graph, *weights, std::move(*segments));
  REQUIRE(test.has_value());
  for (const Row& row : kRows) {
    std::vector<std::string> set = kCommon;
    set.insert(set.end(), row.set.begin(), row.set.end());
    const auto target = MakeTarget("optical", set);
    REQUIRE(target.has_value());
    const auto program = (*target)->Compile(*graph, &*weights);
    REQUIRE(program.has_value());
    const auto accuracy = test->Run(**program, 1, 2);
    REQUIRE(accuracy.has_value());
    MESSAGE(std::string(row.name), ": KL ", accuracy->kl_nats_per_token,
            ", table ", row.kl_nats_per_token);
    CHECK(accuracy->kl_nats_per_token < 1.3 * row.kl_nats_per_token);
    CHECK(accuracy->kl_nats_per_token > row.kl_nats_per_token / 1.3);
  }
}

}  // namespace
}  // namespace triptych
