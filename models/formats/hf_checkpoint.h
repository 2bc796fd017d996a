// The files of a Hugging Face checkpoint: config.json, and the tensors in one
// safetensors file or in several with an index.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_FORMATS_HF_CHECKPOINT_H_
#define TRIPTYCH_MODELS_FORMATS_HF_CHECKPOINT_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/result.h"
#include "models/formats/safetensors.h"
#include "models/mapped_file.h"
#include "models/weights.h"

namespace triptych {

struct HfCheckpoint {
  std::string name;       // of its directory
  std::string directory;  // ends in '/', or is ""
  std::string config;     // path of config.json, which may not be there
  std::string index;      // path; "" for a single file
  std::vector<std::string> shards;  // paths, one or more
};

// Whether `path` is named as a checkpoint is: a directory, *.safetensors or
// *.json.
bool IsHfCheckpoint(const std::string& path);

// The checkpoint that is the directory `path`, or of which `path` is the
// config.json, the index (*.index.json) or the only file. Errors: none is
// there; an index that is none.
Result<HfCheckpoint> FindHfCheckpoint(const std::string& path);

struct HfShards {
  std::vector<SafetensorsFile> files;           // in the order of the paths
  std::shared_ptr<const ModelStorage> storage;  // what they view
};

// Maps every shard. Errors: one that is no safetensors file, an index that
// does not agree with them tensor by tensor.
Result<HfShards> OpenHfShards(const HfCheckpoint& checkpoint);

// A mapped file as text.
std::string_view TextOf(const MappedFile& file);

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_FORMATS_HF_CHECKPOINT_H_
