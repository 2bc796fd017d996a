// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include "models/formats/tflite_model.h"

namespace triptych {

// The offset of the root table, then the format's four letters.
bool LooksLikeTflite(std::span<const std::byte> bytes) {
  return bytes.size() >= 8 && std::memcmp(bytes.data() + 4, "TFL3", 4) == 0;
}

}  // namespace triptych
