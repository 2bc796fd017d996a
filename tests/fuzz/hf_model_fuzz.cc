// Any text as a config.json and, after a zero byte, any bytes as the tensors
// that it describes.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string_view>

#include "models/formats/hf_model.h"
#include "models/formats/safetensors.h"
#include "tests/fuzz/fuzz.h"

namespace triptych {
namespace {

// Reads each byte that a tensor claims.
void Touch(const SafetensorsFile& file) {
  unsigned sum = 0;
  for (const SafeTensor& tensor : file.tensors()) {
    for (const std::byte b : tensor.data) sum += static_cast<unsigned>(b);
  }
  TRIPTYCH_CHECK(sum < ~0u, "as good as never");
}
void Touch(const HfConfig&) {}

template <class T>
bool Fine(const Result<T>& result) {
  if (result) {
    Touch(*result);
    return true;
  }
  const std::string& message = result.error().message;
  TRIPTYCH_CHECK(message.starts_with("f: "), message);
  return false;
}

}  // namespace
}  // namespace triptych

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace triptych;
  const uint8_t* zero = std::find(data, data + size, uint8_t{0});
  const std::string_view text(reinterpret_cast<const char*>(data),
                              static_cast<size_t>(zero - data));
  const size_t begin = std::min(text.size() + 1, size);
  const auto bytes = FuzzFile(data + begin, size - begin);
  const auto config = ParseHfConfig(text, "f");
  const auto file = SafetensorsFile::Parse(bytes, "f");
  const bool whole = Fine(config), placed = Fine(file);
  if (whole && placed) {
    TouchOrFail(MakeHfModel(*config, std::span(&*file, 1)));
  }
  return 0;
}
