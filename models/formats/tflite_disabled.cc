// In place of the reader, in builds without flatbuffers.
// SPDX-License-Identifier: Apache-2.0
#include "models/formats/tflite.h"
#include "models/formats/tflite_model.h"

namespace triptych {
namespace {

std::unexpected<Error> Refuse(const std::string& file) {
  return MakeError(ErrorCode::kUnsupported,
                   file +
                       ": offset 0: a TFLite model, and this build does not "
                       "know them: install libflatbuffers-dev and "
                       "flatbuffers-compiler, and set it up with "
                       "-Dtflite=enabled");
}

}  // namespace

namespace tflite {
Result<Model> ReadModel(std::span<const std::byte>, const std::string& file) {
  return Refuse(file);
}
}  // namespace tflite

Result<ModelFile> ParseTfliteModel(std::span<const std::byte>,
                                   const std::string& file) {
  return Refuse(file);
}

}  // namespace triptych
