// Hugging Face's config.json: which architecture a checkpoint is of, its
// numbers, and what its tensors are called. Architectures are rows of data
// (hf_architectures.cc); this reads any of them.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_FORMATS_HF_CONFIG_H_
#define TRIPTYCH_MODELS_FORMATS_HF_CONFIG_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "kernels/base/result.h"
#include "models/config.h"

namespace triptych {

// A key of config.json and the member of ModelConfig it gives, by the name
// that models/presets/config_keys.h has for it.
struct HfKey {
  std::string_view hf, ours;
  bool optional = false;  // without it the member stays as the row has it
  int64_t least = 1;      // of sizes
};

// What the graph takes for granted. If the key is there and not null, its
// value must be one of `allowed`: JSON scalars (or []) separated by '|'.
struct HfDemand {
  std::string_view key, allowed;
};

// How a tensor of a checkpoint lies.
enum class HfLayout : uint8_t {
  kRows,        // [out, in]; what has more dimensions is flattened
  kTransposed,  // [in, out], as Conv1D of GPT-2 has it
  kTaps,        // [out, in, taps] of a convolution; wanted: [out, taps * in]
};

// Where a weight of ours (models/weights.h) is in a checkpoint. '#' is the
// layer, the same in both; '*' in `theirs` is each expert in turn, stacked.
// Neither has the suffix: ".weight" or ".bias" follows.
struct HfTensorRule {
  std::string_view ours, theirs;
  HfLayout layout = HfLayout::kRows;
  int part = 0, parts = 1;  // fused: its outputs are this one of so many
};

struct HfArchitecture {
  std::string_view name;    // of "architectures"
  std::string_view prefix;  // of most tensors, which a checkpoint may omit
  ModelConfig base;         // what the name alone says
  std::span<const HfKey> keys;
  std::span<const HfDemand> demands;
  std::span<const HfTensorRule> tensors;
  // Tensors that may be there and that the graph does not read. '*' is any
  // text, '#' a number, '+' the number of a layer beyond the last. Names are
  // without the prefix.
  std::span<const std::string_view> left_out;
};

// Every architecture that is read.
std::span<const HfArchitecture> HfArchitectures();

struct HfConfig {
  ModelConfig config;
  const HfArchitecture* architecture = nullptr;  // of HfArchitectures()
};

// `text` is the content of `file`. Errors: no JSON; an architecture, a key or
// a value that is not read: "file: line N: key: what is wrong and what is
// allowed".
Result<HfConfig> ParseHfConfig(std::string_view text, const std::string& file);

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_FORMATS_HF_CONFIG_H_
