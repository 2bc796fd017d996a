// In place of the reader and the writer, in builds without protobuf.
// SPDX-License-Identifier: Apache-2.0
#include "models/onnx/export.h"
#include "models/onnx/import.h"

namespace triptych {
namespace {

constexpr const char* kHow =
    "this build does not know ONNX: install libonnx-dev and "
    "libprotobuf-dev, and set it up with -Donnx=enabled";

}  // namespace

Result<ModelFile> ParseOnnxModel(std::span<const std::byte>,
                                 const std::string& file) {
  return MakeError(ErrorCode::kUnsupported,
                   file + ": offset 0: an ONNX model, and " + kHow);
}

Result<std::string> OnnxGraphBytes(const Graph& graph) {
  return MakeError(ErrorCode::kUnsupported, graph.name() + ": " + kHow);
}

}  // namespace triptych
