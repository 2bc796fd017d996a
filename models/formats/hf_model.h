// A Hugging Face checkpoint as a model: config.json says what it is, the
// tensors of one safetensors file or of several shards become those of
// models/weights.h without being copied.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_FORMATS_HF_MODEL_H_
#define TRIPTYCH_MODELS_FORMATS_HF_MODEL_H_

#include <span>
#include <string>

#include "kernels/base/result.h"
#include "models/formats/hf_config.h"
#include "models/formats/safetensors.h"
#include "models/weights.h"

namespace triptych {

// The model that `config` describes, of the tensors in `shards`. Views into
// what the shards view; no storage, no tokenizer. Errors: a tensor that is
// missing, has another shape or a type that is not read, appears in two
// shards, or has no place in the architecture.
Result<ModelFile> MakeHfModel(const HfConfig& config,
                              std::span<const SafetensorsFile> shards);

// The checkpoint that FindHfCheckpoint (hf_checkpoint.h) finds at `path`.
Result<ModelFile> LoadHfModel(const std::string& path);

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_FORMATS_HF_MODEL_H_
