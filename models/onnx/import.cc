// SPDX-License-Identifier: Apache-2.0
#include "models/onnx/import.h"

#include "models/onnx/import_model.h"
#include "models/onnx/reader.h"

namespace triptych {

Result<ModelFile> ParseOnnxModel(std::span<const std::byte> bytes,
                                 const std::string& file) {
  return ParseOnnxModel(bytes, file, onnx::Limits{});
}

Result<ModelFile> ParseOnnxModel(std::span<const std::byte> bytes,
                                 const std::string& file,
                                 const onnx::Limits& limits) {
  TRIPTYCH_ASSIGN(const onnx::Model model, onnx::ReadModel(bytes, file));
  return onnx::ImportModel(model, limits, "onnx");
}

}  // namespace triptych
