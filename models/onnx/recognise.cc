// SPDX-License-Identifier: Apache-2.0
#include "models/onnx/import.h"

namespace triptych {

// A ModelProto is written in the order of its fields: first the IR version
// (field 1, a number of one byte so far), then whatever comes next of the
// producer's name and version, the domain, the model's version and
// documentation, and the graph: fields 2 to 8, all but one with a length.
bool LooksLikeOnnx(std::span<const std::byte> bytes) {
  if (bytes.size() < 4 || bytes[0] != std::byte{0x08}) return false;
  const int version = std::to_integer<int>(bytes[1]);
  const int tag = std::to_integer<int>(bytes[2]);
  const int field = tag >> 3, wire = tag & 7;
  return version >= 1 && version < 64 && field >= 2 && field <= 8 &&
         wire == (field == 5 ? 0 : 2);
}

}  // namespace triptych
