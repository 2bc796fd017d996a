// RIFF WAVE files as numbers.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_AUDIO_WAV_H_
#define TRIPTYCH_MODELS_AUDIO_WAV_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kernels/base/result.h"

namespace triptych {

struct Sound {
  int64_t rate_hz = 0;
  // One channel, full scale is 1; of several channels, their mean.
  std::vector<float> samples;
};

// PCM of 8, 16, 24 and 32 bits and floats of 32. Chunks that are not needed
// are passed over. Errors: "file: offset N: key: what is wrong; allowed ...".
Result<Sound> ParseWav(std::span<const std::byte> bytes,
                       const std::string& file);
Result<Sound> ReadWav(const std::string& path);

// `count` samples with the middle of `samples` in their middle: silence before
// and after what is shorter, and of what is longer the ends are left out.
std::vector<float> Centred(std::span<const float> samples, size_t count);

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_AUDIO_WAV_H_
