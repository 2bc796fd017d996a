// SPDX-License-Identifier: Apache-2.0
#include "tests/emulators/keywords/synthetic_speech.h"

#include <fmt/format.h>
#include <stdio.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <span>

#include "models/audio/resample.h"
#include "models/audio/speech_commands.h"
#include "models/audio/wav.h"

namespace triptych {
namespace {

constexpr int64_t kRateHz = 16000;
constexpr float kGain = 0.5F, kQuiet = 0.01F;  // of full scale
constexpr const char* kAccents[] = {"en-us", "en-gb"};
constexpr const char* kSpeakers[] = {"m1", "m3", "m7", "f1", "f2", "f4"};

// What a command writes.
std::vector<std::byte> OutputOf(const std::string& command) {
  std::vector<std::byte> bytes;
  FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return bytes;
  std::byte buffer[4096];
  while (const size_t n = std::fread(buffer, 1, sizeof(buffer), pipe)) {
    bytes.insert(bytes.end(), buffer, buffer + n);
  }
  ::pclose(pipe);
  return bytes;
}

std::span<const float> Trimmed(std::span<const float> sound) {
  const auto heard = [](float x) { return std::abs(x) >= kQuiet; };
  const auto first = std::find_if(sound.begin(), sound.end(), heard);
  auto last = sound.end();
  while (last != first && !heard(*(last - 1))) --last;
  return {first, last};
}

}  // namespace

bool HaveEspeak() {
  return std::system("espeak-ng --version > /dev/null 2>&1") == 0;
}

Result<std::vector<KeywordClip>> SpeakKeywords() {
  std::vector<KeywordClip> clips;
  // Behind silence and unknown.
  for (const std::string_view word : std::span(kSpeechCommands).subspan(2)) {
    for (const char* accent : kAccents) {
      for (const char* speaker : kSpeakers) {
        const std::string voice = fmt::format("{}+{}", accent, speaker);
        const std::string command =
            fmt::format("espeak-ng -v {} -s 130 --stdout {}", voice, word);
        TRIPTYCH_ASSIGN(const Sound sound,
                        ParseWav(OutputOf(command), command));
        std::vector<float> samples =
            Resample(sound.samples, sound.rate_hz, kRateHz);
        for (float& x : samples) x *= kGain;
        clips.push_back(
            {std::string(word), voice, Centred(Trimmed(samples), kRateHz)});
      }
    }
  }
  return clips;
}

}  // namespace triptych
