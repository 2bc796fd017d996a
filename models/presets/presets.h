// Shape presets: published architectures by name, without weights.
//
// presets.toml is the data and says where each came from; it is compiled in,
// so that a binary needs no file beside it.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_PRESETS_PRESETS_H_
#define TRIPTYCH_MODELS_PRESETS_PRESETS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/result.h"
#include "models/config.h"

namespace triptych {

struct ModelPreset {
  ModelConfig config;      // name and architecture are filled in
  int64_t parameters = 0;  // as published, to hold the graph against
  std::string source;      // where the numbers stand
};

// All of presets.toml, in its order. Thread-safe; lives for ever.
const std::vector<ModelPreset>& ModelPresets();

// The names, in the same order.
std::vector<std::string> PresetNames();

// kNotFound with the names there are.
Result<ModelConfig> PresetByName(std::string_view name);

// Presets from text like presets.toml: tables, each key and its value on one
// line, dotted keys, numbers, strings, booleans and arrays of three sizes.
// `file` is for messages: "file:line: key: what is wrong and what is allowed".
Result<std::vector<ModelPreset>> ParsePresets(std::string_view text,
                                              const std::string& file);

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_PRESETS_PRESETS_H_
