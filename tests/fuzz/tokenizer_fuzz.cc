// Any bytes as a llama2.c tokenizer, and as text for it.
// SPDX-License-Identifier: Apache-2.0
#include "models/formats/llama2c.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using triptych::Tokenizer;
  const auto bytes = triptych::FuzzFile(data, size);
  const auto tokenizer = triptych::ParseLlama2cTokenizer(bytes, "f");
  triptych::TouchOrFail(tokenizer);
  if (tokenizer) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    tokenizer->Decode(tokenizer->Encode(text));
  }
  return 0;
}
