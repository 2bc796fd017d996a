// Any bytes as a .tnpu container: what is read as one is written and read
// again as the same.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "emulators/npu/isa/tnpu.h"
#include "kernels/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace triptych;
  using namespace triptych::npu;
  const auto tnpu = ParseTnpu(std::as_bytes(std::span(data, size)), "f");
  if (!tnpu) {
    TRIPTYCH_CHECK(tnpu.error().message.starts_with("f: "),
                   tnpu.error().message);
    return 0;
  }
  const std::vector<std::byte> bytes = WriteTnpu(*tnpu);
  const auto again = ParseTnpu(bytes, "g");
  TRIPTYCH_CHECK(again, (again ? "" : again.error().message));
  TRIPTYCH_CHECK(again->labels == tnpu->labels &&
                 again->relocations == tnpu->relocations &&
                 again->marks.size() == tnpu->marks.size());
  TRIPTYCH_CHECK(std::ranges::equal(std::as_bytes(std::span(again->commands)),
                                    std::as_bytes(std::span(tnpu->commands))));
  return 0;
}
