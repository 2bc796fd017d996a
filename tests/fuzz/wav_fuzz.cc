// Any bytes as a WAVE file: behind a header, or as they are.
// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include "models/audio/wav.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto bytes = triptych::FuzzFile(data, size);
  // Half of the inputs get what the first look asks for.
  if (size >= 12 && (data[0] & 1) == 0) {
    std::memcpy(bytes.data(), "RIFF", 4);
    std::memcpy(bytes.data() + 8, "WAVE", 4);
  }
  const auto sound = triptych::ParseWav(bytes, "f");
  if (sound) {
    TRIPTYCH_CHECK(sound->samples.size() <= size, size);
  } else {
    TRIPTYCH_CHECK(sound.error().message.starts_with("f: offset "),
                   sound.error().message);
  }
  return 0;
}
