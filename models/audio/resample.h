// Sound at another rate.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_AUDIO_RESAMPLE_H_
#define TRIPTYCH_MODELS_AUDIO_RESAMPLE_H_

#include <cstdint>
#include <span>
#include <vector>

namespace triptych {

// `samples` at `from_hz` as they are at `to_hz`, round(n to / from) of them.
// What lies above half of the lower rate is taken out. A sinc of 32 zero
// crossings a side under a Hann window, in f64: what passes is as it was to
// 0.2 % up to 0.9 of that half. Rates are more than 0 (a check).
std::vector<float> Resample(std::span<const float> samples, int64_t from_hz,
                            int64_t to_hz);

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_AUDIO_RESAMPLE_H_
