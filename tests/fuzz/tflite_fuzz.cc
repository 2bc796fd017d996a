// Any bytes as a TFLite model, within limits that a fuzzer has time for.
// SPDX-License-Identifier: Apache-2.0
#include "models/formats/tflite_model.h"
#include "models/onnx/op.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr triptych::onnx::Limits kLimits = {
      .elements = 1 << 16, .all = 1 << 20, .work = 1 << 22};
  const auto bytes = triptych::FuzzFile(data, size);
  triptych::TouchOrFail(triptych::ParseTfliteModel(bytes, "f", kLimits));
  return 0;
}
