// KWT-1 hears people: clips of Speech Commands, in f32 on the host and in int8
// on the NPU, held to what a float64 reference gives (golden.json beside the
// clips: word and probability).
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "models/audio/wav.h"
#include "models/reference.h"
#include "tests/emulators/keywords/hearing.h"
#include "tests/shared_data.h"

namespace triptych {
namespace {

// Rounding of a logit may move a probability so far.
constexpr double kF64Digits = 5e-5;  // golden.json has four digits
constexpr double kF32Error = 1e-4;
// models/validation/sensitivity.csv, kwt-1 w8a8: logits move by up to 0.22; of
// p (1 - p) of that a probability may, 0.055.
constexpr double kInt8Logits = 0.22, kInt8Error = 0.055;

TEST_CASE("KWT-1 gives the reference's logits for silence") {
  const std::string path = SharedData("kwt1_non_stream.tflite");
  const std::string golden = SharedData("golden.json");
  if (path.empty() || golden.empty()) return;
  const auto all = nlohmann::json::parse(std::ifstream(golden));
  const std::vector<double> want = all["kwt1"]["zero_input_logits"];
  const Listener listener(path);
  const auto zeros = listener.FeaturesOf({std::vector<float>(
      static_cast<size_t>(listener.front_end().samples()))});
  Reference reference(listener.graph(), listener.weights(), 1, 1);
  const Value* input = listener.graph().FindValue("patches");
  REQUIRE(input != nullptr);
  const auto x = reference.store().Make(input->id, listener.front_end().rows(),
                                        listener.front_end().cols());
  std::copy(zeros[0].begin(), zeros[0].end(), x.data());
  const auto logits = reference.Run(Phase::kEncode, {1, 1, 0});
  REQUIRE(logits);
  REQUIRE(logits->cols() == want.size());
  for (size_t c = 0; c < want.size(); ++c) {
    // The features are rounded to f32, which the reference's were not.
    CHECK(std::abs(logits->data()[c] - want[c]) < 1e-5);
  }
}

TEST_CASE("KWT-1 hears real clips, in f32 and in int8") {
  const std::string path = SharedData("kwt1_non_stream.tflite");
  const std::string golden = SharedData("golden.json");
  if (path.empty() || golden.empty()) return;
  const auto all = nlohmann::json::parse(std::ifstream(golden));
  const std::map<std::string, std::pair<std::string, double>> want =
      all["kwt1"]["clips"];
  REQUIRE(want.size() == 5);
  const Listener listener(path);
  std::vector<std::vector<float>> sounds;
  for (const auto& [name, expected] : want) {
    const std::string wav = SharedData(name + ".wav");
    if (wav.empty()) return;
    const auto sound = ReadWav(wav);
    REQUIRE_MESSAGE(sound, (sound ? "" : sound.error().message));
    CHECK(sound->rate_hz == 16000);
    REQUIRE(sound->samples.size() == 16000);
    sounds.push_back(sound->samples);
  }
  const auto features = listener.FeaturesOf(sounds);
  const std::vector<Heard> cpu = listener.HearOn("cpu", features),
                           npu = listener.HearOn("npu", features);
  size_t i = 0;
  for (const auto& [name, expected] : want) {
    CAPTURE(name);
    std::printf("%-22s cpu %-10s %.4f  npu %-10s %.4f\n", name.c_str(),
                cpu[i].word.c_str(), cpu[i].probability, npu[i].word.c_str(),
                npu[i].probability);
    CHECK(cpu[i].word == expected.first);
    CHECK(std::abs(cpu[i].probability - expected.second) <
          kF64Digits + kF32Error);
    CHECK(npu[i].word == expected.first);
    CHECK(std::abs(npu[i].probability - expected.second) < kInt8Error);
    double change = 0;
    for (size_t c = 0; c < cpu[i].logits.size(); ++c) {
      change = std::max(
          change,
          static_cast<double>(std::abs(cpu[i].logits[c] - npu[i].logits[c])));
    }
    CHECK(change > 0);  // int8 it is
    CHECK(change < kInt8Logits);
    ++i;
  }
}

}  // namespace
}  // namespace triptych
