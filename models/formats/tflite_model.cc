// SPDX-License-Identifier: Apache-2.0
#include "models/formats/tflite_model.h"

#include <utility>

#include "models/formats/tflite.h"
#include "models/formats/tflite_operators.h"
#include "models/onnx/import_model.h"

namespace triptych {

Result<ModelFile> ParseTfliteModel(std::span<const std::byte> bytes,
                                   const std::string& file) {
  return ParseTfliteModel(bytes, file, onnx::Limits{});
}

Result<ModelFile> ParseTfliteModel(std::span<const std::byte> bytes,
                                   const std::string& file,
                                   const onnx::Limits& limits) {
  TRIPTYCH_ASSIGN(const tflite::Model tables, tflite::ReadModel(bytes, file));
  TRIPTYCH_ASSIGN(const onnx::Model model, tflite::ToOperators(tables));
  TRIPTYCH_ASSIGN(ModelFile result, onnx::ImportModel(model, limits, "tflite"));
  // What was copied lives with the tensors: the storage is the file, which
  // other tensors point into.
  for (WeightTensor& tensor : result.tensors) tensor.owner = result.storage;
  result.storage = nullptr;
  return result;
}

}  // namespace triptych
