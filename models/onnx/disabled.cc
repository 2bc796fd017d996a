// In place of the importer, in builds without protobuf.
// SPDX-License-Identifier: Apache-2.0
#include "models/onnx/import.h"

namespace triptych {

Result<ModelFile> ParseOnnxModel(std::span<const std::byte>,
                                 const std::string& file) {
  return MakeError(ErrorCode::kUnsupported,
                   file +
                       ": offset 0: an ONNX model, which this build does not "
                       "read: install libonnx-dev and libprotobuf-dev, and "
                       "set it up with -Donnx=enabled");
}

}  // namespace triptych
