// Any text as a SCALE-Sim topology and as its configuration.
// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "kernels/base/check.h"
#include "models/formats/scalesim_config.h"
#include "models/formats/scalesim_topology.h"

namespace triptych {
namespace {

// What was refused must say where: "f:LINE: ".
template <class T>
void CheckLocated(const Result<T>& result) {
  if (result) return;
  const std::string& message = result.error().message;
  TRIPTYCH_CHECK(message.starts_with("f:"), message);
}

// Every count there is, so that one which overflows is noticed.
void Touch(const TopologyLayer& layer) {
  TRIPTYCH_CHECK(layer.m() >= 1 && layer.n() >= 1 && layer.k() >= 1, "product",
                 layer.m());
  TRIPTYCH_CHECK(layer.input() >= 1 && layer.output() >= 1, "tensors",
                 layer.input());
  TRIPTYCH_CHECK(layer.weights() >= 0 && layer.macs() >= 0, "work",
                 layer.weights());
}

void Read(std::string_view text) {
  const auto layers = ParseTopology(text, "f");
  CheckLocated(layers);
  if (layers) {
    for (const TopologyLayer& layer : *layers) Touch(layer);
  }
  CheckLocated(ParseScaleSimConfig(text, "f"));
}

}  // namespace
}  // namespace triptych

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  triptych::Read({reinterpret_cast<const char*>(data), size});
  return 0;
}
