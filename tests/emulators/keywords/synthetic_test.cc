// 120 keywords that espeak-ng says: how many of them KWT-1 hears in f32 on the
// host and in int8 on the NPU.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "models/audio/speech_commands.h"
#include "tests/emulators/keywords/hearing.h"
#include "tests/emulators/keywords/synthetic_speech.h"
#include "tests/shared_data.h"

namespace triptych {
namespace {

// Frames begin every 160 samples. Where a word lies among them decides a few
// close calls, of voices that say "up" nearly alike, together: so every clip
// is heard at four places.
constexpr size_t kPlaces[] = {0, 40, 80, 120};

std::vector<float> Later(const std::vector<float>& sound, size_t samples) {
  std::vector<float> moved(sound.size(), 0.0F);
  std::copy(sound.begin(), sound.end() - static_cast<std::ptrdiff_t>(samples),
            moved.begin() + static_cast<std::ptrdiff_t>(samples));
  return moved;
}

struct Score {
  int cpu = 0, npu = 0;  // right
  int same = 0;
  double change = 0;  // of a logit, largest
  std::map<std::string, int> misses;
};

Score ScoreOf(const std::vector<KeywordClip>& clips,
              const std::vector<Heard>& cpu, const std::vector<Heard>& npu) {
  Score score;
  for (size_t i = 0; i < clips.size(); ++i) {
    const std::string& word = clips[i].word;
    score.cpu += cpu[i].word == word;
    score.npu += npu[i].word == word;
    score.same += cpu[i].word == npu[i].word;
    if (cpu[i].word != word) ++score.misses[word + " as " + cpu[i].word];
    for (size_t c = 0; c < cpu[i].logits.size(); ++c) {
      const float difference = cpu[i].logits[c] - npu[i].logits[c];
      score.change =
          std::max(score.change, static_cast<double>(std::abs(difference)));
    }
  }
  return score;
}

TEST_CASE("synthetic keywords are heard in f32, and as well in int8") {
  const std::string path = SharedData("kwt1_non_stream.tflite");
  if (path.empty()) return;
  if (!HaveEspeak()) {
    std::printf("skipped: espeak-ng is not installed\n");
    return;
  }
  const auto clips = SpeakKeywords();
  REQUIRE_MESSAGE(clips, (clips ? "" : clips.error().message));
  REQUIRE(clips->size() == 120);
  const Listener listener(path);
  int cpu = 0, npu = 0;
  for (const size_t place : kPlaces) {
    CAPTURE(place);
    std::vector<std::vector<float>> sounds;
    for (const KeywordClip& clip : *clips) {
      sounds.push_back(Later(clip.samples, place));
    }
    const auto features = listener.FeaturesOf(sounds);
    const Score score = ScoreOf(*clips, listener.HearOn("cpu", features),
                                listener.HearOn("npu", features));
    std::printf(
        "kwt-1, 120 synthetic keywords, %3zu samples later: cpu f32 %d right "
        "(%.1f %%), npu int8 %d (%.1f %%), %d the same, logits within %.2f\n",
        place, score.cpu, score.cpu / 1.2, score.npu, score.npu / 1.2,
        score.same, score.change);
    for (const auto& [miss, count] : score.misses) {
      std::printf("  cpu hears %s: %d\n", miss.c_str(), count);
    }
    cpu += score.cpu;
    npu += score.npu;
    CHECK(score.cpu >= 0.92 * 120);
    CHECK(score.npu >= score.cpu - 0.02 * 120);
    CHECK(score.change > 0);
  }
  std::printf("of all 480: cpu f32 %.1f %%, npu int8 %.1f %%\n", cpu / 4.8,
              npu / 4.8);
}

}  // namespace
}  // namespace triptych
