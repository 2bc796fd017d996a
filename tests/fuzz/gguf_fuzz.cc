// Any bytes as a GGUF model.
// SPDX-License-Identifier: Apache-2.0
#include "models/formats/gguf_model.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = triptych::FuzzFile(data, size);
  triptych::TouchOrFail(triptych::ParseGgufModel(bytes, "f"));
  return 0;
}
