// The numbers of an architecture in GGUF's keys, both ways.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_FORMATS_GGUF_CONFIG_H_
#define TRIPTYCH_MODELS_FORMATS_GGUF_CONFIG_H_

#include <cstdint>
#include <vector>

#include "kernels/base/result.h"
#include "models/config.h"
#include "models/formats/gguf_arch.h"

namespace triptych {

class GgufFile;
class GgufWriter;

// Of `file`'s keys, and of which tensors it has. Errors name the key and its
// offset; what would change a model's numbers and is not implemented here is
// refused by name.
Result<ModelConfig> ReadGgufConfig(const GgufFile& file);

// A linear scaling stretches every wavelength. Llama 3's does that to those
// longer than its original context; with this one, to all: the shortest has
// 2 pi tokens. So a ModelConfig says linear.
inline constexpr int64_t kGgufStretchAll = 1;

// The tensor by which llama.cpp stretches Llama 3's wavelengths.
inline constexpr char kGgufRopeFactors[] = "rope_freqs.weight";
// What it holds for `rope`, rope.dim / 2 numbers; empty unless rope is scaled
// as Llama 3 is.
std::vector<float> GgufRopeFactors(const RopeConfig& rope);

// The keys that ReadGgufConfig makes `config` of, in the order of rotation
// that `architecture` has. An error if it cannot say all of `config`, with
// the first number that it cannot.
Status AddGgufConfig(const ModelConfig& config,
                     const GgufArchitecture& architecture, GgufWriter& writer);

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_FORMATS_GGUF_CONFIG_H_
