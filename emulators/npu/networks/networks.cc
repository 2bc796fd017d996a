// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/networks/networks.h"

#include <fmt/format.h>

#include <string>

namespace triptych::npu {

Result<std::vector<TopologyLayer>> NetworkByName(std::string_view name) {
  std::string known;
  for (const NetworkFile& network : AllNetworks()) {
    if (network.name == name) return ParseTopology(network.text, network.file);
    known += (known.empty() ? "" : ", ") + std::string(network.name);
  }
  return MakeError(ErrorCode::kUnsupported,
                   fmt::format("npu: network: \"{}\" has no list of layers; "
                               "allowed {}",
                               name, known));
}

}  // namespace triptych::npu
