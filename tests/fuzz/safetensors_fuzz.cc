// Any bytes as a safetensors file, and as JSON.
// SPDX-License-Identifier: Apache-2.0
#include <string_view>

#include "models/formats/json_tree.h"
#include "models/formats/safetensors.h"
#include "tests/fuzz/fuzz.h"

namespace triptych {
namespace {

template <class T>
void CheckMessage(const Result<T>& result) {
  if (result) return;
  const std::string& message = result.error().message;
  TRIPTYCH_CHECK(message.starts_with("f: offset "), message);
}

}  // namespace
}  // namespace triptych

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace triptych;
  const auto bytes = FuzzFile(data, size);
  const auto file = SafetensorsFile::Parse(bytes, "f");
  CheckMessage(file);
  if (file) {
    size_t sum = 0;  // of all there is: nothing twice, nothing left
    for (const SafeTensor& tensor : file->tensors()) sum += tensor.data.size();
    TRIPTYCH_CHECK(sum < size, "data", sum, "file", size);
  }
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  CheckMessage(ParseJson(text, "f"));
  return 0;
}
