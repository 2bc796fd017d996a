// Any bytes as a llama2.c checkpoint.
// SPDX-License-Identifier: Apache-2.0
#include "models/formats/llama2c.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = triptych::FuzzFile(data, size);
  triptych::TouchOrFail(triptych::ParseLlama2c(bytes, "f"));
  return 0;
}
